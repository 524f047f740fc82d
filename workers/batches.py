"""Make a claimed batch ready for the device: read its samples, find its languages, compute its features.

All of it is work for the processor and may be done in a thread beside the one that decodes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from annotation import storage
from annotation.services import decodings, languages
from annotation.services.decodings import Batch, Claimed
from annotation.services.languages import Language
from transcription.errors import EngineError, NotDecodedYet
from transcription.types import Heard, Span
from transcription.windows import placed, stretches
from workers.database import patiently

if TYPE_CHECKING:
    from transcription.engines.base import Engine, Ready, WindowAudio

log = logging.getLogger(__name__)

NOT_YET: Final = "not_decoded_yet"
"""Of a window whose recording is still being prepared, or anew: nobody's fault, and no attempt."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Say why one window could not be decoded."""

    code: str
    cause: str
    final: bool = False


@dataclass(slots=True)
class Prepared:
    """Hold a batch with its samples: `windows` can be decoded, `failures` could not be read.

    `ready` is None where the features are still to be computed. `unknown` names the recordings whose language
    has to be heard first.
    """

    batch: Batch
    windows: list[tuple[Claimed, WindowAudio]] = field(default_factory=list)
    failures: list[tuple[Claimed, Failure]] = field(default_factory=list)
    ready: Ready | None = None
    unknown: tuple[int, ...] = ()
    languages: dict[int, Language] = field(default_factory=dict)
    kept: dict[int, list[Span]] = field(default_factory=dict)
    """What of each window is decoded: long pauses are left out."""

    @property
    def audio_ms(self) -> int:
        """Give the length of what can be decoded."""
        return sum(claimed.end_ms - claimed.start_ms for claimed, _ in self.windows)


def read(batch: Batch) -> Prepared:
    """Read the samples of a batch, and the languages of its recordings where none is given."""
    made = Prepared(batch)
    under = patiently(lambda: decodings.segments_under(batch.decodings))
    for claimed in batch.decodings:
        made.kept[claimed.id] = stretches(_span(claimed), under[claimed.id])
        found = _samples(claimed, made.kept[claimed.id])
        if isinstance(found, Failure):
            made.failures.append((claimed, found))
        else:
            made.windows.append((claimed, found))
    if batch.options.language is None and made.windows:
        recordings = {claimed.recording_id for claimed, _ in made.windows}
        known = patiently(lambda: languages.known(recordings))
        made.unknown = tuple(sorted(pk for pk, language in known.items() if language is None))
        set_languages(made, {pk: language for pk, language in known.items() if language is not None})
    return made


def placed_in_window(made: Prepared, claimed: Claimed, heard: Heard) -> Heard:
    """Put the words that were heard in what was kept of a window to their times in the whole of it."""
    kept = made.kept[claimed.id]
    if len(kept) < 2 or not heard.words:
        return heard
    return replace(heard, words=placed(heard.words, _span(claimed), kept))


def set_languages(made: Prepared, found: Mapping[int, Language]) -> None:
    """Give the windows of these recordings the language that was heard in them."""
    made.languages.update(found)
    made.windows = [
        (claimed, replace(audio, language=found[claimed.recording_id].code))
        if claimed.recording_id in found
        else (claimed, audio)
        for claimed, audio in made.windows
    ]


def compute_features(made: Prepared, engine: Engine) -> None:
    """Compute the features; what the engine refuses shows when the windows are decoded one by one."""
    if not made.windows:
        return
    try:
        made.ready = engine.ready([audio for _, audio in made.windows], made.batch.options)
    except EngineError as error:
        log.info("a batch for %s is not ready: %s", made.batch.model, error.message)
    except MemoryError:
        log.warning("no memory to prepare %d windows for %s", len(made.windows), made.batch.model)


def hear_languages(made: Prepared, engine: Engine) -> None:
    """Hear the language of the recordings that have none yet, in their first segments, and write it down.

    A matter for the device. A recording that is silent there has no language; its windows are detected each.
    """
    for recording_id in made.unknown:
        clips = [
            clip
            for channel, span in patiently(lambda pk=recording_id: languages.first_segments(pk))  # type: ignore[misc]
            if (clip := _clip(recording_id, channel, span)) is not None
        ]
        code, probability = engine.detect_language(clips)
        if probability > 0:
            language = patiently(
                lambda pk=recording_id, c=code, p=probability: languages.settle(pk, c, p)  # type: ignore[misc]
            )
            set_languages(made, {recording_id: language})
    made.unknown = ()


def _clip(recording_id: int, channel: int, span: Span) -> WindowAudio | None:
    from transcription.engines.base import WindowAudio
    from transcription.pcm import read_pcm

    try:
        return WindowAudio(read_pcm(storage.readable_wav(recording_id, channel), span))
    except (OSError, NotDecodedYet) as error:
        log.warning("recording %d: its language is heard without %s: %s", recording_id, span, error)
        return None


def _span(claimed: Claimed) -> Span:
    return Span(claimed.start_ms, claimed.end_ms)


def _samples(claimed: Claimed, kept: Sequence[Span]) -> WindowAudio | Failure:
    import numpy as np

    from transcription.engines.base import WindowAudio
    from transcription.pcm import read_pcm

    path = storage.readable_wav(claimed.recording_id, claimed.channel)
    try:
        if len(kept) == 1:
            return WindowAudio(read_pcm(path, kept[0]))
        return WindowAudio(np.concatenate([read_pcm(path, stretch) for stretch in kept]))
    except NotDecodedYet as error:
        return Failure(NOT_YET, str(error))
    except OSError as error:
        if not patiently(lambda: languages.is_prepared(claimed.recording_id)):
            return Failure(NOT_YET, "The recording is being prepared anew.")
        return Failure("audio_missing", f"The prepared audio cannot be read: {error.strerror or error}.")
    except MemoryError:
        return Failure("out_of_memory", "There was not enough memory to read this window.")
