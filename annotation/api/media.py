"""Bytes of recordings: to play, to cut a segment from, to take home."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from annotation import storage
from annotation.api import ranges
from annotation.api.base import AsyncApiView, in_thread
from annotation.api.detail import acted_on
from annotation.api.docs import header, operation, whole
from annotation.api.recordings import not_ready
from annotation.models import Recording, Segment
from annotation.permissions import get_visible, require
from annotation.services.names import download_name
from annotation.states import ChannelLayout, RecordingState
from transcription import wav

WAV_TYPE: Final = "audio/wav"
CONTEXT_MAX_MS: Final = 30_000

#: What an original is called on the way out, by the container FFmpeg found in it: never what a client said.
ORIGINAL_TYPES: Final[dict[str, str]] = {
    "wav": "audio/wav",
    "w64": "audio/x-w64",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "mov": "audio/mp4",
    "mp4": "audio/mp4",
    "matroska": "audio/x-matroska",
    "webm": "audio/webm",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "amr": "audio/amr",
    "caf": "audio/x-caf",
    "asf": "audio/x-ms-wma",
}
RANGES = (header("Range", "One range of bytes."), header("If-Range"), header("If-None-Match"))
AUDIO = {
    (200, "audio/wav"): OpenApiTypes.BINARY,
    (206, "audio/wav"): OpenApiTypes.BINARY,
    304: None,
}


class RecordingAudio(AsyncApiView):
    """The prepared audio of a recording: 16 kHz mono WAV."""

    @operation(
        "get_recording_audio",
        also=AUDIO,
        query=(
            whole("channel", "1 or 2: left or right of a recording whose channels are heard apart."),
            *RANGES,
        ),
        refuses=(409, 410, 412, 416),
    )
    async def get(self, request: Request, recording_id: int) -> Any:
        """Play a recording, or one channel of it; byte ranges are served, so a player can seek."""
        self.only_query("channel")
        channel = self.number("channel", 0, 0, 2) or 0
        recording = await in_thread(get_visible, Recording.objects.all(), self.person, pk=recording_id)
        if recording.state != RecordingState.READY:
            raise not_ready(recording)
        if recording.channel_layout != ChannelLayout.APART:
            channel = 0
        path = storage.wav_path(recording.pk, channel)
        stat = await asyncio.to_thread(ranges.stat_of, path)
        source = ranges.Bytes(
            path=path,
            offset=0,
            length=stat.st_size,
            content_type=WAV_TYPE,
            etag=f"{_digest(recording)}-{channel}-{stat.st_size:x}",
            name=download_name(recording.name, ".wav"),
            modified=stat.st_mtime,
        )
        return ranges.serve(request._request, source)


class RecordingOriginal(AsyncApiView):
    """The file as it was handed in."""

    @operation(
        "download_recording",
        also={(200, "application/octet-stream"): OpenApiTypes.BINARY, 206: OpenApiTypes.BINARY, 304: None},
        query=RANGES,
        refuses=(410, 412, 416),
    )
    async def get(self, request: Request, recording_id: int) -> Any:
        """Download the original file, byte for byte."""
        recording = await in_thread(self._recording, recording_id)
        path = storage.original_path(recording.pk)
        stat = await asyncio.to_thread(ranges.stat_of, path)
        family = recording.container.split(",")[0]
        source = ranges.Bytes(
            path=path,
            offset=0,
            length=stat.st_size,
            content_type=ORIGINAL_TYPES.get(family, "application/octet-stream"),
            etag=recording.sha256[:40],
            name=download_name(recording.name),
            modified=stat.st_mtime,
            attachment=True,
        )
        return ranges.serve(request._request, source)

    def _recording(self, recording_id: int) -> Recording:
        recording = get_visible(Recording.objects.select_related("project"), self.person, pk=recording_id)
        require(self.person, "export", recording.project)
        return recording


class SegmentAudio(AsyncApiView):
    """The audio of one segment."""

    @operation(
        "get_segment_audio",
        also=AUDIO,
        query=(whole("context_ms", f"Sound before and after, up to {CONTEXT_MAX_MS} ms."), *RANGES),
        refuses=(409, 410, 412, 416),
    )
    async def get(self, request: Request, segment_id: int) -> Any:
        """Play a segment as a WAV of its own, with some sound around it if you like."""
        self.only_query("context_ms")
        context = self.number("context_ms", 0, 0, CONTEXT_MAX_MS) or 0
        segment = await in_thread(acted_on, self.person, segment_id)
        return ranges.serve(request._request, await asyncio.to_thread(piece_of, segment, context))


def piece_of(segment: Segment, context_ms: int = 0) -> ranges.Bytes:
    """Return the bytes that play a segment, with some sound around it; Gone where they are missing.

    Raises Conflict while the audio is not there yet. `segment` comes with its recording.
    """
    recording = segment.recording
    path = _sound_of(segment)
    stat = ranges.stat_of(path)
    start, end = max(0, segment.start_ms - context_ms), segment.end_ms + context_ms
    offset, length = wav.wav_byte_range(start, end, stat.st_size)
    return ranges.Bytes(
        path=path,
        offset=offset,
        length=length,
        content_type=WAV_TYPE,
        etag=f"{_digest(recording)}-{segment.channel}-{offset:x}-{length:x}",
        name=download_name(f"{recording.name} {segment.start_ms}-{segment.end_ms}", ".wav"),
        prefix=wav.wav_header(length),
        modified=stat.st_mtime,
    )


def _digest(recording: Recording) -> str:
    return recording.wav_sha256[:32] or recording.sha256[:32]


def _sound_of(segment: Segment) -> Path:
    """Find the WAV a segment lies in: the finished one, or while it is being prepared the growing one."""
    recording = segment.recording
    if recording.state == RecordingState.READY:
        return storage.wav_path(recording.pk, segment.channel)
    path = storage.readable_wav(recording.pk, segment.channel)
    try:
        there = wav.wav_duration_ms(path.stat().st_size) >= segment.end_ms
    except FileNotFoundError:
        there = False
    if recording.state == RecordingState.REJECTED or not there:
        raise not_ready(recording)
    return path
