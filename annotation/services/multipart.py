"""Receive the files of a multipart body straight into the uploads folder, hashed on the way.

Each file is judged by itself: one that is empty, too large or badly named does not lose the others, and
files that were whole before a connection broke are kept.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import uuid4

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http.multipartparser import MultiPartParser, MultiPartParserError

from annotation import storage
from annotation.conf import MIB, conf
from annotation.errors import AnnotationError, Duplicate, Invalid, NoSpace, TooLarge
from annotation.models import Project, Recording, User
from annotation.services.recordings import StoredFile, add_recording

FIELD: Final = "file"
CHECK_SPACE_EVERY: Final = 64 * MIB
CHUNK: Final = MIB


class Readable(Protocol):
    """Anything bytes can be read from in blocks."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Arrived:
    """Name a file that arrived whole, and where its bytes lie."""

    name: str
    file: StoredFile


@dataclass(frozen=True, slots=True)
class Refused:
    """Name a file that was not taken, and why."""

    name: str
    status: int
    code: str
    message: str
    detail: dict[str, Any]

    @classmethod
    def because(cls, name: str, error: AnnotationError) -> Refused:
        """Describe the refusal of a service."""
        return cls(name, error.status, error.code, error.message, error.detail)


@dataclass(frozen=True, slots=True)
class Known:
    """Name a file whose bytes the project already has."""

    name: str
    recording_id: int
    recording_name: str


@dataclass(slots=True)
class Received:
    """Collect what one body held."""

    files: list[Arrived] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


@dataclass(slots=True)
class Taken:
    """Collect what became of each file."""

    recordings: list[Recording] = field(default_factory=list)
    duplicates: list[Known] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def receive(headers: Mapping[str, Any], body: Readable) -> Received:
    """Write every file of the body to the uploads folder; constant memory whatever their size.

    Raises Invalid for a body that is not multipart. A body that breaks off keeps the files that were
    whole and names the one that was not.
    """
    handler = ToUploads()
    # Sent in chunks a body has no length, and Django's parser takes none for an empty one.
    meta = {**headers, "CONTENT_LENGTH": headers.get("CONTENT_LENGTH") or str(2**62)}
    try:
        source: Any = body
        _Parser(meta, source, [handler], "utf-8").parse()
    except MultiPartParserError as error:
        handler.drop()
        if not handler.received.files and not handler.received.refused:
            raise Invalid(f"The body is not a multipart form: {error}", code="invalid_multipart") from error
        handler.refuse_current(Invalid("The body broke off in this file; send it again.", code="body_broken"))
    except (TooManyFilesSent, TooManyFieldsSent, RequestDataTooBig) as error:
        handler.drop()
        handler.refuse_current(TooLarge("Too many parts in one request; send fewer files at a time."))
        if not handler.received.files:
            raise TooLarge("Too many parts in one request; send fewer files at a time.") from error
    except SuspiciousOperation as error:
        handler.drop()
        raise Invalid("The body is not a multipart form.", code="invalid_multipart") from error
    finally:
        handler.drop()
    return handler.received


def discard(files: Sequence[Arrived]) -> None:
    """Remove files that nobody will take in."""
    for arrived in files:
        arrived.file.path.unlink(missing_ok=True)


def take_in(
    received: Received, *, user: User, project: Project, segmentation: str = "", waiting: bool = False
) -> Taken:
    """Make a recording of each file; whatever is refused is named with its reason, and its bytes removed.

    `waiting`: a person waits for the text of these files.
    """
    taken = Taken(refused=list(received.refused))
    left = list(received.files)
    try:
        while left:
            arrived = left.pop(0)
            try:
                recording, _ = add_recording(
                    user=user,
                    project=project,
                    name=arrived.name,
                    file=arrived.file,
                    segmentation=segmentation,
                    waiting=waiting,
                )
            except Duplicate as error:
                if error.detail.get("trashed"):  # there is nothing to lead to but the trash
                    taken.refused.append(Refused.because(arrived.name, error))
                    continue
                known = int(error.detail["recording"])
                taken.duplicates.append(Known(arrived.name, known, error.detail["name"]))
            except AnnotationError as error:
                taken.refused.append(Refused.because(arrived.name, error))
                discard([arrived])
            except BaseException:
                discard([arrived])
                raise
            else:
                taken.recordings.append(recording)
    finally:
        discard(left)
    return taken


class _Parser(MultiPartParser):
    def sanitize_file_name(self, file_name: str) -> str:
        """Keep the client's name as data: a name that is refused must be refused aloud, not skipped."""
        return file_name[:2000] or "?"


class ToUploads(FileUploadHandler):
    """Write the files of a form where uploads lie; `received` then tells what came. For pages and API."""

    chunk_size = CHUNK

    def __init__(self) -> None:
        super().__init__()
        self.received = Received()
        self._descriptor = -1
        self._path: Path | None = None
        self._digest = hashlib.sha256()
        self._size = 0
        self._checked = 0
        self._name = ""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.drop()
        self._name = self.file_name or "?"
        if self.field_name != FIELD:
            self._refuse(Invalid("Files go in a field named `file`.", code="unknown_field"))
        self._path = storage.upload_path(uuid4())
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._digest = hashlib.sha256()
        self._size = self._checked = 0
        self._check_space()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self._size + len(raw_data) > conf().max_upload_bytes:
            limit = conf().max_upload_bytes
            self._refuse(TooLarge(f"The file is larger than {limit / MIB:,.0f} MiB.", limit_bytes=limit))
        if self._size - self._checked >= CHECK_SPACE_EVERY:
            self._check_space()
        view = memoryview(raw_data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                self._refuse(NoSpace("The server's disk is full; this file was not stored."))
        self._digest.update(raw_data)
        self._size += len(raw_data)

    def file_complete(self, file_size: int) -> None:
        if self._path is None:
            return
        os.fsync(self._descriptor)
        os.close(self._descriptor)
        stored = StoredFile(self._path, self._digest.hexdigest(), self._size)
        self.received.files.append(Arrived(self._name, stored))
        self._descriptor, self._path = -1, None

    def upload_interrupted(self) -> None:
        # The body ended inside this file: the client, or its connection, gave up.
        self.refuse_current(Invalid("The body broke off in this file; send it again.", code="body_broken"))
        self.drop()

    def refuse_current(self, error: AnnotationError) -> None:
        """Note that the file being received was not taken."""
        self.received.refused.append(Refused.because(self._name, error))

    def drop(self) -> None:
        """Remove the bytes of a file that did not become whole."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None

    def _check_space(self) -> None:
        self._checked = self._size
        if storage.free_bytes() < conf().free_space_floor_bytes + CHECK_SPACE_EVERY:
            self._refuse(NoSpace("The server's disk is nearly full; this file was not stored."))

    def _refuse(self, error: AnnotationError) -> None:
        self.refuse_current(error)
        self.drop()
        raise SkipFile
