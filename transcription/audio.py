"""Prepare a recording: one FFmpeg pass gives the WAV, the peaks, the silence map and the facts about the
file.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from transcription import ffmpeg as caged
from transcription.decoder_log import DecoderLog
from transcription.errors import MediaRejected
from transcription.formats_allowed import HUMAN_LIST
from transcription.peaks import LEVELS_MS, PeaksWriter
from transcription.silence import find_silences, step_levels
from transcription.types import (
    BYTES_PER_SAMPLE,
    SAMPLE_RATE,
    SAMPLES_PER_MS,
    MediaLimits,
    MediaWarning,
    Prepared,
    Source,
    Span,
)
from transcription.wav import HEADER_BYTES, wav_header

_BLOCK_SECONDS: Final = 10
"""A multiple of every peak level but the coarsest, so that blocks need no carry."""
_FINE: Final = LEVELS_MS[0] * SAMPLES_PER_MS
_RATIO: Final = LEVELS_MS[1] // LEVELS_MS[0]
_DEFAULT_LIMITS: Final = MediaLimits()
_TOO_MANY_ERRORS: Final = 69
"""FFmpeg's exit status where more than two thirds of the packets could not be decoded."""


def prepare(
    source: Path,
    wav_path: Path,
    peaks_path: Path,
    *,
    limits: MediaLimits = _DEFAULT_LIMITS,
    on_progress: Callable[[int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    ffmpeg: Path | None = None,
) -> Prepared:
    """Decode `source` to a 16 kHz mono WAV and a peaks file, in one pass and in constant memory.

    `on_progress` is given whole percents, rising, at most 99 before the end and 100 at the end. `should_stop`
    is asked about twice a second. `ffmpeg` is the binary to use instead of the bundled one.

    Both files appear complete or not at all. Raises MediaRejected (the file's fault), Stopped,
    DecoderUnavailable (the installation's fault), OSError (disk full, unreadable source).
    """
    binary = caged.find_ffmpeg(ffmpeg)
    wav_part, peaks_part = _part(wav_path), _part(peaks_path)
    try:
        with (
            source.open("rb", buffering=0) as file,
            wav_part.open("xb", buffering=0) as wav,
            PeaksWriter(peaks_part) as peaks,
            caged.Decoder(
                file, binary=binary, limits=limits, should_stop=should_stop, on_progress=on_progress
            ) as decoder,
        ):
            levels = _consume(decoder, wav, peaks)
            outcome = decoder.outcome()
            samples = outcome.pcm_bytes // BYTES_PER_SAMPLE
            _refuse_unusable(outcome.log, outcome.returncode, samples)
            wav.seek(0)
            _write(wav, wav_header(samples * BYTES_PER_SAMPLE))
            os.fsync(wav.fileno())
            peaks.finish(samples)
            os.fsync(peaks.fileno())
        with wav_part.open("rb") as made:
            digest = hashlib.file_digest(made, "sha256").hexdigest()
        peaks_part.rename(peaks_path)
        wav_part.rename(wav_path)
        for folder in {wav_path.parent, peaks_path.parent}:
            _sync_folder(folder)
    finally:
        wav_part.unlink(missing_ok=True)
        peaks_part.unlink(missing_ok=True)
    duration_ms = -(-samples // SAMPLES_PER_MS)
    silences = find_silences(levels, duration_ms)
    if on_progress is not None:
        on_progress(100)
    return Prepared(
        source=_source(outcome.log),
        duration_ms=duration_ms,
        samples=samples,
        wav_bytes=HEADER_BYTES + samples * BYTES_PER_SAMPLE,
        wav_sha256=digest,
        silences=silences,
        peak_levels_ms=LEVELS_MS,
        warnings=_warnings(outcome.log, outcome.returncode, duration_ms, silences),
        engine=f"ffmpeg {caged.version(binary)}",
    )


def _consume(decoder: caged.Decoder, wav: IO[bytes], peaks: PeaksWriter) -> NDArray[np.uint8]:
    """Write each block to the WAV and the peaks; give the loudness levels of the whole, 360 kB an hour."""
    _write(wav, bytes(HEADER_BYTES))
    levels: list[NDArray[np.uint8]] = []
    for block in decoder.blocks(bytearray(_BLOCK_SECONDS * SAMPLE_RATE * BYTES_PER_SAMPLE)):
        whole = block[: len(block) - len(block) % BYTES_PER_SAMPLE]
        _write(wav, whole)
        samples = np.frombuffer(whole, dtype="<i2")
        peaks.add(*_peaks(samples))
        levels.append(step_levels(samples))
    return np.concatenate(levels) if levels else np.empty(0, dtype=np.uint8)


def _write(file: IO[bytes], data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _peaks(samples: NDArray[np.int16]) -> tuple[bytes, bytes]:
    """Give int8 minimum and maximum pairs per 10 ms and per 100 ms; the last step may be short."""
    fine = _extremes(samples, _FINE)
    coarse = _extremes(samples, _FINE * _RATIO)
    return fine.tobytes(), coarse.tobytes()


def _extremes(samples: NDArray[np.int16], step: int) -> NDArray[np.int8]:
    if len(samples) == 0:
        return np.empty((0, 2), dtype=np.int8)
    whole = len(samples) // step
    body = samples[: whole * step].reshape(whole, step)
    rest = samples[whole * step :]
    pairs = np.empty((whole + (len(rest) > 0), 2), dtype=np.int16)
    pairs[:whole, 0], pairs[:whole, 1] = body.min(axis=1), body.max(axis=1)
    if len(rest):
        pairs[whole] = rest.min(), rest.max()
    # Away from zero, so that the faintest sound is not drawn as none: floor the minimum, ceil the maximum.
    pairs[:, 0] >>= 8
    pairs[:, 1] = np.minimum((pairs[:, 1].astype(np.int32) + 255) >> 8, 127)
    return pairs.astype(np.int8)


def _refuse_unusable(log: DecoderLog, returncode: int, samples: int) -> None:
    """Raise MediaRejected where the run gave nothing worth keeping, with the reason a person can act on."""
    milliseconds = samples // SAMPLES_PER_MS
    claimed = 0 if log.claim_is_estimate else (log.claimed_ms or 0)
    # A header that promises minutes over a few stray samples holds no recording.
    if milliseconds >= 100 or (samples > 0 and claimed < 1_000 + 10 * milliseconds):
        if returncode == _TOO_MANY_ERRORS:
            raise MediaRejected(
                "corrupt",
                "Most of the sound in this file is damaged. Export it again from its source.",
                log.detail,
            )
        return
    if returncode < 0 or (returncode > 128 and log.container is None and not log.detail):
        raise MediaRejected(
            "decoder_killed",
            "The decoder was stopped by its limits or crashed on this file. Export it again from its source.",
            f"status {returncode} | {log.detail}",
        )
    if log.container is None:
        if log.format_refused:
            raise MediaRejected(
                "unsupported_format", f"This kind of file is not accepted. Accepted: {HUMAN_LIST}."
            )
        if log.codec == "unknown":
            raise MediaRejected(
                "impossible_header",
                "The file says it has a sample rate of 0 Hz, which no recording has. Export it again.",
                log.detail,
            )
        raise MediaRejected(
            "not_media",
            f"This is not an audio or video file, or its beginning is damaged. Accepted: {HUMAN_LIST}.",
            log.detail,
        )
    if log.audio_tracks == 0:
        kind = "a video without sound" if log.video_tracks else "a media file without a sound track"
        raise MediaRejected("no_audio_track", f"The file has no audio track: it is {kind}.", log.detail)
    if log.codec == "none":
        raise MediaRejected(
            "impossible_header",
            "The file's header describes no sound format at all. Export it again from its source.",
            log.detail,
        )
    if log.codec_refused:
        raise MediaRejected(
            "unsupported_format",
            f"The sound is coded as {log.codec}, which is not accepted. Export it as WAV, FLAC or MP3.",
            log.detail,
        )
    raise MediaRejected(
        "no_audio_decoded",
        "The file has an audio track, but no sound could be decoded from it: "
        "it is empty, cut off or damaged. Export it again from its source.",
        log.detail,
    )


def _source(log: DecoderLog) -> Source:
    return Source(
        container=log.container or "unknown",
        codec=log.codec or "unknown",
        sample_rate=log.sample_rate,
        channels=log.channels,
        claimed_ms=None if log.claim_is_estimate else log.claimed_ms,
        audio_tracks=log.audio_tracks,
    )


def _warnings(
    log: DecoderLog, returncode: int, duration_ms: int, silences: tuple[Span, ...]
) -> tuple[MediaWarning, ...]:
    found: list[MediaWarning] = []
    claimed = None if log.claim_is_estimate else log.claimed_ms
    if claimed is not None and duration_ms < claimed - max(1_000, claimed // 50):
        # Where there are other tracks the header gives the length of the longest.
        alone = log.audio_tracks == 1 and log.video_tracks == 0
        message = (
            f"The file says it lasts {_clock(claimed)}, but only {_clock(duration_ms)} could be decoded. "
            "The rest is missing or damaged."
            if alone
            else f"The file lasts {_clock(claimed)}, but its sound ends at {_clock(duration_ms)}."
        )
        found.append(MediaWarning("duration_mismatch", message))
    if log.decode_errors:
        found.append(
            MediaWarning(
                "corrupt_audio",
                f"Parts of the sound are damaged ({log.decode_errors} decoding errors): it may skip.",
            )
        )
    elif log.corrupt_packets and not found:
        found.append(
            MediaWarning(
                "cut_off",
                "The file's header does not fit its contents: the recording was probably cut off. "
                "Everything found was kept.",
            )
        )
    if returncode != 0:
        found.append(MediaWarning("ended_early", "The decoder stopped before the end of the file."))
    if len(silences) == 1 and silences[0] == Span(0, duration_ms):
        advice = (
            " If you can hear sound, its two channels cancel out when mixed." if log.channels == 2 else ""
        )
        found.append(MediaWarning("silent", f"The recording is silent.{advice}"))
    if log.audio_tracks > 1:
        found.append(
            MediaWarning(
                "extra_audio_tracks", f"The file has {log.audio_tracks} audio tracks; the first is used."
            )
        )
    return tuple(found)


def _clock(milliseconds: int) -> str:
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _part(path: Path) -> Path:
    """Name the unfinished file beside its final place: on the same file system, hidden, never twice."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
