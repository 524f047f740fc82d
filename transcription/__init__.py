"""A plain speech library: FFmpeg, segmentation, Whisper engines, confidence, text metrics, file formats.

It knows nothing of Django, Celery or Redis. Times are integer milliseconds except inside an engine.

Two halves, kept apart on purpose. `types`, `errors`, `wav`, `peaks`, `segmentation`, `catalog`,
`confidence`, `dealing`, `packing`, `text` and `formats` are light: a web process imports them, so
they never pull in numpy, CTranslate2 or faster-whisper. `audio`, `pcm`, `vad`, `passes` and `engines` are for
workers. In a notebook: `from transcription import transcribe`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transcription.hybrid import transcribe
    from transcription.passes import Transcript

__all__ = ["Transcript", "transcribe"]


def __getattr__(name: str) -> Any:
    """Give `transcribe` and `Transcript` to those who ask for them: unlike the rest they need numpy."""
    if name == "transcribe":
        from transcription.hybrid import transcribe

        return transcribe
    if name == "Transcript":
        from transcription.passes import Transcript

        return Transcript
    raise AttributeError(f"module 'transcription' has no attribute {name!r}")
