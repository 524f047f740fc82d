"""Download a model from the hub, once, whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import functools
import json
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from transcription.catalog import NEEDED_FILES, RECORD_FILE, VOCABULARY_FILES, check_complete, file_sha256
from transcription.errors import ModelUnavailable

_WANTED: Final = (*NEEDED_FILES, *VOCABULARY_FILES, "preprocessor_config.json")
_TIMEOUT_S: Final = 10.0


def download(
    repository: str, target: Path, *, how_to: str, on_progress: Callable[[int, int], None] | None = None
) -> None:
    """Download the CTranslate2 files of `repository` to the directory `target`.

    Files are written beside it, compared with the hashes the hub gives, recorded, and moved into place at
    once. Of several processes that want the same model one downloads and the others wait. Raises
    ModelUnavailable, which carries `how_to`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    lock_path = target.parent / f".{target.name}.lock"
    with lock_path.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (target / "model.bin").is_file():
            return
        part = target.parent / f".{target.name}.{secrets.token_hex(4)}.part"
        try:
            _fetch_all(repository, part, how_to, on_progress)
            check_complete(part)
            if target.exists():
                # A directory without a model in it: what was copied by hand only in part.
                target.rename(target.parent / f".{target.name}.{secrets.token_hex(4)}.incomplete")
            part.rename(target)
        finally:
            # The lock file stays: removing it would let a third process lock another file of that name.
            shutil.rmtree(part, ignore_errors=True)


def _fetch_all(
    repository: str, part: Path, how_to: str, on_progress: Callable[[int, int], None] | None
) -> None:
    from huggingface_hub import HfApi, hf_hub_download

    info = _asking(
        repository, how_to, lambda: HfApi().model_info(repository, files_metadata=True, timeout=_TIMEOUT_S)
    )
    files = {file.rfilename: file for file in info.siblings if file.rfilename in _WANTED}
    if "model.bin" not in files:
        raise ModelUnavailable(
            "not_ctranslate2",
            f"{repository} holds no model.bin: it is not a CTranslate2 model.",
            "Convert it with ct2-transformers-converter and give the directory as an absolute path.",
        )
    total = sum(file.size or 0 for file in files.values())
    if shutil.disk_usage(part.parent).free < total + (64 << 20):
        raise ModelUnavailable(
            "disk_full",
            f"{repository} needs {total >> 20} MiB, and {part.parent} has less.",
            "Free some space.",
        )
    done = 0
    hashes: dict[str, str] = {}
    for name in sorted(files, key=lambda name: files[name].size or 0):
        fetch = functools.partial(
            hf_hub_download,
            repository,
            name,
            revision=info.sha,
            local_dir=part,
            tqdm_class=_progress_bar(done, total, on_progress),
            etag_timeout=_TIMEOUT_S,
        )
        _asking(repository, how_to, fetch)
        done += files[name].size or 0
        if on_progress is not None:
            on_progress(done, total)
        hashes[name] = file_sha256(part / name)
        promised = files[name].lfs.sha256 if files[name].lfs else None
        if promised is not None and promised != hashes[name]:
            raise ModelUnavailable(
                "hash_mismatch",
                f"{name} of {repository} arrived damaged: its SHA-256 is not the one the hub gives.",
                "Try again.",
            )
    shutil.rmtree(part / ".cache", ignore_errors=True)
    record = {"repository": repository, "revision": info.sha, "sha256": hashes}
    with (part / RECORD_FILE).open("w", encoding="utf-8") as file:
        json.dump(record, file, indent=2)
        file.flush()
        os.fsync(file.fileno())


def _asking(repository: str, how_to: str, ask: Callable[[], Any]) -> Any:
    """Run one call to the hub and turn its many ways to fail into two: unreachable, or refused."""
    from huggingface_hub.errors import (
        DisabledRepoError,
        EntryNotFoundError,
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return ask()
    except (
        DisabledRepoError, GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError, HFValidationError,
    ) as error:  # fmt: skip
        raise ModelUnavailable(
            "hub_refused",
            f"The hub has no public model {repository}, or wants a login for it.",
            f"Check the name. {how_to}",
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise ModelUnavailable("disk_full", "The disk is full.", "Free some space.") from error
        raise _unreachable(repository, how_to, error) from error
    except EntryNotFoundError as error:
        raise _unreachable(repository, how_to, error) from error
    except Exception as error:
        # The client lets the errors of its HTTP library through, and changes that library between versions.
        raise _unreachable(repository, how_to, error) from error


def _unreachable(repository: str, how_to: str, error: Exception) -> ModelUnavailable:
    return ModelUnavailable(
        "hub_unreachable",
        f"The model {repository} is not here, and the hub can't be reached ({type(error).__name__}).",
        how_to,
    )


def _progress_bar(done: int, total: int, on_progress: Callable[[int, int], None] | None) -> type[Any]:
    """Make a class that looks like tqdm to the hub's client and passes the bytes on."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs["disable"] = True
            super().__init__(*args, **kwargs)
            self.passed = 0

        def update(self, n: float | None = 1) -> None:
            self.passed += int(n or 0)
            if on_progress is not None:
                on_progress(min(total, done + self.passed), total)

    return Bar
