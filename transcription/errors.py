"""Errors of the library. Each has a stable `code`, a `message` that says what to do, and a `detail` for a
log.
"""

from __future__ import annotations

from typing import Final, Literal

MediaCode = Literal[
    "empty_file",
    "not_media",
    "unsupported_format",
    "no_audio_track",
    "no_audio_decoded",
    "impossible_header",
    "corrupt",
    "too_long",
    "too_large_output",
    "decode_timeout",
    "decoder_killed",
]

MODEL_CODES: Final = (
    "unknown_model",
    "model_missing",
    "hub_unreachable",
    "hub_refused",
    "not_ctranslate2",
    "incomplete_model",
    "hash_mismatch",
    "disk_full",
    "not_convertible",
)
ModelCode = Literal[
    "unknown_model",
    "model_missing",
    "hub_unreachable",
    "hub_refused",
    "not_ctranslate2",
    "incomplete_model",
    "hash_mismatch",
    "disk_full",
    "not_convertible",
]


class TranscriptionError(Exception):
    """Base of all errors of this library; `str(error)` is the message for a person."""

    code: str
    message: str


class MediaRejected(TranscriptionError):
    """Say that a file is not audio we can use. The file is at fault, so trying again changes nothing.

    `message` is a sentence for the person who uploaded it. `detail` is what the decoder said, shortened and
    free of paths and of the file's own metadata.
    """

    def __init__(self, code: MediaCode, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail

    def __reduce__(self) -> tuple[type[MediaRejected], tuple[str, str, str]]:
        return (type(self), (self.code, self.message, self.detail))


class Stopped(TranscriptionError):
    """Say that the caller's `should_stop` asked for the end. Nothing was left behind on disk."""

    code = "stopped"

    def __init__(self, message: str = "Stopped on request.") -> None:
        super().__init__(message)
        self.message = message


class NotDecodedYet(TranscriptionError):
    """Say that samples were asked for that are not in the WAV (yet): it holds the span up to `have_ms`."""

    code = "not_decoded_yet"

    def __init__(self, wanted_ms: int, have_ms: int) -> None:
        super().__init__(f"The audio is there up to {have_ms} ms; {wanted_ms} ms were asked for.")
        self.message = str(self)
        self.wanted_ms = wanted_ms
        self.have_ms = have_ms

    def __reduce__(self) -> tuple[type[NotDecodedYet], tuple[int, int]]:
        return (type(self), (self.wanted_ms, self.have_ms))


class DecoderUnavailable(TranscriptionError):
    """Say that FFmpeg itself can't be used: the installation is at fault, not the file."""

    code = "decoder_unavailable"

    def __init__(self, message: str, how_to: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.how_to = how_to

    def __reduce__(self) -> tuple[type[DecoderUnavailable], tuple[str, str]]:
        return (type(self), (self.message, self.how_to))


class ModelUnavailable(TranscriptionError):
    """Say that a model can't be had. `how_to` names the directory, files and option that would mend it."""

    def __init__(self, code: ModelCode, message: str, how_to: str = "") -> None:
        super().__init__(f"{message} {how_to}".strip())
        self.code = code
        self.message = message
        self.how_to = how_to

    def __reduce__(self) -> tuple[type[ModelUnavailable], tuple[str, str, str]]:
        return (type(self), (self.code, self.message, self.how_to))


EngineCode = Literal[
    "bad_input", "bad_option", "out_of_memory", "device_unavailable", "self_test_failed", "decode_failed"
]


class EngineError(TranscriptionError):
    """Say that an engine failed on a batch. `retry_smaller` is true when half the batch may well succeed."""

    def __init__(self, code: EngineCode, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail

    @property
    def retry_smaller(self) -> bool:
        """Tell whether the same windows in smaller batches are worth one more try."""
        return self.code == "out_of_memory"

    def __reduce__(self) -> tuple[type[EngineError], tuple[str, str, str]]:
        return (type(self), (self.code, self.message, self.detail))
