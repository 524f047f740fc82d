"""Download a model from the hub, once, whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import functools
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

from transcription.catalog import NEEDED_FILES, RECORD_FILE, VOCABULARY_FILES, check_complete, file_sha256
from transcription.errors import ModelUnavailable

_WANTED: Final = (*NEEDED_FILES, *VOCABULARY_FILES, "preprocessor_config.json")
_TIMEOUT_S: Final = 10.0
_REVISION: Final = ".revision"
"""Says in an unfinished directory which revision its files are of."""
_LOOK_AGAIN_S: Final = 1.0
"""How often a process that waits for another one's download looks whether that has ended."""


def download(
    repository: str, target: Path, *, how_to: str, on_progress: Callable[[int, int], None] | None = None
) -> None:
    """Download the CTranslate2 files of `repository` to the directory `target`.

    Files are written beside it, compared with the hashes the hub gives, recorded, and moved into place at
    once. Of several processes that want the same model one downloads and the others wait; they call
    `on_progress` with nothing done, as a sign of life. A download that was cut off by the network or by the
    end of its process is gone on with by the next call. Raises ModelUnavailable, which carries `how_to`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    lock_path = target.parent / f".{target.name}.lock"
    with lock_path.open("ab") as lock:
        _wait_for(lock, on_progress)
        if (target / "model.bin").is_file():
            return
        part = target.parent / f".{target.name}.part"
        try:
            _fetch_all(repository, part, how_to, on_progress)
            check_complete(part)
        except ModelUnavailable as error:
            if error.code != "hub_unreachable":  # what is damaged, or fills the disk, is of no use later
                shutil.rmtree(part, ignore_errors=True)
            raise
        if target.exists():
            # A directory without a model in it: what was copied by hand only in part.
            target.rename(target.parent / f".{target.name}.{secrets.token_hex(4)}.incomplete")
        part.rename(target)
        # The lock file stays: removing it would let a third process lock another file of that name.


def _wait_for(lock: IO[bytes], on_progress: Callable[[int, int], None] | None) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_progress is not None:
                on_progress(0, 1)
            time.sleep(_LOOK_AGAIN_S)
        else:
            return


def _fetch_all(
    repository: str, part: Path, how_to: str, on_progress: Callable[[int, int], None] | None
) -> None:
    from huggingface_hub import HfApi

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
    _keep_only(part, info.sha)
    here = sum(path.stat().st_size for path in part.rglob("*") if path.is_file())
    if shutil.disk_usage(part.parent).free < total - here + (64 << 20):
        raise ModelUnavailable(
            "disk_full",
            f"{repository} needs {total >> 20} MiB, and {part.parent} has less.",
            "Free some space.",
        )
    done = 0
    hashes: dict[str, str] = {}
    for name in sorted(files, key=lambda name: files[name].size or 0):
        size = files[name].size or 0
        fetch = functools.partial(
            _fetch,
            repository,
            info.sha,
            part / name,
            size,
            functools.partial(_progress_bar, done, total, on_progress),
        )
        _asking(repository, how_to, fetch)
        done += size
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
    record = {"repository": repository, "revision": info.sha, "sha256": hashes}
    with (part / RECORD_FILE).open("w", encoding="utf-8") as file:
        json.dump(record, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    (part / _REVISION).unlink()


def _fetch(
    repository: str, revision: str, path: Path, size: int, progress: Callable[[int], type[Any]]
) -> None:
    """Download what `path` lacks of a file of `size` bytes.

    The client's `hf_hub_download` would begin anew each time, and leave what a killed process had fetched
    under a random name.
    """
    from huggingface_hub import get_token, hf_hub_url
    from huggingface_hub.file_download import http_get

    headers = {"Accept-Encoding": "identity"}  # sizes and ranges are those of the file
    if token := get_token():
        headers["authorization"] = f"Bearer {token}"
    with path.open("ab") as file:
        here = file.tell()
        if here > size:
            file.truncate(here := 0)
        http_get(
            hf_hub_url(repository, path.name, revision=revision),
            file,
            resume_size=here,
            headers=headers,
            expected_size=size,
            tqdm_class=progress(here),
        )
        file.flush()
        os.fsync(file.fileno())


def _keep_only(part: Path, revision: str) -> None:
    """Keep what an earlier call has downloaded of this revision; begin anew when it was of another one."""
    marker = part / _REVISION
    if not marker.is_file() or marker.read_text(encoding="utf-8") != revision:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        marker.write_text(revision, encoding="utf-8")


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


def _progress_bar(
    done: int, total: int, on_progress: Callable[[int, int], None] | None, here: int
) -> type[Any]:
    """Make a class that looks like tqdm to the hub's client and passes the bytes on.

    `done` bytes are of the files before, `here` of this one.
    """
    from tqdm import tqdm  # type: ignore[import-untyped]

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs["disable"] = True
            super().__init__(*args, **kwargs)
            self.passed = here

        def update(self, n: float | None = 1) -> None:
            self.passed += int(n or 0)
            if on_progress is not None:
                on_progress(min(total, done + self.passed), total)

    return Bar
