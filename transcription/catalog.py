"""Resolve the name of a model to checked files on this disk.

A name is looked for in this order: a directory given by path; the models that come with the project
(`demo-draft`, `demo-refine`); the models directory; and, only where none has it, the hub, from which it is
downloaded once. A model that is on the disk is used without any network call.

Only CTranslate2's own format is loaded: tensors and nothing that could run. Every model's files are compared
with the hashes of its card, or with those written when it was downloaded.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from transcription.cards import CARD_FILE, ModelCard, read_card, read_json
from transcription.errors import ModelUnavailable
from transcription.notes import Notes

__all__ = ["CARD_FILE", "ModelCard", "ModelFiles", "read_card", "resolve"]

HUB_NAMES: Final = {
    "tiny": "Systran/faster-whisper-tiny",
    "tiny.en": "Systran/faster-whisper-tiny.en",
    "base": "Systran/faster-whisper-base",
    "base.en": "Systran/faster-whisper-base.en",
    "small": "Systran/faster-whisper-small",
    "small.en": "Systran/faster-whisper-small.en",
    "medium": "Systran/faster-whisper-medium",
    "medium.en": "Systran/faster-whisper-medium.en",
    "large-v1": "Systran/faster-whisper-large-v1",
    "large-v2": "Systran/faster-whisper-large-v2",
    "large-v3": "Systran/faster-whisper-large-v3",
    "large": "Systran/faster-whisper-large-v3",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-small.en": "Systran/faster-distil-whisper-small.en",
    "distil-medium.en": "Systran/faster-distil-whisper-medium.en",
    "distil-large-v2": "Systran/faster-distil-whisper-large-v2",
    "distil-large-v3": "Systran/faster-distil-whisper-large-v3",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
}
"""Names that faster-whisper 1.2 knows and the hub repository of each, in CTranslate2 format."""

_ALIASES: Final = {"large": "large-v3", "turbo": "large-v3-turbo"}
"""Second names of the same model, so that it is stored once."""

RECORD_FILE: Final = "downloaded.json"
"""Written beside a downloaded model: repository, revision and the SHA-256 of each file."""
NEEDED_FILES: Final = ("model.bin", "config.json", "tokenizer.json")
VOCABULARY_FILES: Final = ("vocabulary.json", "vocabulary.txt")
_WORTH_NOTING: Final = 8 << 20
"""Bytes from which on a noted hash is believed; smaller files are read each time, within milliseconds."""
_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[\w.-]{1,96}")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model that is on this disk and was checked: directory, name asked for, SHA-256 of model.bin, card."""

    path: Path
    name: str
    sha256: str
    card: ModelCard


def model_folder(name: str, models_dir: Path) -> Path:
    """Return where a model of that name lies, or would. Raises ModelUnavailable for what is no name."""
    if not (_PLAIN_NAME.fullmatch(name) or _HUB_ID.fullmatch(name)):
        raise ModelUnavailable(
            "unknown_model",
            f"{name!r} can't be the name of a model.",
            "Use letters, digits, dots, dashes and underscores, beginning with a letter or digit.",
        )
    return models_dir / _folder_name(name)


def default_models_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where models are kept when nobody says where: as the site does, else in the user's cache.

    `EARMARK_MODELS_DIR`, `models` in `EARMARK_HOME`, `var/models` of this checkout where a site has run.
    """
    if named := environ.get("EARMARK_MODELS_DIR"):
        return Path(named)
    if home := environ.get("EARMARK_HOME"):
        return Path(home) / "models"
    own = Path(__file__).resolve().parent.parent / "var" / "models"
    return own if own.is_dir() else Path.home() / ".cache" / "earmark" / "models"


def canonical(name: str) -> str:
    """Return the first name of a model that has several, any other name as it is."""
    return _ALIASES.get(name, name)


def known_names(bundled_dir: Path | None = None) -> tuple[str, ...]:
    """List the names that need no path and no organisation: those of the hub, then the bundled ones."""
    bundled = sorted(path.parent.name for path in bundled_dir.glob("*/model.bin")) if bundled_dir else []
    return (*HUB_NAMES, *bundled)


def find(name_or_path: str, *, models_dir: Path, bundled_dir: Path | None = None) -> Path | None:
    """Find the directory of a model that is already on this disk, unchecked; None where it is not.

    Raises ModelUnavailable `unknown_model` for a text that can be no model's name.
    """
    if _is_path(name_or_path):
        path = Path(name_or_path).expanduser()
        return path if path.is_dir() else None
    if not (_PLAIN_NAME.fullmatch(name_or_path) or _HUB_ID.fullmatch(name_or_path)):
        raise ModelUnavailable(
            "unknown_model",
            f"{name_or_path!r} is no name of a model.",
            f"Use one of {', '.join(HUB_NAMES)}, a hub id such as org/name, or an absolute path.",
        )
    places = [models_dir / _folder_name(name_or_path)]
    if bundled_dir is not None and "/" not in name_or_path:
        places.insert(0, bundled_dir / name_or_path)
    return next((place for place in places if (place / "model.bin").is_file()), None)


def resolve(
    name_or_path: str,
    *,
    models_dir: Path,
    bundled_dir: Path | None = None,
    allow_download: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
    notes: Notes | None = None,
) -> ModelFiles:
    """Give a model's checked files, downloading them once where they are nowhere on this disk.

    `on_progress` is given bytes done and bytes in all while downloading. Reading all files for their hashes
    takes about a second per gigabyte; with `notes`, only files that changed since they were noted are read.
    Raises ModelUnavailable with what to do.
    """
    path = find(name_or_path, models_dir=models_dir, bundled_dir=bundled_dir)
    if path is None:
        path = _fetch(name_or_path, models_dir, allow_download=allow_download, on_progress=on_progress)
    check_complete(path)
    return ModelFiles(path=path, name=name_or_path, sha256=verify(path, notes), card=read_card(path))


def check_complete(path: Path) -> None:
    """Raise ModelUnavailable where `path` lacks a file, or model.bin is no CTranslate2 Whisper model."""
    missing = [name for name in NEEDED_FILES if not (path / name).is_file()]
    if not any((path / name).is_file() for name in VOCABULARY_FILES):
        missing.append("vocabulary.json")
    if missing:
        raise ModelUnavailable(
            "incomplete_model",
            f"The model in {path} lacks {', '.join(missing)}.",
            f"A model directory holds {_files_wanted()}, as ct2-transformers-converter writes them.",
        )
    with (path / "model.bin").open("rb") as file:
        head = file.read(64)
    if _specification(head) != "WhisperSpec":
        raise ModelUnavailable(
            "not_ctranslate2",
            f"{path / 'model.bin'} is not a CTranslate2 Whisper model.",
            "Convert the model first: ct2-transformers-converter --model DIR --output_dir NEW "
            "--copy_files tokenizer.json preprocessor_config.json --quantization int8",
        )


def _fetch(
    name: str, models_dir: Path, *, allow_download: bool, on_progress: Callable[[int, int], None] | None
) -> Path:
    if _is_path(name):
        raise ModelUnavailable(
            "model_missing", f"There is no directory {name}.", f"It should hold {_files_wanted()}."
        )
    repository = HUB_NAMES.get(name) or (name if _HUB_ID.fullmatch(name) else None)
    if repository is None:
        raise ModelUnavailable(
            "unknown_model",
            f"There is no model named {name!r}.",
            f"Use one of {', '.join(HUB_NAMES)}, a hub id such as org/name, or an absolute path.",
        )
    target = models_dir / _folder_name(name)
    how_to = by_hand(repository, target)
    if not allow_download:
        raise ModelUnavailable(
            "model_missing", f"The model {name} is not on this machine, and downloading is off.", how_to
        )
    from transcription import hub

    hub.download(repository, target, how_to=how_to, on_progress=on_progress)
    return target


def by_hand(repository: str, target: Path) -> str:
    """Say how to provide a model where it can't be downloaded: the files, the directory, the option."""
    return (
        f"On a machine that reaches the hub, run `hf download {repository} --local-dir {target.name}`, "
        f"and copy that directory to {target} here. It must hold {_files_wanted()}. "
        "Or set EARMARK_MODELS_DIR to a "
        "directory that has it, or give the model as an absolute path."
    )


def verify(path: Path, notes: Notes | None = None) -> str:
    """Compare every file with its known hash, and give that of model.bin. Raises ModelUnavailable."""
    known: dict[str, str] = {}
    for name in (CARD_FILE, RECORD_FILE):
        if (path / name).is_file():
            known |= read_json(path / name).get("sha256", {})
    found = ""
    for name in sorted({"model.bin", *known}):
        if Path(name).name != name or not (path / name).is_file():
            raise ModelUnavailable(
                "incomplete_model", f"The model in {path} lacks {name}.", "Provide the directory again."
            )
        digest = _noted_sha256(path / name, notes or Notes(None))
        if known.get(name, digest) != digest:
            raise ModelUnavailable(
                "hash_mismatch",
                f"{path / name} is not the file it was: its SHA-256 is {digest}, not {known[name]}.",
                "Remove the directory so that it is downloaded again, or copy it again from its source.",
            )
        if name == "model.bin":
            found = digest
    return found


def _noted_sha256(path: Path, notes: Notes) -> str:
    """Give the hash of a file, read anew when anything about it has changed since it was noted."""
    if path.stat().st_size < _WORTH_NOTING:
        return file_sha256(path)
    key, before = str(path.resolve()), _state(path)
    noted = notes.get("sha256", key)
    if isinstance(noted, list) and len(noted) == 2 and noted[0] == before and isinstance(noted[1], str):
        return noted[1]
    digest = file_sha256(path)
    if _state(path) == before:  # not while it is being written
        notes.put("sha256", key, [before, digest])
    return digest


def _state(path: Path) -> list[int]:
    """Give what changes with a file's content; ctime too, because an mtime can be set back."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev]


def file_sha256(path: Path) -> str:
    """Give the SHA-256 of a file as 64 hex digits, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_path(text: str) -> bool:
    return text.startswith(("/", "./", "../", "~"))


def _folder_name(name: str) -> str:
    return canonical(name).replace("/", "--")


def _files_wanted() -> str:
    return ", ".join(
        (*NEEDED_FILES, "vocabulary.json (or .txt)", "preprocessor_config.json (large-v3 and later)")
    )


def _specification(head: bytes) -> str | None:
    """Read which specification a CTranslate2 binary is of: u32 version, u16 length, name, NUL."""
    if len(head) < 6:
        return None
    version, length = struct.unpack_from("<IH", head)
    if not 2 <= version <= 99 or not 1 < length <= len(head) - 6:
        return None
    return head[6 : 6 + length - 1].decode("ascii", "replace")
