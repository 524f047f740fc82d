"""From a checkpoint to what faster-whisper loads: Hugging Face layout first, then CTranslate2 int8."""

import json
import shutil
from pathlib import Path
from typing import Any, cast

import ctranslate2
import torch
from tokenizers import Tokenizer
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    WhisperConfig,
    WhisperForConditionalGeneration,
)

from . import model, tokens, training

_PREPROCESSOR: dict[str, Any] = {
    "chunk_length": 30,
    "feature_extractor_type": "WhisperFeatureExtractor",
    "feature_size": 80,
    "hop_length": 160,
    "n_fft": 400,
    "n_samples": 480_000,
    "nb_max_frames": 3_000,
    "padding_side": "right",
    "padding_value": 0.0,
    "processor_class": "WhisperProcessor",
    "return_attention_mask": False,
    "sampling_rate": 16_000,
}
_AUXILIARY = ("frame.", "span.")


def export(checkpoint: Path, tokenizer: Path, target: Path) -> None:
    """Convert a checkpoint to CTranslate2 int8 in `target`; its Hugging Face form stays beside it."""
    trained = training.load(checkpoint)
    hugging_face = target.with_name(target.name + "-hf")
    for folder in (target, hugging_face):
        shutil.rmtree(folder, ignore_errors=True)
    _hugging_face(trained, tokenizer, hugging_face)
    converter = ctranslate2.converters.TransformersConverter(
        str(hugging_face), copy_files=["tokenizer.json", "preprocessor_config.json"]
    )
    converter.convert(str(target), quantization="int8")


def _hugging_face(trained: model.Whisper, tokenizer: Path, folder: Path) -> None:
    shape = trained.shape
    special: dict[str, Any] = {
        "decoder_start_token_id": tokens.START,
        "bos_token_id": tokens.END,
        "eos_token_id": tokens.END,
        "pad_token_id": tokens.END,
    }
    whisper = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=tokens.VOCABULARY,
            num_mel_bins=80,
            d_model=shape.width,
            encoder_layers=shape.encoder_layers,
            decoder_layers=shape.decoder_layers,
            encoder_attention_heads=shape.heads,
            decoder_attention_heads=shape.heads,
            encoder_ffn_dim=shape.inner,
            decoder_ffn_dim=shape.inner,
            max_source_positions=model.CONTEXT,
            max_target_positions=448,
            suppress_tokens=None,
            begin_suppress_tokens=None,
            scale_embedding=False,
            **special,
        )
    )
    weights = {
        f"model.{name}": value.float()
        for name, value in trained.state_dict().items()
        if not name.startswith(_AUXILIARY)
    }
    weights["proj_out.weight"] = weights["model.decoder.embed_tokens.weight"]
    whisper.load_state_dict(weights, strict=True)
    whisper.tie_weights()
    layers = range(max(0, shape.decoder_layers - 2), shape.decoder_layers)
    # Not the end token: silence has to be able to give nothing.
    lone_space = Tokenizer.from_file(str(tokenizer)).encode(" ", add_special_tokens=False).ids
    # The library fills these from a dictionary and declares no types for them.
    generation: Any = cast(Any, GenerationConfig)(
        suppress_tokens=[], begin_suppress_tokens=lone_space, max_length=448, **special
    )
    generation.alignment_heads = [[layer, 0] for layer in layers]
    generation.no_timestamps_token_id = tokens.NO_TIMESTAMPS
    generation.is_multilingual = False
    whisper.generation_config = generation
    whisper.save_pretrained(folder)
    end = "<|endoftext|>"
    cast(Any, PreTrainedTokenizerFast)(
        tokenizer_file=str(tokenizer), bos_token=end, eos_token=end, unk_token=end, pad_token=end
    ).save_pretrained(folder)
    shutil.copy(tokenizer, folder / "tokenizer.json")
    (folder / "preprocessor_config.json").write_text(json.dumps(_PREPROCESSOR, indent=1))


def size(folder: Path) -> int:
    """Return the bytes of a model folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


def checkpoint_parameters(checkpoint: Path) -> int:
    """Return how many parameters the exported model has (without the auxiliary heads)."""
    weights = torch.load(checkpoint, weights_only=True)["weights"]
    return sum(value.numel() for name, value in weights.items() if not name.startswith(_AUXILIARY))
