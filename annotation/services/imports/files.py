"""The files of a drop: where their bytes lie, what each is, what an archive holds, what can be decoded."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Final
from uuid import uuid4

from django.db.models import Count

from annotation import storage
from annotation.conf import MIB, conf
from annotation.errors import Invalid, NoSpace
from annotation.models import Import, ImportFile, ImportRow, Recording
from annotation.services.imports.matching import Sound
from annotation.states import FileKind
from transcription.archives import Archive, ArchiveError, Entry
from transcription.formats import READABLE, recognise

TABLES: Final = frozenset((".xlsx", ".xlsm", ".xls", ".ods", ".csv", ".tsv", ".txt", ".tab"))
ARCHIVES: Final = frozenset((".zip",))
NOT_AUDIO: Final = frozenset(
    [
        ".md",
        ".pdf",
        ".doc",
        ".docx",
        ".rtf",
        ".html",
        ".htm",
        ".png",
        ".jpg",
        ".jpeg",
        ".gif",
        ".svg",
        ".yaml",
        ".yml",
        ".toml",
        ".ini",
        ".log",
        ".py",
        ".sh",
        ".lic",
        ".bib",
        ".ctm",
        ".rttm",
        ".exe",
        ".dll",
        ".license",
        ".xml",
        ".cfg",
        ".parquet",
        ".arrow",
        ".gitattributes",
        ".gitignore",
        ".md5",
        ".sha1",
        ".sha256",
        ".sha512",
        ".sfv",
    ]
)
HEAD: Final = 64 << 10
MAX_ARCHIVE: Final = 64 << 30
"""What all files of an archive together may have, in bytes, where the disk has room for it."""
SKIPPED: Final = {
    "junk": "A file that a system keeps for itself.",
    "unsafe_name": "Its name leads out of the archive; it was not unpacked.",
    "nested_archive": "An archive inside an archive; unpack it, and add its files.",
    "not_needed": "Neither a table nor audio.",
    "unknown_format": "JSON that is none of what is read: results of Whisper or WhisperX, tasks of Label"
    " Studio, a NeMo manifest (lines with “audio_filepath”), lines with “file_name”.",
    "same_name": "Another file of the drop has this name. Rename one, or drop a ZIP, which keeps folders.",
}
PROBES_AT_ONCE: Final = 2
LOOKED_AT: Final = ("sha256", "duration_ms", "cause_code", "cause")
BLOCK: Final = MIB


def folder_of(parent_id: int) -> Path:
    """Return where the files of an import lie."""
    return conf().media_root / "imports" / str(parent_id)


def path_of(file: ImportFile) -> Path:
    """Return where the bytes of a file lie."""
    return Path(file.path) if file.path else folder_of(file.parent_id) / file.pk.hex


def kind_of(name: str, head: bytes) -> FileKind:
    """Tell what a file is for by its ending, and by its first bytes where that leaves a choice."""
    ending = PurePosixPath(name.replace("\\", "/").lower()).suffix
    last = PurePosixPath(name.replace("\\", "/").lower()).name
    if ending in ARCHIVES:
        return FileKind.ARCHIVE
    if ending in READABLE and recognise(name, head) is not None:
        return FileKind.TRANSCRIPT
    if ending in TABLES:
        is_notes = ending == ".txt" and (
            last.startswith(("readme", "license", "licence", "notice")) or b"\t" not in head
        )
        return FileKind.IGNORED if is_notes else FileKind.TABLE
    if ending in NOT_AUDIO or ending in READABLE or last.startswith("._"):
        return FileKind.IGNORED
    return FileKind.AUDIO


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file."""
    with path.open("rb") as file:
        return file.read(HEAD)


def unpack_all(parent: Import, tick: Callable[[int, int, str], None]) -> None:
    """Unpack the archives of a drop into files of their own; then their bytes are not needed twice.

    What a run that was cut off had unpacked is unpacked again. Raises Invalid with the archive's fault.
    """
    for archive in ImportFile.objects.filter(parent=parent, kind=FileKind.ARCHIVE, cause_code=""):
        prefix = f"{archive.name}/"
        for old in ImportFile.objects.filter(parent=parent, name__startswith=prefix):
            path_of(old).unlink(missing_ok=True)
            old.delete()
        try:
            with Archive(path_of(archive), max_bytes=_room()) as opened:
                _unpack(parent, archive, opened, prefix, tick)
        except ArchiveError as error:
            ImportFile.objects.filter(pk=archive.pk).update(cause_code=error.code, cause=error.message)
            raise Invalid(f"{archive.name}: {error.message}", code=error.code, file=archive.name) from None
        ImportFile.objects.filter(pk=archive.pk).update(cause_code="unpacked", cause="Its files are listed.")
        if not archive.path:
            path_of(archive).unlink(missing_ok=True)


def _room() -> int:
    return max(0, min(MAX_ARCHIVE, storage.free_bytes() - conf().free_space_floor_bytes))


def _unpack(
    parent: Import, archive: ImportFile, opened: Archive, prefix: str, tick: Callable[[int, int, str], None]
) -> None:
    entries = list(opened.entries())
    total = sum(entry.size_bytes for entry in entries if not entry.skip) // MIB + 1
    done = 0

    def on_block(count: int) -> None:
        nonlocal done
        done += count
        tick(min(total, done // MIB), total, "unpacking")

    folder_of(parent.pk).mkdir(parents=True, exist_ok=True, mode=0o700)
    for batch in _batches(entries, 500):
        made = []
        for entry in batch:
            file = ImportFile(
                id=uuid4(), parent=parent, name=f"{prefix}{entry.name}"[:1000], size_bytes=entry.size_bytes,
                kind=FileKind.IGNORED,
            )  # fmt: skip
            if entry.skip:
                file.cause_code, file.cause = entry.skip, SKIPPED[entry.skip]
            else:
                target = folder_of(parent.pk) / file.pk.hex
                unpacked = opened.unpack(entry, target, on_block)
                file.sha256, file.size_bytes = unpacked.sha256, unpacked.size_bytes
                _classify(file, head_of(target))
            made.append(file)
        ImportFile.objects.bulk_create(made)


def _batches(entries: list[Entry], size: int) -> Iterator[list[Entry]]:
    for start in range(0, len(entries), size):
        yield entries[start : start + size]


def _classify(file: ImportFile, head: bytes) -> None:
    file.kind = kind_of(file.name, head)
    if file.kind == FileKind.ARCHIVE:
        file.kind, file.cause_code, file.cause = FileKind.IGNORED, "nested_archive", SKIPPED["nested_archive"]
    elif file.kind == FileKind.IGNORED and not file.cause_code:
        _say_unused(file)


def _say_unused(file: ImportFile) -> None:
    known = PurePosixPath(file.name.replace("\\", "/").lower()).suffix in READABLE
    file.cause_code = "unknown_format" if known else "not_needed"
    file.cause = SKIPPED[file.cause_code]


def register(parent: Import, name: str, source: Path, *, sha256: str, size_bytes: int) -> ImportFile:
    """Take a file that arrived into an import: move its bytes to where those of the import lie."""
    file = ImportFile(
        id=uuid4(),
        parent=parent,
        name=name[:1000],
        size_bytes=size_bytes,
        sha256=sha256,
        kind=FileKind.IGNORED,
    )
    file.kind = kind_of(name, head_of(source))
    if file.kind == FileKind.IGNORED:
        _say_unused(file)
    folder = folder_of(parent.pk)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    source.replace(folder / file.pk.hex)
    file.save(force_insert=True)
    return file


def leave_out(file: ImportFile, code: str) -> None:
    """Make no use of a file, and say why."""
    ImportFile.objects.filter(pk=file.pk).update(kind=FileKind.IGNORED, cause_code=code, cause=SKIPPED[code])


def short_name(file: ImportFile, archives: frozenset[str]) -> str:
    """Return a file's path in the drop; of one from an archive, its path in that."""
    first, slash, rest = file.name.partition("/")
    return rest if slash and first in archives else file.name


def sounds_of(parent: Import) -> Iterator[Sound]:
    """Give the audio of a drop, by the names that rows may use."""
    archives = frozenset(
        ImportFile.objects.filter(parent=parent, kind=FileKind.ARCHIVE).values_list("name", flat=True)
    )
    rows = ImportFile.objects.filter(parent=parent, kind=FileKind.AUDIO)
    for file in rows.only("pk", "name", "sha256", "recording_id", "cause").iterator(2000):
        yield Sound(
            short_name(file, archives), file=file.pk, recording=file.recording_id, same=file.sha256,
            cause=file.cause,
        )  # fmt: skip


def probe_named(parent: Import, tick: Callable[[int, int, str], None]) -> None:
    """Look whether the files that rows name can be decoded, and how long they are; a moment for each.

    Files of the server's folder that could be another's twin, being as large, are hashed: two rows for one
    sound are named before anything is imported. What is known already is not looked at again.
    """
    from transcription.errors import DecoderUnavailable, MediaRejected
    from transcription.probe import probe

    named = ImportRow.objects.filter(parent=parent, file__isnull=False).values("file_id")
    waiting = list(
        ImportFile.objects.filter(pk__in=named, duration_ms=None, cause="", recording=None).order_by("pk")
    )
    ffmpeg = Path(conf().ffmpeg) if conf().ffmpeg else None
    sizes = _sizes_of_several(parent)

    def look(file: ImportFile) -> ImportFile:
        try:
            if not file.sha256 and file.size_bytes in sizes:
                file.sha256 = hash_of(path_of(file))
            file.duration_ms = probe(path_of(file), ffmpeg=ffmpeg).duration_ms
        except MediaRejected as error:
            file.cause_code, file.cause = error.code, error.message
        except DecoderUnavailable:
            return file  # no FFmpeg just now: what it is shows when it is prepared
        except OSError as error:
            file.cause_code, file.cause = "unreadable", f"It cannot be read: {error.strerror or error}."
        return file

    with ThreadPoolExecutor(PROBES_AT_ONCE) as pool:
        changed = []
        for done, file in enumerate(pool.map(look, waiting), 1):
            changed.append(file)
            if len(changed) >= 500:
                ImportFile.objects.bulk_update(changed, LOOKED_AT)
                changed = []
            tick(done, len(waiting), "listening")
        ImportFile.objects.bulk_update(changed, LOOKED_AT)


def _sizes_of_several(parent: Import) -> set[int]:
    """Return the sizes that several files of a drop have, or one of them and a recording of the project."""
    sizes = ImportFile.objects.filter(parent=parent, kind=FileKind.AUDIO).order_by().values("size_bytes")
    here = Recording.objects.filter(project=parent.project_id, size_bytes__in=sizes.values("size_bytes"))
    several = sizes.annotate(times=Count("pk")).filter(times__gt=1)
    return {*here.values_list("size_bytes", flat=True), *several.values_list("size_bytes", flat=True)}


def copy_hashed(source: Path, target: Path) -> tuple[str, int]:
    """Copy a file of the server's folder, hashed on the way; raises NoSpace before the disk is full."""
    if storage.free_bytes() < conf().free_space_floor_bytes + source.stat().st_size:
        raise NoSpace("The server's disk is nearly full. Free some space, then go on.")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as given, target.open("xb") as out:
        while block := given.read(BLOCK):
            digest.update(block)
            out.write(block)
            size += len(block)
    return digest.hexdigest(), size


def hash_of(source: Path) -> str:
    """Return the SHA-256 of a file."""
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def forget(parent_id: int) -> None:
    """Remove the bytes of an import that are left."""
    shutil.rmtree(folder_of(parent_id), ignore_errors=True)
