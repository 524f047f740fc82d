"""Write a Whisper model of given dimensions and random weights, with the real multilingual vocabulary layout.

For measuring where no real weights can be had: it costs what a real one costs, and hears nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from ctranslate2.specs.whisper_spec import WhisperSpec
from faster_whisper.tokenizer import _LANGUAGE_CODES
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

TEXT_TOKENS: Final = 50_257


@dataclass(frozen=True, slots=True)
class Dimensions:
    """State the size of a model: layers and heads of each side, width, and mel bins of its input."""

    layers: int
    heads: int
    decoder_layers: int
    width: int
    mels: int


LARGE_V3: Final = Dimensions(layers=32, heads=20, decoder_layers=32, width=1280, mels=128)
TOY: Final = Dimensions(layers=1, heads=2, decoder_layers=1, width=32, mels=80)


def build(folder: Path, dimensions: Dimensions, *, seed: int = 0) -> Path:
    """Write a model to `folder`, in half precision (3 GB with the dimensions of large-v3)."""
    writer = _Writer(dimensions, seed)
    vocabulary, special, languages = _vocabulary()
    spec = writer.spec
    spec.decoder.embeddings.weight = writer.weights(len(vocabulary), dimensions.width)
    spec.decoder.projection.weight = spec.decoder.embeddings.weight
    spec.register_vocabulary(vocabulary)
    spec.config.alignment_heads = [[dimensions.decoder_layers - 1, 0]]
    spec.config.lang_ids = [vocabulary.index(f"<|{code}|>") for code in languages]
    spec.config.suppress_ids = []
    # Never the end of the text: a cap on tokens ends it, so that all have the same length.
    spec.config.suppress_ids_begin = []
    spec.validate()
    folder.mkdir(parents=True)
    spec.save(str(folder))
    _tokenizer(vocabulary, special).save(str(folder / "tokenizer.json"))
    features = {"feature_size": dimensions.mels, "sampling_rate": 16_000}
    (folder / "preprocessor_config.json").write_text(json.dumps(features), encoding="utf-8")
    return folder


class _Writer:
    """Fill a specification layer by layer."""

    def __init__(self, dimensions: Dimensions, seed: int) -> None:
        d = dimensions
        self._width, self._random = d.width, np.random.default_rng(seed)
        self.spec: Any = WhisperSpec(d.layers, d.heads, d.decoder_layers, d.heads)
        encoder, decoder = self.spec.encoder, self.spec.decoder
        for index in range(d.layers):
            self._layer(encoder.layer[index], cross=False)
        for index in range(d.decoder_layers):
            self._layer(decoder.layer[index], cross=True)
        for side in (encoder, decoder):
            self._norm(side.layer_norm)
        encoder.conv1.weight, encoder.conv1.bias = self.weights(d.width, d.mels, 3), self.weights(d.width)
        encoder.conv2.weight, encoder.conv2.bias = self.weights(d.width, d.width, 3), self.weights(d.width)
        encoder.position_encodings.encodings = self.weights(1_500, d.width)
        decoder.position_encodings.encodings = self.weights(448, d.width)

    def weights(self, *shape: int) -> NDArray[np.float16]:
        """Return small random numbers."""
        drawn = self._random.standard_normal(shape, dtype=np.float32) * np.float32(0.02)
        return drawn.astype(np.float16)

    def _layer(self, layer: Any, *, cross: bool) -> None:
        width = self._width
        self._norm(layer.self_attention.layer_norm)
        self._linear(layer.self_attention.linear[0], 3 * width, width)
        self._linear(layer.self_attention.linear[1], width, width)
        if cross:
            self._norm(layer.attention.layer_norm)
            self._linear(layer.attention.linear[0], width, width)
            self._linear(layer.attention.linear[1], 2 * width, width)
            self._linear(layer.attention.linear[2], width, width)
        self._norm(layer.ffn.layer_norm)
        self._linear(layer.ffn.linear_0, 4 * width, width)
        self._linear(layer.ffn.linear_1, width, 4 * width)

    def _linear(self, part: Any, outputs: int, inputs: int) -> None:
        part.weight, part.bias = self.weights(outputs, inputs), self.weights(outputs)

    def _norm(self, part: Any) -> None:
        part.gamma, part.beta = np.ones(self._width, np.float16), np.zeros(self._width, np.float16)


def _vocabulary() -> tuple[list[str], list[str], list[str]]:
    """Return all tokens, the special ones among them, and the languages; large-v3's has one language more."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = alphabet + [f"Ġw{index}" for index in range(TEXT_TOKENS - len(alphabet) - 1)]
    words.append("")  # the empty token is how CTranslate2 knows a multilingual vocabulary
    languages = list(_LANGUAGE_CODES)
    special = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in languages)]
    special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>"]
    special += ["<|notimestamps|>", *(f"<|{index * 0.02:.2f}|>" for index in range(1_501))]
    return words + special, special, languages


def _tokenizer(vocabulary: list[str], special: list[str]) -> Tokenizer:
    words = vocabulary[: len(vocabulary) - len(special)]
    made = Tokenizer(models.BPE(vocab={word: index for index, word in enumerate(words)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(token, special=True) for token in special])
    return made
