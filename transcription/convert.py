"""Take a model in: copy a CTranslate2 directory, or convert a Hugging Face Whisper that lies on this disk.

Nothing that could run is read: of a Hugging Face directory only tensors in safetensors and JSON, never a
pickle and never code. Conversion needs transformers and torch (requirements/convert.lock), in this process
and at this time only.
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from transcription.cards import CARD_FILE, read_card, read_json
from transcription.catalog import (
    NEEDED_FILES,
    VOCABULARY_FILES,
    ModelFiles,
    check_complete,
    file_sha256,
    model_folder,
    verify,
)
from transcription.errors import ModelUnavailable

OnProgress = Callable[[str, int, int], None]
"""Given what is being done, and how much of how much of it is done."""

QUANTIZATIONS: Final = (
    "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16", "float32",
)  # fmt: skip
INSTALL: Final = ".venv/bin/python -m pip install --require-hashes --no-deps -r requirements/convert.lock"
_COPIED: Final = (*NEEDED_FILES, *VOCABULARY_FILES, "preprocessor_config.json")
_BLOCK: Final = 4 << 20
_ROOM: Final = 64 << 20
_HF_JSON: Final = (
    "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json",
    "tokenizer.json", "tokenizer_config.json", "vocab.json", "normalizer.json", "special_tokens_map.json",
    "added_tokens.json", "model.safetensors.index.json",
)  # fmt: skip
_HF_TEXT: Final = ("merges.txt",)
_PICKLES: Final = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")


def kind_of(source: Path) -> str:
    """Tell what a directory holds: `ctranslate2` or `hugging-face`. Raises ModelUnavailable."""
    if (source / "model.bin").is_file():
        return "ctranslate2"
    if _weights(source):
        return "hugging-face"
    if any(found for pattern in _PICKLES for found in source.glob(pattern)):
        raise ModelUnavailable(
            "not_convertible",
            f"{source} holds its weights as a pickle, which can run any program when it is read.",
            "Get the model.safetensors of the same model, or convert it to safetensors elsewhere.",
        )
    raise ModelUnavailable(
        "incomplete_model",
        f"{source} holds neither model.bin (CTranslate2) nor model.safetensors (Hugging Face).",
        "Give the directory that has the files, not the one above it.",
    )


def add(
    source: Path,
    name: str,
    models_dir: Path,
    *,
    quantization: str = "",
    languages: Sequence[str] = (),
    on_progress: OnProgress = lambda what, done, total: None,
) -> Path:
    """Take a directory in under a name, with a card that has the hash of each file; return its new place.

    It is put in place at once or not at all. `languages`: codes for the card, where the model knows only
    some. Raises ModelUnavailable with what to do.
    """
    target = model_folder(name, models_dir)
    if target.exists():
        raise ModelUnavailable(
            "not_convertible", f"There is a model named {name} already: {target}.", "Choose another --name."
        )
    kind = kind_of(source)
    if kind == "ctranslate2" and quantization:
        raise ModelUnavailable(
            "not_convertible",
            f"{source} is converted already; its arithmetic is chosen when it is loaded.",
            "Leave --quantization out, or set EARMARK_COMPUTE_TYPE.",
        )
    with _beside(target) as part:
        if kind == "ctranslate2":
            check_complete(source)
            verify(source)
            _copy(source, part, on_progress)
        else:
            _convert(source, part, quantization or "int8", on_progress)
        check_complete(part)
        _write_card(part, name, _said(source) if kind == "ctranslate2" else {}, languages, on_progress)
        read_card(part)
        part.rename(target)
    return target


def describe(path: Path, name: str) -> ModelFiles:
    """Return a model that was taken in, checked."""
    return ModelFiles(path, name, verify(path), read_card(path))


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.parent / f".{target.name}.{secrets.token_hex(4)}.part"
    part.mkdir()
    try:
        yield part
    except OSError as error:
        if error.errno == 28:
            raise ModelUnavailable("disk_full", "The disk is full.", "Free some space.") from error
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _copy(source: Path, part: Path, on_progress: OnProgress) -> None:
    card = _said(source)
    names = [*_COPIED, *(name for name in card.get("sha256", {}) if name not in _COPIED)]
    files = [source / name for name in names if (source / name).is_file()]
    total = sum(path.stat().st_size for path in files)
    if shutil.disk_usage(part).free < total + _ROOM:
        raise ModelUnavailable(
            "disk_full", f"{source} has {total >> 20} MiB, and {part.parent} has less free.", "Free some."
        )
    done = 0
    for path in files:
        with path.open("rb") as old, (part / path.name).open("xb") as new:
            while block := old.read(_BLOCK):
                new.write(block)
                done += len(block)
                on_progress("copy", done, total)
            new.flush()
            os.fsync(new.fileno())


def _convert(source: Path, part: Path, quantization: str, on_progress: OnProgress) -> None:
    if quantization not in QUANTIZATIONS:
        raise ModelUnavailable(
            "not_convertible",
            f"There is no quantization {quantization!r}.",
            f"Use {', '.join(QUANTIZATIONS)}.",
        )
    if read_json(source / "config.json").get("model_type") != "whisper":
        raise ModelUnavailable(
            "not_convertible",
            f"{source / 'config.json'} is not of a Whisper model.",
            "Only Whisper is taken.",
        )
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelUnavailable(
            "not_convertible",
            f"Converting a Hugging Face model needs {' and '.join(missing)}, which a site does not need.",
            f"Install it once: {INSTALL}",
        )
    steps = 4
    on_progress("convert", 0, steps)
    safe, made = part / "source", part / "made"
    safe.mkdir()
    # The converter sees only what can hold no code: with a pickle beside it, it might prefer that one.
    for name in (*_HF_JSON, *_HF_TEXT, *(path.name for path in _weights(source))):
        if (source / name).is_file():
            (safe / name).symlink_to((source / name).resolve())
    tokenizer = _tokenizer(safe, part)
    on_progress("convert", 1, steps)
    try:
        import transformers
        from ctranslate2.converters import TransformersConverter

        transformers.utils.logging.disable_progress_bar()
        copied = [name for name in ("preprocessor_config.json",) if (safe / name).is_file()]
        converter = TransformersConverter(str(safe), copy_files=copied, low_cpu_mem_usage=True)
        converter.convert(str(made), quantization=quantization)
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError, ImportError) as error:
        raise ModelUnavailable(
            "not_convertible",
            f"{source} can't be converted: {type(error).__name__}: {error}",
            "See that it is the whole directory of a Whisper model.",
        ) from error
    on_progress("convert", 3, steps)
    for path in made.iterdir():
        path.rename(part / path.name)
    tokenizer.rename(part / "tokenizer.json")
    shutil.rmtree(safe)
    made.rmdir()
    on_progress("convert", steps, steps)


def _tokenizer(safe: Path, part: Path) -> Path:
    """Give the tokenizer in the one file that engines read; made of its parts where it isn't there."""
    made = part / "tokenizer.made.json"
    if (safe / "tokenizer.json").is_file():
        shutil.copyfile(safe / "tokenizer.json", made)
        return made
    from transformers import WhisperTokenizerFast

    try:
        fast: Any = WhisperTokenizerFast.from_pretrained(str(safe))
    except (OSError, ValueError, TypeError) as error:
        raise ModelUnavailable(
            "incomplete_model",
            "The directory has no tokenizer.json, and none can be made of vocab.json and merges.txt.",
            "Provide tokenizer.json beside the weights.",
        ) from error
    fast.backend_tokenizer.save(str(made))
    return made


def _weights(source: Path) -> list[Path]:
    """List the safetensors of a directory: one file, or the parts its index names."""
    if (source / "model.safetensors").is_file():
        return [source / "model.safetensors"]
    index = source / "model.safetensors.index.json"
    if not index.is_file():
        return []
    parts = sorted({str(name) for name in read_json(index).get("weight_map", {}).values()})
    missing = [name for name in parts if Path(name).name != name or not (source / name).is_file()]
    if missing or not parts:
        raise ModelUnavailable(
            "incomplete_model", f"{source} lacks {', '.join(missing) or 'its weights'}.", "Copy it again."
        )
    return [source / name for name in parts]


def _said(source: Path) -> dict[str, Any]:
    return read_json(source / CARD_FILE) if (source / CARD_FILE).is_file() else {}


def _write_card(
    part: Path, name: str, said: dict[str, Any], languages: Sequence[str], on_progress: OnProgress
) -> None:
    """Write what the model's own card said, under its new name, with the hash of every file."""
    files = sorted(path for path in part.iterdir() if path.name != CARD_FILE)
    hashes = {}
    for number, path in enumerate(files):
        on_progress("hash", number, len(files))
        hashes[path.name] = file_sha256(path)
    on_progress("hash", len(files), len(files))
    card: dict[str, Any] = {"title": name, **said, "name": name, "sha256": hashes}
    if languages:
        card["languages"] = list(languages)
    with (part / CARD_FILE).open("w", encoding="utf-8") as file:
        json.dump(card, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
