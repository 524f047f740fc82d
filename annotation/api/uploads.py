"""Resumable uploads by the tus protocol 1.0.0 (creation, termination, expiration, checksum)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Any, ClassVar, Final
from uuid import UUID

from django.utils.http import http_date
from rest_framework.parsers import FileUploadParser
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.body_limit import Body, body_of
from annotation.api.docs import header, operation
from annotation.api.serializers import UploadOut
from annotation.conf import conf
from annotation.errors import AnnotationError, Conflict, Gone, Invalid, UnsupportedFile
from annotation.models import Project, Upload
from annotation.permissions import get_visible, require
from annotation.services import uploads
from annotation.states import UploadState

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,termination,expiration,checksum"
CHUNK_TYPE: Final = "application/offset+octet-stream"
ALGORITHMS: Final[dict[str, Callable[[], Any]]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
}
MAX_METADATA: Final = 8192
TUS = (header("Tus-Resumable", VERSION, required=True),)


class BadVersion(AnnotationError):
    """Refuse another version of the protocol."""

    status = 412
    code = "tus_version"


class ChecksumMismatch(AnnotationError):
    """Refuse a chunk that arrived changed; its bytes are not kept."""

    status = 460
    code = "checksum_mismatch"


class Busy(AnnotationError):
    """Refuse a second writer."""

    status = 423
    code = "upload_busy"


class Lengthless(AnnotationError):
    """Refuse a chunk that does not say how long it is."""

    status = 411
    code = "length_required"


class _Tus(ApiView):
    throttle_scopes: ClassVar = {"POST": "upload", "PATCH": "upload", "HEAD": "upload"}
    parser_classes = (FileUploadParser,)
    versioned: ClassVar[frozenset[str]] = frozenset({"POST", "HEAD", "PATCH", "DELETE"})

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse other versions of the protocol once it is known who asks."""
        super().initial(request, *args, **kwargs)
        if request.method in self.versioned and request.headers.get("Tus-Resumable") != VERSION:
            raise BadVersion(f"Send the header `Tus-Resumable: {VERSION}`.")

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Put the protocol's headers on every answer."""
        final = super().finalize_response(request, response, *args, **kwargs)
        final.headers["Tus-Resumable"] = VERSION
        final.headers["Cache-Control"] = "no-store"
        if final.status_code == 412 or request.method == "OPTIONS":
            final.headers["Tus-Version"] = VERSION
        if final.status_code == 423:
            final.headers["Retry-After"] = "1"
        return final

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Say what this server can do."""
        headers = {
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(conf().max_upload_bytes),
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        }
        return Response(status=204, headers=headers)


class ProjectUploads(_Tus):
    """Beginning an upload."""

    @operation(
        "create_upload",
        gives=None,
        status=201,
        query=(
            *TUS,
            header("Upload-Length", "Bytes of the whole file.", required=True),
            header(
                "Upload-Metadata",
                "`filename <base64>[,segmentation <base64>][,waiting][,import]`",
                required=True,
            ),
        ),
        refuses=(409, 412, 413, 415, 507),
    )
    def post(self, request: Request, project_id: int) -> Response:
        """Begin an upload; send its bytes to the address in `Location`.

        With `import` in its metadata it may be a table, a transcript, an archive or audio, and becomes no
        recording: name it in `uploads` when you begin an import.
        """
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        metadata = _metadata(request.headers.get("Upload-Metadata", ""))
        require(self.person, "import" if "import" in metadata else "upload", project)
        size = _whole_number(request, "Upload-Length")
        upload = uploads.open_upload(
            user=self.person,
            project=project,
            name=metadata.get("filename"),
            size_bytes=size,
            segmentation=metadata.get("segmentation", ""),
            waiting="waiting" in metadata,
            for_import="import" in metadata,
        )
        location = request.build_absolute_uri(f"/api/uploads/{upload.pk}/")
        return Response(status=201, headers={"Location": location, **_standing(upload)})


class UploadDetail(_Tus):
    """One upload."""

    @operation("get_upload", gives=UploadOut)
    def get(self, request: Request, upload_id: UUID) -> Response:
        """Show where an upload stands; for pages, without the protocol's headers."""
        return Response(UploadOut(self._upload(upload_id)).data, headers=_standing(self._upload(upload_id)))

    @operation("head_upload", gives=None, query=TUS, refuses=(410, 412))
    def head(self, request: Request, upload_id: UUID) -> Response:
        """Ask where to go on: `Upload-Offset`."""
        upload = self._upload(upload_id)
        taken = upload.for_import and upload.state == UploadState.FINISHED
        if taken or upload.state in (UploadState.ABORTED, UploadState.EXPIRED):
            raise Gone("This upload has ended; start it again.")
        uploads.finish_if_whole(upload=upload)
        upload.refresh_from_db()
        return Response(status=200, headers=_standing(upload))

    @operation(
        "append_upload",
        takes={CHUNK_TYPE: bytes},
        gives=None,
        status=204,
        query=(*TUS, header("Upload-Offset", required=True), header("Upload-Checksum", "sha256 <base64>")),
        refuses=(409, 410, 411, 412, 413, 415, 423, 507),
    )
    def patch(self, request: Request, upload_id: UUID) -> Response:
        """Send the next bytes, at most 8 MiB.

        The answer to the last bytes names the recording they became in `Earmark-Recording`, and says in
        `Earmark-Duplicate` whether the project had it already: `true`, `false`, or `trashed` where it lies in
        the project's trash and has to be restored there. 409 carries the right `Upload-Offset`.
        """
        upload = self._upload(upload_id)
        if (request.content_type or "").split(";")[0].strip() != CHUNK_TYPE:
            raise UnsupportedFile(f"Send the bytes as {CHUNK_TYPE}.", code="unsupported_media_type")
        offset = _whole_number(request, "Upload-Offset")
        announced = request.META.get("CONTENT_LENGTH") or ""
        if not announced.isdecimal():
            raise Lengthless("Send the chunk's length as Content-Length.")
        length = int(announced)
        body: Body = body_of(request._request)
        checksum = request.headers.get("Upload-Checksum")
        if checksum is not None:
            body = _Checked(body, checksum, length)
        try:
            arrived = uploads.append(user=self.person, upload=upload, offset=offset, length=length, body=body)
        except Conflict as error:
            if error.code == "upload_busy":
                raise Busy(error.message) from None
            upload.refresh_from_db()
            return Response(
                {"error": {"code": error.code, "message": error.message, "detail": error.detail}},
                status=error.status,
                headers=_standing(upload),
            )
        upload.refresh_from_db()
        headers = _standing(upload)
        headers["Upload-Offset"] = str(arrived.offset)
        return Response(status=204, headers=headers)

    @operation("delete_upload", gives=None, status=204, query=TUS, refuses=(410, 412))
    def delete(self, request: Request, upload_id: UUID) -> Response:
        """End an upload and remove its bytes."""
        uploads.abort(user=self.person, upload=self._upload(upload_id))
        return Response(status=204)

    def _upload(self, upload_id: UUID) -> Upload:
        mine = Upload.objects.filter(user=self.person).select_related("project", "user")
        return get_visible(mine, self.person, pk=upload_id)


class _Checked:
    """A body that is compared with the checksum its sender gave before its last block is let through."""

    def __init__(self, body: Body, header: str, length: int) -> None:
        algorithm, _, encoded = header.strip().partition(" ")
        if algorithm not in ALGORITHMS:
            raise Invalid(f"Known checksums are {' and '.join(ALGORITHMS)}.", code="checksum_unknown")
        try:
            self._wanted = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise Invalid("The checksum is not base64.", code="checksum_unknown") from None
        self._body, self._left = body, length
        self._digest = ALGORITHMS[algorithm]()
        if len(self._wanted) != self._digest.digest_size:
            raise Invalid(
                f"That is no {algorithm} checksum: it is of another length.", code="checksum_unknown"
            )

    def read(self, size: int, /) -> bytes:
        """Return the next block; raise ChecksumMismatch instead of the last when the sum is wrong."""
        block = self._body.read(size)
        self._digest.update(block)
        self._left -= len(block)
        broken = not block and self._left > 0
        if broken or (self._left == 0 and self._digest.digest() != self._wanted):
            raise ChecksumMismatch("The chunk arrived changed or cut; send it again.")
        return block


def _standing(upload: Upload) -> dict[str, str]:
    headers = {"Upload-Offset": str(upload.offset), "Upload-Length": str(upload.size_bytes)}
    if upload.state == UploadState.OPEN:
        headers["Upload-Expires"] = http_date(upload.expires_at.timestamp())
    if upload.recording_id:
        headers["Earmark-Recording"] = str(upload.recording_id)
        headers["Earmark-Duplicate"] = _duplicate(upload)
    return headers


def _duplicate(upload: Upload) -> str:
    if not upload.duplicate or upload.recording is None:
        return "false"
    return "true" if upload.recording.trashed_at is None else "trashed"


def _whole_number(request: Request, name: str) -> int:
    raw = request.headers.get(name, "")
    if not (raw.isascii() and raw.isdecimal() and len(raw) <= 18):
        raise Invalid(f"The header {name} must be a whole number.", **{name: "a whole number"})
    return int(raw)


def _metadata(raw: str) -> dict[str, str]:
    """Read `key base64,key base64`; raise Invalid for anything else."""
    found: dict[str, str] = {}
    if len(raw) > MAX_METADATA:
        raise Invalid("Upload-Metadata is too long.", code="invalid_metadata")
    for pair in filter(None, (part.strip() for part in raw.split(","))):
        key, _, encoded = pair.partition(" ")
        try:
            value = base64.b64decode(encoded, validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            message = f"The value of {key[:40]!r} in Upload-Metadata is not base64 of UTF-8."
            raise Invalid(message, code="invalid_metadata") from None
        if key in found:
            raise Invalid(f"{key[:40]!r} is given twice in Upload-Metadata.", code="invalid_metadata")
        found[key] = value
    return found
