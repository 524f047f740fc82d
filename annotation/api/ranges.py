"""HTTP ranges over a file (RFC 9110 §14): one range, validators, and bytes in blocks, never the file."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from annotation.api.errors import body as error_body
from annotation.api.streaming import Streamed
from annotation.errors import Gone

BLOCK: Final = 256 * 1024
RANGE: Final = re.compile(r"bytes=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII | re.IGNORECASE)
LONGEST: Final = 200
"""Of a Range header that is looked at: one range is far shorter."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """Name bytes to serve: `prefix`, then `length` bytes of `path` from `offset`."""

    path: Path
    offset: int
    length: int
    content_type: str
    etag: str
    name: str
    prefix: bytes = b""
    modified: float = 0.0
    attachment: bool = False

    @property
    def size(self) -> int:
        """Return the size of the whole representation."""
        return len(self.prefix) + self.length


def serve(request: HttpRequest, source: Bytes) -> HttpResponseBase:
    """Answer GET or HEAD for `source`: 200, 206, 304, 412 or 416."""
    etag = f'"{source.etag}"'
    tags = request.headers.get("If-None-Match")
    if tags is not None and _matches(tags, etag):
        return _dressed(HttpResponse(status=304), source, etag)
    required = request.headers.get("If-Match")
    if required is not None and not _matches(required, etag):
        return _refusal(412, "precondition_failed", "These are not the bytes you saw.", source, etag)
    span = _span(request, source, etag)
    if span is None:
        message = f"Ask for one range within 0-{source.size - 1}."
        refusal = _refusal(416, "range_not_satisfiable", message, source, etag)
        refusal.headers["Content-Range"] = f"bytes */{source.size}"
        return refusal
    start, end, partial = span
    status = 206 if partial else 200
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse(status=status, content_type=source.content_type)
    else:
        response = Streamed(blocks(source, start, end), status=status, content_type=source.content_type)
    response.headers["Content-Length"] = str(end - start)
    if partial:
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{source.size}"
    return _dressed(response, source, etag)


async def blocks(source: Bytes, start: int, end: int) -> AsyncGenerator[bytes, None]:
    """Yield `[start, end)` of the representation in blocks; the file is open only while they flow."""
    head = source.prefix[start:end]
    if head:
        yield head
    position = source.offset + max(0, start - len(source.prefix))
    left = end - start - len(head)
    if not left:
        return
    descriptor = await asyncio.to_thread(os.open, source.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while left:
            block = await asyncio.to_thread(os.pread, descriptor, min(BLOCK, left), position)
            if not block:
                # Ending short makes the client see a broken transfer, not a whole file.
                raise OSError(f"{source.path.name} is shorter than it was")
            yield block
            position += len(block)
            left -= len(block)
    finally:
        os.close(descriptor)


def stat_of(path: Path) -> os.stat_result:
    """Return the file's size and time; raise Gone when it is not on the disk."""
    try:
        return path.stat()
    except OSError:
        raise Gone("The file of this recording is missing on the server; tell the administrator.") from None


def _span(request: HttpRequest, source: Bytes, etag: str) -> tuple[int, int, bool] | None:
    whole = (0, source.size, False)
    asked = request.headers.get("Range")
    if asked is None or not asked.lower().startswith("bytes="):
        return whole
    condition = request.headers.get("If-Range")
    if condition is not None and not _still(condition, source, etag):
        return whole
    match = RANGE.fullmatch(asked) if len(asked) <= LONGEST else None
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if first == "":
        wanted = int(last)
        if wanted == 0 or source.size == 0:
            return None
        return max(0, source.size - wanted), source.size, True
    start = int(first)
    end = min(int(last) + 1, source.size) if last else source.size
    if start >= source.size or (last and int(last) < start):
        return None
    return start, end, True


def _still(condition: str, source: Bytes, etag: str) -> bool:
    if condition.startswith('"'):
        return condition == etag
    try:
        return int(source.modified) == int(parsedate_to_datetime(condition).timestamp())
    except (ValueError, TypeError, OverflowError):
        return False  # also a weak tag: it promises nothing about bytes


def _matches(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in header[:4096].split(",")]
    return "*" in tags or etag in tags


def _refusal(status: int, code: str, message: str, source: Bytes, etag: str) -> HttpResponse:
    response = JsonResponse(error_body(code, message), status=status)
    response.headers["ETag"] = etag
    response.headers["Accept-Ranges"] = "bytes"
    return response


def _dressed(response: HttpResponseBase, source: Bytes, etag: str) -> HttpResponseBase:
    headers = response.headers
    headers["ETag"] = etag
    headers["Accept-Ranges"] = "bytes"
    headers["Last-Modified"] = formatdate(source.modified, usegmt=True)
    # Kept by the browser, asked about each time: who has left the project gets no answer.
    headers["Cache-Control"] = "private, no-cache"
    headers["Vary"] = "Authorization, Cookie"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    disposition = content_disposition_header(as_attachment=source.attachment, filename=source.name)
    headers["Content-Disposition"] = disposition or "inline"
    if not response.streaming and response.status_code == 304:
        del headers["Content-Type"]
    return response
