"""Take the bytes of a resumable upload (tus 1.0), hash them on the way, and make a recording of them.

One writer at a time per upload (`flock` on its file); the offset in the row is raised only after the
bytes are synced, and only from the value the writer saw. Memory does not depend on the size.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Sum

from annotation import storage
from annotation.conf import MIB, conf
from annotation.errors import Conflict, Duplicate, Gone, Invalid, NoSpace, TooLarge
from annotation.models import Project, Recording, Upload, User
from annotation.permissions import require
from annotation.services.clock import ClockTimestamp, in_seconds
from annotation.services.multipart import Arrived as Whole
from annotation.services.multipart import Received
from annotation.services.names import clean_name
from annotation.services.recordings import StoredFile, add_recording
from annotation.states import Segmentation, UploadState

BLOCK: Final = MIB
HELD: Final = (UploadState.OPEN, UploadState.STORED)
"""States in which an upload has bytes on the disk that are nothing else yet."""


class Readable(Protocol):
    """Anything bytes can be read from in blocks."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Arrived:
    """Tell where an upload stands after a chunk; `recording` once it is whole."""

    offset: int
    recording: Recording | None = None
    duplicate: bool = False


def open_upload(
    *,
    user: User,
    project: Project,
    name: object,
    size_bytes: int,
    segmentation: str = "",
    waiting: bool = False,
    for_import: bool = False,
) -> Upload:
    """Reserve an upload of `size_bytes`; refuse at once what could never be finished.

    `waiting`: a person waits for its text, so its recording goes before everything else. `for_import`: the
    bytes become no recording, but wait until an import takes them (`lent`).
    """
    require(user, "import" if for_import else "upload", project)
    shown = clean_name(name)
    check_size(size_bytes)
    if segmentation and segmentation not in Segmentation.values:
        raise Invalid("Unknown segmentation.", segmentation=" or ".join(Segmentation.values))
    limit = conf().max_open_uploads
    if Upload.objects.filter(user=user, state=UploadState.OPEN).count() >= limit:
        raise Conflict(
            f"You have {limit} unfinished uploads; finish or cancel some of them first.",
            code="too_many_uploads",
        )
    quota = conf().upload_quota_bytes
    unfinished = Upload.objects.filter(user=user, state__in=HELD).aggregate(n=Sum("size_bytes"))["n"]
    if quota and (unfinished or 0) + size_bytes > quota:
        raise TooLarge(
            f"Your unfinished uploads may have {quota / MIB:,.0f} MiB together; finish some of them first.",
            code="quota_exceeded",
            limit_bytes=quota,
        )
    with transaction.atomic():
        upload = Upload.objects.create(
            project=project,
            user=user,
            name=shown,
            size_bytes=size_bytes,
            segmentation=segmentation,
            waiting=waiting,
            for_import=for_import,
            expires_at=in_seconds(conf().upload_expires_s),
        )
    upload.refresh_from_db(fields=["expires_at"])  # told by the database's clock
    return upload


def check_size(size_bytes: int) -> None:
    """Refuse empty and oversized files, and any file the disk has no room for."""
    if size_bytes <= 0:
        raise Invalid("The file is empty; record or export it again.", code="empty_file")
    if size_bytes > conf().max_upload_bytes:
        raise TooLarge(
            f"The file has {size_bytes / MIB:,.0f} MiB; "
            f"the limit here is {conf().max_upload_bytes / MIB:,.0f} MiB.",
            limit_bytes=conf().max_upload_bytes,
        )
    if storage.free_bytes() - size_bytes < conf().free_space_floor_bytes:
        raise NoSpace(
            "The server's disk is nearly full; nothing was stored. Tell the administrator, then try again."
        )


def append(*, user: User, upload: Upload, offset: int, length: int, body: Readable) -> Arrived:
    """Write one chunk at `offset`, and finish the upload when it was the last.

    Raises Conflict `wrong_offset` (the client asks where to go on), Gone for ended uploads, TooLarge for
    more bytes than were announced, and Conflict `upload_busy` while another request writes.
    """
    _require(user, upload)
    if length > conf().upload_chunk_bytes:
        raise TooLarge(
            f"Send at most {conf().upload_chunk_bytes // MIB} MiB at a time.",
            limit_bytes=conf().upload_chunk_bytes,
        )
    # Looked at before the file is opened, which would make it anew, and again once no one else writes.
    if upload.state != UploadState.OPEN:
        return _ended(upload)
    with _writing(upload) as descriptor:
        upload.refresh_from_db()
        if upload.state != UploadState.OPEN:
            return _ended(upload)
        if offset != upload.offset:
            raise Conflict(
                f"The server has {upload.offset} bytes; go on from there.",
                code="wrong_offset",
                offset=upload.offset,
            )
        if offset + length > upload.size_bytes:
            raise TooLarge(f"The upload was announced with {upload.size_bytes} bytes; this is more.")
        if storage.free_bytes() < conf().free_space_floor_bytes + length:
            raise NoSpace("The server's disk is nearly full; what arrived so far is kept. Try again later.")
        written = _write(descriptor, upload, offset, length, body)
        rows = Upload.objects.filter(pk=upload.pk, offset=offset, state=UploadState.OPEN).update(
            offset=offset + written, expires_at=in_seconds(conf().upload_expires_s)
        )
        if not rows:
            raise Gone("This upload was ended while its bytes arrived; start it again.")
        upload.offset = offset + written
        if upload.offset == upload.size_bytes:
            return _finish(user, upload)
    return Arrived(upload.offset)


def _ended(upload: Upload) -> Arrived:
    if upload.state in (UploadState.STORED, UploadState.FINISHED):
        return Arrived(upload.offset, upload.recording, upload.duplicate)
    raise Gone("This upload has ended; start it again.")


def finish_if_whole(*, upload: Upload) -> Arrived:
    """Finish an upload whose last byte arrived but whose recording was never made (a crash between)."""
    if upload.state == UploadState.OPEN and upload.offset == upload.size_bytes:
        with _writing(upload):
            upload.refresh_from_db()
            if upload.state == UploadState.OPEN:
                return _finish(upload.user, upload)
    return Arrived(upload.offset, upload.recording, upload.duplicate)


def abort(*, user: User, upload: Upload) -> None:
    """End an upload and remove its bytes."""
    _require(user, upload)
    # Looked at before the file is opened, which would make it anew.
    if upload.state not in HELD:
        raise Gone("This upload has ended already.")
    # Not while another request turns these very bytes into a recording.
    with _writing(upload):
        rows = Upload.objects.filter(pk=upload.pk, state__in=HELD).update(state=UploadState.ABORTED)
        if not rows:
            raise Gone("This upload has ended already.")
        _forget(upload.pk)
        storage.upload_path(upload.pk).unlink(missing_ok=True)


def expire_old() -> int:
    """End uploads that nobody continued; return how many."""
    ids = list(
        Upload.objects.filter(state__in=HELD, expires_at__lt=ClockTimestamp()).values_list("pk", flat=True)[
            :500
        ]
    )
    ended = 0
    for upload_id in ids:
        rows = Upload.objects.filter(pk=upload_id, state__in=HELD, expires_at__lt=ClockTimestamp()).update(
            state=UploadState.EXPIRED
        )
        if rows:
            storage.upload_path(upload_id).unlink(missing_ok=True)
            ended += 1
    return ended


@contextmanager
def _writing(upload: Upload) -> Iterator[int]:
    path = storage.upload_path(upload.pk)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                "Another request is writing this upload; wait for it.", code="upload_busy"
            ) from None
        yield descriptor
    finally:
        os.close(descriptor)


def _write(descriptor: int, upload: Upload, offset: int, length: int, body: Readable) -> int:
    if os.fstat(descriptor).st_size < offset:
        # Growing it would put zeros where the client's bytes were.
        raise Gone("Bytes of this upload are missing on the server; start it again.", code="upload_damaged")
    # Bytes beyond the offset were never acknowledged: a crash left them.
    os.ftruncate(descriptor, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)
    digest = _hasher(upload.pk, descriptor, offset)
    written = 0
    while written < length:
        block = body.read(min(BLOCK, length - written))
        if not block:
            break
        view = memoryview(block)
        while view:
            try:
                view = view[os.write(descriptor, view) :]
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise NoSpace(
                    "The server's disk is full; what was acknowledged so far is kept. Try again later."
                ) from error
        digest.update(block)
        written += len(block)
    os.fsync(descriptor)
    _remember(upload.pk, offset + written, digest)
    return written


def _finish(user: User, upload: Upload) -> Arrived:
    path = storage.upload_path(upload.pk)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        digest = _hasher(upload.pk, descriptor, upload.size_bytes).hexdigest()
    finally:
        os.close(descriptor)
    if upload.for_import:
        return _store(upload, digest)
    duplicate = False
    # The recording and the end of its upload are one commit: no crash can leave one without the other.
    with transaction.atomic():
        try:
            recording, _ = add_recording(
                user=user,
                project=upload.project,
                name=upload.name,
                file=StoredFile(path, digest, upload.size_bytes),
                segmentation=upload.segmentation,
                waiting=upload.waiting,
            )
        except Duplicate as error:
            duplicate = True
            recording = Recording.objects.get(pk=int(error.detail["recording"]))
        rows = Upload.objects.filter(pk=upload.pk, state=UploadState.OPEN).update(
            state=UploadState.FINISHED, recording=recording, duplicate=duplicate
        )
        if not rows:
            raise Gone("This upload was ended at the moment its last byte arrived.")
    _forget(upload.pk)
    return Arrived(upload.size_bytes, recording, duplicate)


def _store(upload: Upload, digest: str) -> Arrived:
    """Let the bytes wait for the import that they were sent for."""
    rows = Upload.objects.filter(pk=upload.pk, state=UploadState.OPEN).update(
        state=UploadState.STORED, sha256=digest, expires_at=in_seconds(conf().upload_expires_s)
    )
    if not rows:
        raise Gone("This upload was ended at the moment its last byte arrived.")
    _forget(upload.pk)
    return Arrived(upload.size_bytes)


@contextmanager
def lent(*, user: User, project: Project, ids: Sequence[UUID]) -> Iterator[Received]:
    """Lend the bytes of stored uploads to an import: they are gone when it has taken them.

    Where the block raises, each upload waits as before, so nothing has to be sent again. Raises Conflict,
    and lends nothing, where one of them is not the person's, not whole, or taken already.
    """
    require(user, "import", project)
    mine = Upload.objects.filter(user=user, project=project, for_import=True)
    found = list(mine.filter(pk__in=ids, state=UploadState.STORED).order_by("created_at", "pk"))
    _refuse_absent(set(ids) - {upload.pk for upload in found})
    with transaction.atomic():
        rows = mine.filter(pk__in=ids, state=UploadState.STORED).update(state=UploadState.FINISHED)
        if rows != len(found):
            raise Conflict("Another import has just taken these files.", code="upload_not_stored")
    copies = [StoredFile(storage.upload_path(uuid4()), one.sha256, one.size_bytes) for one in found]
    gone: set[UUID] = set()
    try:
        for upload, copy in zip(found, copies, strict=True):
            original = storage.upload_path(upload.pk)
            try:
                os.utime(original)  # the sweep leaves young files alone, and a link is as old as its file
                copy.path.hardlink_to(original)
            except FileNotFoundError:
                gone.add(upload.pk)
        _refuse_absent(gone)
        yield Received([Whole(upload.name, copy) for upload, copy in zip(found, copies, strict=True)])
    except BaseException:
        for copy in copies:
            copy.path.unlink(missing_ok=True)
        taken = mine.filter(pk__in=ids, state=UploadState.FINISHED)
        taken.exclude(pk__in=gone).update(state=UploadState.STORED)
        raise
    for upload in found:
        storage.upload_path(upload.pk).unlink(missing_ok=True)


def _refuse_absent(uploads: Collection[UUID]) -> None:
    if uploads:
        raise Conflict(
            "Not all of these uploads wait for an import; send those again that are named.",
            code="upload_not_stored",
            uploads=sorted(map(str, uploads)),
        )


def _require(user: User, upload: Upload) -> None:
    require(user, "import" if upload.for_import else "upload", upload.project)


# Hash states of uploads this process is receiving. A cache: another process, or this one after a
# restart, reads the bytes back once and goes on.
_digests: OrderedDict[UUID, tuple[int, hashlib._Hash]] = OrderedDict()
_digests_guard = threading.Lock()
_DIGESTS_KEPT: Final = 2000


def _hasher(upload_id: UUID, descriptor: int, offset: int) -> hashlib._Hash:
    with _digests_guard:
        known = _digests.get(upload_id)
    if known is not None and known[0] == offset:
        return known[1].copy()
    digest = hashlib.sha256()
    position = 0
    while position < offset:
        block = os.pread(descriptor, min(BLOCK, offset - position), position)
        if not block:
            raise Gone(
                "Bytes of this upload are missing on the server; start it again.", code="upload_damaged"
            )
        digest.update(block)
        position += len(block)
    return digest


def _remember(upload_id: UUID, offset: int, digest: hashlib._Hash) -> None:
    with _digests_guard:
        _digests[upload_id] = (offset, digest)
        _digests.move_to_end(upload_id)
        while len(_digests) > _DIGESTS_KEPT:
            _digests.popitem(last=False)


def _forget(upload_id: UUID) -> None:
    with _digests_guard:
        _digests.pop(upload_id, None)
