"""Build a Whisper model of random weights with the real multilingual vocabulary layout.

It hears nothing, but it walks every path that the English demo models can't: language detection, the language
and task in the prompt, windows of several languages in one batch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.specs.whisper_spec import WhisperSpec
from faster_whisper.tokenizer import _LANGUAGE_CODES
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

WIDTH = 32
_TEXT_TOKENS = 50_257


def build(folder: Path, *, seed: int = 0) -> Path:
    """Write a model of one layer each side, 2 heads and 51,865 tokens to `folder`."""
    generator = np.random.default_rng(seed)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = alphabet + [f"Ġw{index}" for index in range(_TEXT_TOKENS - len(alphabet) - 1)]
    # The empty token is how CTranslate2 knows a multilingual vocabulary.
    words.append("")
    # Whisper's first 99 languages; Cantonese came with large-v3.
    languages = [code for code in _LANGUAGE_CODES if code != "yue"]
    special = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in languages)]
    special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>"]
    special += ["<|notimestamps|>", *(f"<|{index * 0.02:.2f}|>" for index in range(1_501))]
    tokenizer = Tokenizer(models.BPE(vocab={word: index for index, word in enumerate(words)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    vocabulary = words + special
    assert len(vocabulary) == 51_865

    spec = WhisperSpec(1, 2, 1, 2)

    def weights(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return generator.normal(0, 0.3, shape).astype(np.float32)

    def linear(name: str, outputs: int, inputs: int) -> None:
        part = _at(spec, name)
        part.weight, part.bias = weights(outputs, inputs), weights(outputs)

    def norm(name: str) -> None:
        part = _at(spec, name)
        part.gamma, part.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)

    for side in ("encoder", "decoder"):
        norm(f"{side}.layer_norm")
        layer = f"{side}.layer.0"
        norm(f"{layer}.self_attention.layer_norm")
        linear(f"{layer}.self_attention.linear.0", 3 * WIDTH, WIDTH)
        linear(f"{layer}.self_attention.linear.1", WIDTH, WIDTH)
        norm(f"{layer}.ffn.layer_norm")
        linear(f"{layer}.ffn.linear_0", 2 * WIDTH, WIDTH)
        linear(f"{layer}.ffn.linear_1", WIDTH, 2 * WIDTH)
    norm("decoder.layer.0.attention.layer_norm")
    linear("decoder.layer.0.attention.linear.0", WIDTH, WIDTH)
    linear("decoder.layer.0.attention.linear.1", 2 * WIDTH, WIDTH)
    linear("decoder.layer.0.attention.linear.2", WIDTH, WIDTH)
    spec.encoder.conv1.weight, spec.encoder.conv1.bias = weights(WIDTH, 80, 3), weights(WIDTH)
    spec.encoder.conv2.weight, spec.encoder.conv2.bias = weights(WIDTH, WIDTH, 3), weights(WIDTH)
    spec.encoder.position_encodings.encodings = weights(1_500, WIDTH)
    spec.decoder.position_encodings.encodings = weights(448, WIDTH)
    spec.decoder.embeddings.weight = weights(len(vocabulary), WIDTH)
    spec.decoder.projection.weight = spec.decoder.embeddings.weight
    spec.register_vocabulary(vocabulary)
    spec.config.alignment_heads = [[0, 0]]
    spec.config.lang_ids = [vocabulary.index(f"<|{code}|>") for code in languages]
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.validate()
    folder.mkdir(parents=True)
    spec.save(str(folder))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"feature_size": 80, "sampling_rate": 16_000})
    )
    return folder


def _at(spec: Any, name: str) -> Any:
    part = spec
    for step in name.split("."):
        part = part[int(step)] if step.isdigit() else getattr(part, step)
    return part
