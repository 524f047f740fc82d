"""Keep the device busy: while it decodes one batch, the next is made ready and the last is stored.

Three threads, each with one thing to do: this one decodes, one prepares a single batch ahead, one stores what
was heard. A batch is a step: sized by the pace measured so far, so that whoever is next in turn waits little.
At each step a person's windows go before a batch that lies ready, which keeps for the step after.
"""

from __future__ import annotations

import contextvars
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from annotation import presence
from annotation.conf import conf
from annotation.services import decodings, jobs, turns
from annotation.services.decodings import Batch, Claimed, Fit, Result
from annotation.services.turns import Head, Turns
from annotation.states import Pass
from transcription.errors import EngineError, ModelUnavailable
from transcription.types import Heard
from workers import attempts, batches, outcomes, pace, shutdown, upkeep
from workers.batches import Failure, Prepared
from workers.database import AWAY, close_connections, first_line, patiently
from workers.engines import engines
from workers.held import Held
from workers.keeper import Keeper
from workers.pace import Company, Pace
from workers.process import doing, me
from workers.shunned import REST_S, shunned

if TYPE_CHECKING:
    from transcription.engines.base import Engine

log = logging.getLogger(__name__)

T = TypeVar("T")
Choose = Callable[[Sequence[Head]], Head | None]

SHOW_DOWNLOAD_EVERY_S: Final = 2.0
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

_paces: Final[dict[str, Pace]] = {}
_turns: Final = Turns()
"""Of this process, over all its doorbells: a share of the turns is one of many bells."""
_company: Final = Company()


class Pipeline:
    """Decode waiting windows of some passes, batch after batch, until told to stop.

    Use it in a `with` block: at its end nothing is claimed any more that was not begun.
    """

    def __init__(self, passes: Sequence[Pass], on_full: Callable[[Pass], object]) -> None:
        self._passes = tuple(passes)
        self._on_full = on_full
        self._held = Held()
        self._ahead: Future[Prepared | None] | None = None
        self._storing: Future[None] | None = None
        self._kept: Prepared | None = None
        self._begun: tuple[Claimed, ...] = ()
        self._preparer = ThreadPoolExecutor(1, thread_name_prefix="prepare")
        self._storer = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._keeper = Keeper(
            renew=self._renew,
            give_up=lambda sentence: decodings.hand_back(self._held.all()),
            hand_back=lambda: decodings.hand_back(self._held.all()),
        )

    def __enter__(self) -> Self:
        self._keeper.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._end(failed=error is not None)
        finally:
            for pool in (self._preparer, self._storer):
                pool.submit(close_connections)
                pool.shutdown()
            self._keeper.__exit__(kind, error, trace)

    def step(self) -> bool:
        """Decode the next batch; return False where there is none."""
        made = self._take()
        if made is None:
            return False
        batch = made.batch
        _turns.taken(batch.rank, is_behind=batch.is_behind)
        what = f"{batch.pass_name.value}: {len(batch.decodings)} windows with {batch.model}"
        with doing(what):
            if batch.suspect:
                # A window that killed a worker before has nobody beside it that could pay for its death: no
                # batch ahead, and nothing that was heard and is not stored.
                self._settle()
            elif self._kept is None:
                self._ahead = self._run_in(self._preparer, self._prepare_ahead)
            self._work(made)
            if batch.suspect:
                self._settle()
        return True

    # -- whose turn ------------------------------------------------------------------------------------

    def _take(self) -> Prepared | None:
        ready = self._ready()
        if ready is None:
            made = self._claim(_turns.choose)
            if made is None and self._settle():
                made = self._claim(_turns.choose)  # what was stored last may have let others go
            return made
        batch = ready.batch
        rank = _turns.may_overtake(batch.rank, is_behind=batch.is_behind)
        urgent = self._claim(turns.ahead_of(rank)) if rank > 0 else None
        if urgent is None:
            return ready
        self._kept = ready
        return urgent

    def _ready(self) -> Prepared | None:
        """Return the batch that was prepared ahead, waiting for its end, or None."""
        if self._kept is not None:
            ready, self._kept = self._kept, None
            return ready
        if self._ahead is None:
            return None
        ahead, self._ahead = self._ahead, None
        return ahead.result()

    def _claim(self, choose: Choose, suspects: bool = True) -> Prepared | None:
        def chosen(heads: Sequence[Head]) -> Head | None:
            _company.saw(heads)
            return choose(heads)

        batch = patiently(
            lambda: decodings.claim_batch(
                passes=self._passes,
                worker=me.name,
                fit=self._fit,
                without=shunned.names,
                choose=chosen,
                suspects=suspects,
            )
        )
        if batch is None:
            return None
        self._held.add(batch.decodings)
        if len(batch.decodings) > 1:
            self._on_full(batch.pass_name)
        within_s = _bound_s(batch.decodings)
        with self._keeper.watching(within_s, lambda sentence: self._give_up_reading(batch, sentence)):
            return batches.read(batch)

    def _fit(self, model: str) -> Fit:
        if model not in engines.names and not _pace_of(model).known:
            return Fit(conf().batch_windows)  # if it cannot be loaded, so many are told at once
        gpu = engines.device.startswith("cuda")
        most = max(conf().batch_windows, pace.GPU_WINDOWS) if gpu else conf().batch_windows
        step_s = pace.step_s(self._passes, gpu=gpu, hurry=_company.may_come)
        return _pace_of(model).fit(step_s, most)

    def _prepare_ahead(self) -> Prepared | None:
        if shutdown.asked():
            return None
        made = self._claim(_turns.choose, suspects=False)
        # Loading is left to the thread that decodes: two models may be more than there is room for.
        engine = engines.held(made.batch.model) if made is not None and not made.unknown else None
        if made is not None and engine is not None:
            with self._keeper.watching(
                _bound_s(made.batch.decodings),
                lambda sentence: self._give_up_reading(made.batch, sentence),
            ):
                batches.compute_features(made, engine)
        return made

    # -- the work --------------------------------------------------------------------------------------

    def _work(self, made: Prepared) -> None:
        engine = self._engine(made.batch)
        if engine is None:
            return
        for claimed, failure in made.failures:
            self._answer([claimed], lambda c=claimed, f=failure: outcomes.fail([c], f))  # type: ignore[misc]
        if not made.windows:
            return
        if not _pace_of(made.batch.model).known:
            self._hand_back_all_but_first(made)
        claims = [claimed for claimed, _ in made.windows]
        self._begun = tuple(claims)
        with self._keeper.watching(_bound_s(claims), lambda sentence: self._give_up(claims, sentence)):
            if made.unknown:
                batches.hear_languages(made, engine)
            if made.ready is None:
                batches.compute_features(made, engine)
            began = time.monotonic()
            heard = attempts.decode(engine, made, _pace_of(made.batch.model))
        spent_s = time.monotonic() - began
        _pace_of(made.batch.model).learn(made.audio_ms, spent_s, len(claims))
        self._wait_for_store()
        self._storing = self._run_in(self._storer, lambda: self._store(made, heard, spent_s))
        self._begun = ()
        lost = [f for f in heard if isinstance(f, Failure) and f.code == outcomes.DEVICE_LOST]
        if lost:
            _leave_device(made.batch.model, lost[0].cause)

    def _hand_back_all_but_first(self, made: Prepared) -> None:
        """Find out with one window how long it takes: eight of a large model may be minutes."""
        rest = [claimed for claimed, _ in made.windows[1:]]
        del made.windows[1:]
        made.ready = None
        if rest:
            self._answer(rest, lambda: patiently(lambda: decodings.hand_back(rest)))

    def _store(self, made: Prepared, heard: Sequence[Heard | Failure], spent_s: float) -> None:
        results: list[Result] = []
        audio_ms = made.audio_ms
        for (claimed, _), outcome in zip(made.windows, heard, strict=True):
            if isinstance(outcome, Failure):
                outcomes.fail([claimed], outcome)
                continue
            share = (claimed.end_ms - claimed.start_ms) / max(1, audio_ms)
            language = made.languages.get(claimed.recording_id)
            if language is not None:
                signals = replace(outcome.signals, language_probability=language.probability)
                outcome = replace(outcome, signals=signals)
            whole = batches.placed_in_window(made, claimed, outcome)
            results.append(Result(claimed, whole, round(spent_s * 1000 * share)))
        try:
            outcomes.store(results)
        except AWAY:
            raise
        except Exception as error:
            log.exception("results not stored")
            cause = f"The result could not be stored: {type(error).__name__}: {first_line(error)}"
            outcomes.fail([result.claimed for result in results], Failure("not_stored", cause))
        self._held.drop([claimed for claimed, _ in made.windows])
        presence.count({"audio_ms": audio_ms, "processing_ms": round(spent_s * 1000)})

    def _engine(self, batch: Batch) -> Engine | None:
        """Return the batch's engine, loaded if need be; where it cannot be had, answer for the batch."""
        waiting = batch.decodings

        def give_up(sentence: str) -> None:
            cause = f"A worker could not load {batch.model}. {sentence}"
            decodings.put_back(waiting, code="timed_out", cause=cause, delay_s=REST_S)
            decodings.hand_back(self._held.all(but=waiting))

        try:
            with self._keeper.watching(_bound_s(waiting), give_up):
                engine = engines.get(batch.model, self._show_download(batch))
        except ModelUnavailable as error:
            log.warning("model %s cannot be had: %s", batch.model, error)
            failure = Failure(error.code, str(error), final=error.code in FINAL_MODEL_CODES)
            if error.code == "disk_full":
                self._answer(waiting, lambda: outcomes.leave_to_others(batch, failure))
            else:
                self._answer(waiting, lambda: outcomes.fail(waiting, failure, delay_s=HUB_DELAY_S))
            return None  # the rows of other models go on
        except EngineError as error:
            log.warning("model %s cannot be loaded: %s", batch.model, error)
            failure = Failure(error.code, error.message)
        except OSError as error:
            log.exception("model %s cannot be loaded", batch.model)
            cause = f"The models directory cannot be read or written: {error.strerror or error}."
            failure = Failure("storage", cause)
        except MemoryError:
            engines.drop()
            failure = Failure("out_of_memory", f"There is not enough memory to load {batch.model}.")
            log.warning(failure.cause)
        else:
            me.trouble = shunned.trouble
            return engine
        self._answer(waiting, lambda: outcomes.leave_to_others(batch, failure))
        return None

    def _show_download(self, batch: Batch) -> Callable[[int, int], None]:
        shown = 0.0

        def on_download(done: int, total: int) -> None:
            nonlocal shown
            self._keeper.moved()
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

    # -- claims ----------------------------------------------------------------------------------------

    def _renew(self) -> bool:
        held = self._held.all()
        if held:
            decodings.renew(held)
        return True  # what was taken or cancelled is refused when it is stored; the rest goes on

    def _answer(self, claims: Sequence[Claimed], answer: Callable[[], object]) -> None:
        answer()
        self._held.drop(claims)

    def _give_up(self, claims: Sequence[Claimed], sentence: str) -> None:
        decodings.fail(claims, code="timed_out", cause=sentence)
        decodings.hand_back(self._held.all(but=claims))

    def _give_up_reading(self, batch: Batch, sentence: str) -> None:
        cause = f"Its audio could not be read in time. {sentence}"
        decodings.put_back(batch.decodings, code="timed_out", cause=cause, delay_s=REST_S)
        decodings.hand_back(self._held.all(but=batch.decodings))

    def _end(self, *, failed: bool) -> None:
        """Wait for what is being prepared and stored, and hand back whatever was not begun.

        What was begun and has no answer, because of an error that nobody foresaw, is left to expire, so that
        it counts as an attempt.
        """
        errors = [
            error
            for future in (self._ahead, self._storing)
            if future is not None and (error := future.exception()) is not None
        ]
        left = self._held.all(but=self._begun)
        if left and not (failed or errors):
            patiently(lambda: decodings.hand_back(left))
        elif left:
            try:
                decodings.hand_back(left)
            except AWAY as error:
                log.warning("%d claims are left to expire: %s", len(left), first_line(error))
        if errors and not failed:
            raise errors[0]

    def _settle(self) -> bool:
        """Wait until everything heard is stored; return whether there was anything to wait for."""
        waited = self._storing is not None
        self._wait_for_store()
        return waited

    def _wait_for_store(self) -> None:
        storing, self._storing = self._storing, None
        if storing is not None:
            storing.result()

    def _run_in(self, pool: ThreadPoolExecutor, call: Callable[[], T]) -> Future[T]:
        return pool.submit(contextvars.copy_context().run, call)  # the audit's actor, too


def _leave_device(model: str, cause: str) -> None:
    """Leave a model whose device failed to others, and start anew: CUDA forgives nothing in one process.

    The new process tests the model before it takes any work of it.
    """
    log.error("%s was lost while it decoded: %s", model, cause)
    shunned.add(model, cause)
    me.trouble = shunned.trouble
    presence.count({"devices_lost": 1})
    engines.drop(model)
    upkeep.start_anew()


def _pace_of(model: str) -> Pace:
    return _paces.setdefault(model, Pace())


def _bound_s(windows: Sequence[Claimed]) -> float:
    """Return after how many seconds without a sign of life work on `windows` counts as hung.

    Three terms of a claim, and ten times real time at a claim of 60 s. A large model on two cores that has to
    try every temperature is the slowest case that is sound.
    """
    audio_s = sum(window.end_ms - window.start_ms for window in windows) / 1000
    return conf().claim_s * (3 + audio_s / 6)
