"""Prepare a recording: one FFmpeg pass gives the WAV, the peaks, the silence map and the facts about the
file.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from transcription import ffmpeg as caged
from transcription.channels import Verdict
from transcription.decoder_log import DecoderLog
from transcription.errors import MediaRejected
from transcription.formats_allowed import HUMAN_LIST
from transcription.peaks import LEVELS_MS, PeaksWriter
from transcription.segmentation import Cutting
from transcription.tracks import Settled, Tracks
from transcription.types import (
    BYTES_PER_SAMPLE,
    SAMPLE_RATE,
    SAMPLES_PER_MS,
    ChannelSpan,
    MediaLimits,
    MediaWarning,
    Prepared,
    Source,
    Span,
)
from transcription.wav import HEADER_BYTES, part_path

_BLOCK_SECONDS: Final = 10
"""Of one channel; five of two. A multiple of every peak level but the coarsest, so blocks need no carry."""
_DEFAULT_LIMITS: Final = MediaLimits()
_TOO_MANY_ERRORS: Final = 69
"""FFmpeg's exit status where more than two thirds of the packets could not be decoded."""


def prepare(
    source: Path,
    wav_path: Path,
    peaks_path: Path,
    *,
    channel_paths: tuple[Path, Path] | None = None,
    cutting: Cutting | None = None,
    limits: MediaLimits = _DEFAULT_LIMITS,
    on_progress: Callable[[int], None] | None = None,
    on_settled: Callable[[Settled], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    ffmpeg: Path | None = None,
    tag: str | None = None,
) -> Prepared:
    """Decode `source` to a 16 kHz mono WAV and a peaks file, in one pass and in constant memory.

    Where `channel_paths` are given and a speaker is on each of two channels, each gets a WAV of its own there
    (16 kHz mono, as long as the mix), and pauses and segments are those of the channels.

    `on_progress` is given whole percents, rising, at most 99 before the end and 100 at the end. `on_settled`
    is given the segments that became certain while the file is still being decoded, cut as `cutting` says;
    their samples can be read from the growing files, `wav.part_path(path, tag)`. What it was given is final:
    the same file gives the same segments, whatever the timing. `should_stop` is asked about twice a second.
    `ffmpeg` is the binary to use instead of the bundled one.

    All files appear complete or not at all. Raises MediaRejected (the file's fault), Stopped,
    DecoderUnavailable (the installation's fault), OSError (disk full, unreadable source), and what
    `on_settled` raises.
    """
    binary = caged.find_ffmpeg(ffmpeg)
    tag = tag or secrets.token_hex(6)
    wholes = [wav_path, *(channel_paths or ())]
    parts = [part_path(path, tag) for path in wholes]
    peaks_part = part_path(peaks_path, tag)
    try:
        with (
            source.open("rb", buffering=0) as file,
            PeaksWriter(peaks_part) as peaks,
            Tracks(parts.__getitem__, peaks, cutting, apart=channel_paths is not None) as tracks,
            caged.Decoder(
                file, binary=binary, limits=limits, should_stop=should_stop, on_progress=on_progress
            ) as decoder,
        ):
            for block in decoder.blocks(bytearray(_BLOCK_SECONDS * SAMPLE_RATE * BYTES_PER_SAMPLE)):
                whole = block[: len(block) - len(block) % (decoder.channels * BYTES_PER_SAMPLE)]
                settled = tracks.feed(np.frombuffer(whole, dtype="<i2"), decoder.channels)
                if settled is not None and settled.segments and on_settled is not None:
                    on_settled(settled)
            outcome = decoder.outcome()
            tracks.finish()
            samples = tracks.mix.samples
            _refuse_unusable(outcome.log, outcome.returncode, samples)
            peaks.finish(samples)
            os.fsync(peaks.fileno())
        with parts[0].open("rb") as made:
            digest = hashlib.file_digest(made, "sha256").hexdigest()
        for channel in (1, 2):
            if channel in tracks.heard:
                parts[channel].rename(wholes[channel])
            elif channel < len(wholes):
                wholes[channel].unlink(missing_ok=True)
        peaks_part.rename(peaks_path)
        parts[0].rename(wav_path)
        for folder in {path.parent for path in (*wholes, peaks_path)}:
            _sync_folder(folder)
    finally:
        for part in (*parts, peaks_part):
            part.unlink(missing_ok=True)
    duration_ms = -(-samples // SAMPLES_PER_MS)
    silences = tuple(tracks.mix.silences)
    if on_progress is not None:
        on_progress(100)
    verdict = tracks.verdict or Verdict("mixed")
    return Prepared(
        source=_source(outcome.log),
        duration_ms=duration_ms,
        samples=samples,
        wav_bytes=HEADER_BYTES + samples * BYTES_PER_SAMPLE,
        wav_sha256=digest,
        silences=silences,
        peak_levels_ms=LEVELS_MS,
        warnings=_warnings(outcome.log, outcome.returncode, duration_ms, silences, verdict),
        engine=f"ffmpeg {caged.version(binary)}",
        layout=verdict.layout,
        channel_silences=tuple(
            ChannelSpan(channel, span)
            for channel, track in tracks.heard.items()
            if channel
            for span in track.silences
        ),
        segments=tuple(sorted(tracks.segments)),
    )


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
    log: DecoderLog, returncode: int, duration_ms: int, silences: tuple[Span, ...], verdict: Verdict
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
        found.append(MediaWarning("silent", "The recording is silent."))
    if verdict.difference:
        found.append(
            MediaWarning(
                "opposite_channels",
                "The two channels have opposite polarity and would cancel out when added: "
                "their difference is heard instead.",
            )
        )
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


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
