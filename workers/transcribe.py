"""Transcribe windows: claim a batch across recordings, decode it in short steps, store each step as it comes.

No transaction is open while a model works. A step is sized to take about two seconds by the pace measured so
far, so results appear as they come, a stop is honoured soon, and work of a higher priority waits little.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import DatabaseError

from annotation import presence, storage
from annotation.conf import conf
from annotation.services import decodings, jobs
from annotation.services.decodings import Batch, Claimed, Result
from annotation.states import Pass
from transcription.errors import EngineError, ModelUnavailable
from transcription.types import DecodingOptions, Heard, Span
from workers import shutdown
from workers.database import AWAY, first_line, patiently
from workers.engines import engines
from workers.keeper import Keeper
from workers.process import doing, me
from workers.shunned import REST_S, shunned

if TYPE_CHECKING:
    from transcription.engines.base import Engine, WindowAudio

log = logging.getLogger(__name__)

STEP_S: Final = 2.0
"""What one call of a model should take. Soft: one window is decoded whole, however long that takes."""
SHOW_DOWNLOAD_EVERY_S: Final = 2.0
FINAL_CODES: Final = ("bad_option", "bad_input")
"""What no further attempt can mend."""
FINAL_MODEL_CODES: Final = (
    "unknown_model",
    "model_missing",
    "not_ctranslate2",
    "incomplete_model",
    "hash_mismatch",
)
"""What somebody has to mend before a model can be had."""
HUB_DELAY_S: Final = 45.0
"""Before the second attempt at a download, twice as long before the third: a network may be back by then."""
PASS_ON_S: Final = 3.0
"""How long a doorbell rests with a worker that shuns what waits, before it rings for another one."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Say why one window could not be decoded."""

    code: str
    cause: str
    final: bool = False


class Pace:
    """Learn how long a second of audio takes, and say how many windows fit in one step."""

    def __init__(self) -> None:
        self._rtf: float | None = None
        self._most: int | None = None

    def take(self, windows: Sequence[Claimed]) -> int:
        """Return how many of the first windows to decode at once: one until the pace is known."""
        if self._rtf is None:
            return 1
        total = 0.0
        for count, window in enumerate(windows, start=1):
            total += (window.end_ms - window.start_ms) / 1000 * self._rtf
            if total > STEP_S:
                return max(1, min(count - 1, self._most or count))
        return min(len(windows), self._most or len(windows))

    def learn(self, audio_ms: int, spent_s: float) -> None:
        """Take in one step: half of what is known, half of what was seen."""
        rtf = spent_s / max(0.1, audio_ms / 1000)
        self._rtf = rtf if self._rtf is None else (self._rtf + rtf) / 2

    def shrink(self, windows: int) -> None:
        """Remember that `windows` at once were too many for the memory of the device."""
        self._most = max(1, windows // 2)


_paces: Final[dict[str, Pace]] = {}


def transcribe_waiting(pass_name: Pass, budget_s: float, ring: Callable[[], object]) -> bool:
    """Decode waiting windows until none is left, `budget_s` has passed or a stop is asked.

    Returns whether to ring again: there may be more, for this worker or another. `ring` is called once when a
    full batch was found, because then there is enough to wake a colleague. Models that this worker could not
    load a moment ago are left to others.
    """
    deadline = time.monotonic() + budget_s
    rung = False
    while not shutdown.asked():
        limit = conf().batch_windows
        batch = patiently(
            lambda limit=limit: decodings.claim_batch(  # type: ignore[misc]
                passes=(pass_name,), worker=me.name, fit=decodings.Fit(limit), without=shunned.names
            )
        )
        if batch is None:
            return _is_for_others(pass_name)
        if len(batch.decodings) >= limit and not rung:
            rung = True
            ring()
        with doing(f"{pass_name.value}: {len(batch.decodings)} windows with {batch.model}"):
            if not transcribe(batch):
                return shutdown.asked()
        if time.monotonic() > deadline:
            break
    return True


def _is_for_others(pass_name: Pass) -> bool:
    """Tell whether what is left is shunned here; wait a little, as the bell may well come back to us."""
    if not shunned.names or not patiently(lambda: decodings.is_waiting((pass_name,))):
        return False
    time.sleep(PASS_ON_S)
    return True


def transcribe(batch: Batch) -> bool:
    """Decode one claimed batch; return False when this worker should take no more for now."""
    waiting = list(batch.decodings)
    step: list[Claimed] = []

    def give_up(sentence: str) -> None:
        if step:
            decodings.fail(tuple(step), code="timed_out", cause=sentence)
            decodings.hand_back(tuple(waiting))
        else:
            cause = f"A worker could not load {batch.model}. {sentence}"
            decodings.put_back(tuple(waiting), code="timed_out", cause=cause, delay_s=REST_S)

    keeper = Keeper(
        renew=lambda: decodings.renew(tuple(waiting)) > 0,
        give_up=give_up,
        hand_back=lambda: decodings.hand_back(tuple(waiting)),
    )
    with keeper:
        try:
            with keeper.watching(_bound_s(waiting)):
                engine = engines.get(batch.model, _show_download(batch, keeper))
        except ModelUnavailable as error:
            log.warning("model %s cannot be had: %s", batch.model, error)
            if error.code == "disk_full":
                _leave_to_others(batch, Failure(error.code, str(error)))
            else:
                final = error.code in FINAL_MODEL_CODES
                _fail(waiting, Failure(error.code, str(error), final=final), delay_s=HUB_DELAY_S)
            return True  # the rows of other models go on
        except EngineError as error:
            log.warning("model %s cannot be loaded: %s", batch.model, error)
            _leave_to_others(batch, Failure(error.code, error.message))
            return True
        except OSError as error:
            log.exception("model %s cannot be loaded", batch.model)
            cause = f"The models directory cannot be read or written: {error.strerror or error}."
            _leave_to_others(batch, Failure("storage", cause))
            return True
        except MemoryError:
            engines.drop()
            cause = f"There is not enough memory to load {batch.model}."
            log.warning(cause)
            _leave_to_others(batch, Failure("out_of_memory", cause))
            return True
        me.trouble = shunned.trouble
        pace = _paces.setdefault(batch.model, Pace())
        while waiting:
            if keeper.lost:
                return True
            if shutdown.asked():
                patiently(lambda: decodings.hand_back(tuple(waiting)))
                return False
            step = waiting[: pace.take(waiting)]
            _decode_and_store(engine, step, batch.options, pace, keeper)
            del waiting[: len(step)]
    return True


def _bound_s(windows: Sequence[Claimed]) -> float:
    """Return after how many seconds without a sign of life work on `windows` counts as hung.

    Three terms of a claim, and ten times real time at a claim of 60 s. A large model on two cores that has to
    try every temperature is the slowest case that is sound.
    """
    audio_s = sum(window.end_ms - window.start_ms for window in windows) / 1000
    return conf().claim_s * (3 + audio_s / 6)


def _show_download(batch: Batch, keeper: Keeper) -> Callable[[int, int], None]:
    shown = 0.0

    def on_download(done: int, total: int) -> None:
        nonlocal shown
        keeper.moved()
        now = time.monotonic()
        if now - shown < SHOW_DOWNLOAD_EVERY_S and done < total:
            return
        shown = now
        percent = 100 * done // max(1, total)
        me.doing = f"downloads {batch.model}: {percent} %"
        log.info("downloading %s: %d of %d MiB", batch.model, done >> 20, total >> 20)
        try:
            jobs.show_download({c.job_id for c in batch.decodings}, model=batch.model, percent=percent)
        except AWAY as error:
            log.warning("download not shown: %s", first_line(error))

    return on_download


def _decode_and_store(
    engine: Engine, step: Sequence[Claimed], options: DecodingOptions, pace: Pace, keeper: Keeper
) -> None:
    heard: list[tuple[Claimed, WindowAudio]] = []
    for claimed in step:
        audio = _read(claimed)
        if isinstance(audio, Failure):
            _fail([claimed], audio)
        else:
            heard.append((claimed, audio))
    if not heard:
        return
    began = time.monotonic()
    with keeper.watching(_bound_s(step)):
        outcomes = _decode(engine, [audio for _, audio in heard], options, pace)
    spent = time.monotonic() - began
    audio_ms = sum(claimed.end_ms - claimed.start_ms for claimed, _ in heard)
    pace.learn(audio_ms, spent)
    results: list[Result] = []
    for (claimed, _), outcome in zip(heard, outcomes, strict=True):
        if isinstance(outcome, Failure):
            _fail([claimed], outcome)
        else:
            share = (claimed.end_ms - claimed.start_ms) / max(1, audio_ms)
            results.append(Result(claimed, outcome, round(spent * 1000 * share)))
    _store(results)
    presence.count({"audio_ms": audio_ms, "processing_ms": round(spent * 1000)})


def _read(claimed: Claimed) -> WindowAudio | Failure:
    from transcription.engines.base import WindowAudio
    from transcription.pcm import read_pcm

    path = storage.wav_path(claimed.recording_id)
    try:
        return WindowAudio(read_pcm(path, Span(claimed.start_ms, claimed.end_ms)))
    except OSError as error:
        return Failure("audio_missing", f"The prepared audio cannot be read: {error.strerror or error}.")
    except MemoryError:
        return Failure("out_of_memory", "There was not enough memory to read this window.")


def _decode(
    engine: Engine, windows: Sequence[WindowAudio], options: DecodingOptions, pace: Pace
) -> list[Heard | Failure]:
    """Decode windows together; when that fails, in halves, so that one bad window takes no other along."""
    try:
        return list(engine.decode(windows, options))
    except EngineError as error:
        failure = Failure(error.code, error.message, final=error.code in FINAL_CODES)
        if error.code == "bad_option":
            return [failure] * len(windows)
        if error.retry_smaller:
            pace.shrink(len(windows))
    except MemoryError:
        pace.shrink(len(windows))
        failure = Failure("out_of_memory", "There was not enough memory to decode this window.")
    except Exception as error:
        log.exception("decoding failed")
        failure = Failure("decode_failed", f"{type(error).__name__}: {first_line(error)}")
    if len(windows) == 1:
        return [failure]
    middle = len(windows) // 2
    return [
        *_decode(engine, windows[:middle], options, pace),
        *_decode(engine, windows[middle:], options, pace),
    ]


def _store(results: Sequence[Result]) -> None:
    """Store results; when the database refuses them, one by one, so that one bad text costs no other."""
    if not results:
        return
    try:
        stored = patiently(lambda: decodings.store(results))
    except AWAY:
        raise
    except DatabaseError as error:
        if len(results) > 1:
            for result in results:
                _store([result])
            return
        log.exception("result not stored")
        _fail(
            [results[0].claimed],
            Failure("not_stored", f"The result could not be stored: {first_line(error)}"),
        )
        return
    if stored.fenced:
        log.warning("%d results came too late or were cancelled; refused", stored.fenced)
    presence.count({"windows_done": stored.accepted, "windows_fenced": stored.fenced})


def _fail(claims: Sequence[Claimed], failure: Failure, *, delay_s: float | None = None) -> None:
    mine = tuple(claims)
    presence.count({"windows_failed": len(mine)})
    code, cause, final = failure.code, failure.cause, failure.final
    patiently(lambda: decodings.fail(mine, code=code, cause=cause, final=final, delay_s=delay_s))


def _leave_to_others(batch: Batch, failure: Failure) -> None:
    """Put a batch back for a healthy worker, and shun its model: the machine is at fault, not the windows."""
    shunned.add(batch.model, failure.cause)
    me.trouble = shunned.trouble
    presence.count({"windows_put_back": len(batch.decodings)})
    code, cause, delay_s = failure.code, failure.cause, float(conf().retry_delay_s)
    patiently(lambda: decodings.put_back(batch.decodings, code=code, cause=cause, delay_s=delay_s))
