"""Compare the two contexts of a model on references: texts by people, heard in full and in fitted context.

Both contexts hear the same audio in turn, so a machine that slows down slows both. For the gates of projects
(`annotation.services.gates`), by command and by the schedule; and for any folder of clips with known texts.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import redis

from annotation import progress, storage
from annotation.models import Project
from annotation.services import decodings, gates, references
from annotation.services.gates import NORMALISATION, Context, Evaluation
from annotation.services.models import card_of
from annotation.states import Pass
from transcription.audio import prepare
from transcription.engines.base import WindowAudio
from transcription.errors import EngineError, MediaRejected, ModelUnavailable, NotDecodedYet
from transcription.pcm import read_pcm
from transcription.text.metrics import ErrorCounts, count_errors
from transcription.types import DecodingOptions, MediaLimits, Span
from workers import shutdown
from workers.engines import engines
from workers.process import doing, me

if TYPE_CHECKING:
    from transcription.engines.base import Engine

log = logging.getLogger(__name__)

BATCH: Final = 8
"""Windows of one step: seconds of work, after which a stop is honoured and waiting work goes first."""
CONTEXTS: Final[tuple[Context, Context]] = ("full", "fit")
KEEP_S: Final = 7 * 24 * 3600
"""How long an evaluation that had to stop waits to be continued."""
HOLD_S: Final = 600

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Sample:
    """One reference: what is spoken, and how to get at the audio. None where it cannot be read any more."""

    text: str
    read: Callable[[], WindowAudio | None]


@dataclass(slots=True)
class Tally:
    """Add up one context: errors, and what it cost in milliseconds."""

    errors: ErrorCounts = field(default_factory=ErrorCounts)
    wall_ms: float = 0.0
    cpu_ms: float = 0.0


@dataclass(slots=True)
class Comparison:
    """Add up an evaluation as far as it has come; `at` samples of the list have been looked at."""

    model: str
    at: int = 0
    heard: int = 0
    tallies: dict[Context, Tally] = field(default_factory=lambda: {name: Tally() for name in CONTEXTS})

    def step(self, engine: Engine, samples: Sequence[Sample], options: DecodingOptions) -> None:
        """Hear the next samples in both contexts, each going first in turn, and count their errors."""
        batch = samples[self.at : self.at + BATCH]
        read = [(sample.text, sample.read()) for sample in batch]
        known = [(text, audio) for text, audio in read if audio is not None]
        order = CONTEXTS if (self.at // BATCH) % 2 == 0 else CONTEXTS[::-1]
        for context in order if known else ():
            tally = self.tallies[context]
            wall, cpu = time.perf_counter(), time.process_time()
            heard = engine.decode([audio for _, audio in known], replace(options, context=context))
            tally.wall_ms += 1000 * (time.perf_counter() - wall)
            tally.cpu_ms += 1000 * (time.process_time() - cpu)
            for (text, _), found in zip(known, heard, strict=True):
                tally.errors += count_errors(text, found.text, profile=NORMALISATION)
        self.at += len(batch)
        self.heard += len(known)

    @property
    def evaluation(self) -> Evaluation:
        """Return what was found so far."""
        full, fit = (self.tallies[name] for name in CONTEXTS)
        return Evaluation(
            model=self.model,
            references=self.heard,
            full=full.errors,
            fit=fit.errors,
            full_ms=round(full.wall_ms),
            fit_ms=round(fit.wall_ms),
            full_cpu_ms=round(full.cpu_ms),
            fit_cpu_ms=round(fit.cpu_ms),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for going on later."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Comparison:
        """Rebuild from `to_json`."""
        tallies = {
            name: Tally(ErrorCounts(**kept["errors"]), kept["wall_ms"], kept["cpu_ms"])
            for name, kept in ((name, data["tallies"][name]) for name in CONTEXTS)
        }
        return cls(data["model"], data["at"], data["heard"], tallies)


def compare(
    engine: Engine, model: str, samples: Sequence[Sample], options: DecodingOptions, on_progress: OnProgress
) -> Evaluation:
    """Hear all samples in both contexts; `on_progress` is given how many of how many after each step."""
    found = Comparison(model)
    engine.decode([audio for audio in [samples[0].read()] if audio], options)  # the first call is no measure
    while found.at < len(samples):
        found.step(engine, samples, options)
        on_progress(found.at, len(samples))
    return found.evaluation


def samples_of(found: Sequence[references.Reference]) -> list[Sample]:
    """Return the references of a project as samples, read from their recordings one step at a time."""
    return [Sample(reference.text, lambda reference=reference: _read(reference)) for reference in found]  # type: ignore[misc]


def _read(reference: references.Reference) -> WindowAudio | None:
    path = storage.wav_path(reference.recording, reference.channel)
    try:
        samples = read_pcm(path, Span(reference.start_ms, reference.end_ms))
    except (OSError, NotDecodedYet) as error:
        log.warning("a reference in recording %s cannot be read: %s", reference.recording, error)
        return None
    return WindowAudio(samples, language=reference.language or None) if len(samples) else None


def evaluate_project(
    project: Project, model: str, on_progress: OnProgress, most: int = references.MOST
) -> Evaluation:
    """Compare the contexts of a model on a project's newest references, at once and to the end.

    Stores nothing. Raises ModelUnavailable or EngineError where the model cannot be had.
    """
    samples = samples_of(references.newest(project, most))
    if not samples:
        return Evaluation(model, 0, ErrorCounts(), ErrorCounts())
    engine = engines.get(model)
    return compare(engine, model, samples, decodings.options_for(project, model), on_progress)


# -- By the schedule ---------------------------------------------------------------------------------------


def evaluate_due(budget_s: float) -> bool:
    """Go on with the checks that are due until the budget is spent; return whether some is left to do now.

    Stops at once when anybody's recording waits for a model: what was counted so far waits in Redis, and the
    schedule rings again. Lost, it is only counted anew; done twice at once, it is stored twice alike.
    """
    deadline = time.monotonic() + budget_s
    for project, model in references.due():
        if not _hold(project, model):
            continue
        try:
            with doing(f"checks {model} in fitted context"):
                over = _go_on(project, model, deadline)
        except (ModelUnavailable, EngineError) as error:
            log.warning("%s cannot be checked in %s: %s", model, project, error)
            continue
        finally:
            _forget(_key(project, model, "held"))
        if not over:
            return not _wanted_elsewhere() and not shutdown.asked()
    return False


def _go_on(project: Project, model: str, deadline: float) -> bool:
    if _wanted_elsewhere():
        return False
    found = references.newest(project)
    key = _key(project, model, _digest(found))
    comparison = _kept(key) or Comparison(model)
    samples, options = samples_of(found), decodings.options_for(project, model)
    engine = engines.get(model)
    while comparison.at < len(samples):
        comparison.step(engine, samples, options)
        if shutdown.asked() or time.monotonic() > deadline or _wanted_elsewhere():
            _keep(key, comparison)
            return False
    gate = gates.record_evaluation(project, comparison.evaluation)
    _forget(key)
    log.info("checked %s in project %s: %s", model, project.pk, gate.reason)
    return True


def _wanted_elsewhere() -> bool:
    return decodings.is_waiting(tuple(Pass))


def _digest(found: Sequence[references.Reference]) -> str:
    """Name a list of references by their texts: a correction in between begins the count anew."""
    rows = json.dumps([(reference.segment, reference.revision) for reference in found])
    return hashlib.sha256(rows.encode()).hexdigest()[:16]


def _key(project: Project, model: str, what: str) -> str:
    return f"earmark:evaluation:{project.pk}:{model}:{what}"


def _hold(project: Project, model: str) -> bool:
    """Take the check for this process; with Redis away it is done all the same."""
    try:
        return bool(progress.client().set(_key(project, model, "held"), me.name, nx=True, ex=HOLD_S))
    except (redis.RedisError, OSError):
        return True


def _keep(key: str, comparison: Comparison) -> None:
    try:
        progress.client().set(key, json.dumps(comparison.to_json()), ex=KEEP_S)
    except (redis.RedisError, OSError) as error:
        log.warning("an evaluation in progress is not kept: %s", error)


def _kept(key: str) -> Comparison | None:
    try:
        found = progress.client().get(key)
        return Comparison.from_json(json.loads(found)) if found else None
    except (redis.RedisError, OSError, ValueError, KeyError, TypeError):
        return None


def _forget(key: str) -> None:
    try:
        progress.client().delete(key)
    except (redis.RedisError, OSError) as error:
        log.debug("not forgotten: %s", error)


# -- Clips with known texts --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of a table of references."""

    path: Path
    text: str
    language: str


def read_table(path: Path) -> list[Listed]:
    """Read a CSV with the columns `file`, `transcript` and, where wanted, `language`.

    Files are named from the table's folder. Raises ValueError, with the line, for what cannot be used.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        missing = {"file", "transcript"} - set(rows.fieldnames or ())
        if missing:
            raise ValueError(f"{path.name} has no column {' and no column '.join(sorted(missing))}.")
        listed = []
        for row in rows:
            clip = path.parent / (row["file"] or "")
            if not clip.is_file():
                raise ValueError(f"Line {rows.line_num} of {path.name}: there is no file {row['file']!r}.")
            listed.append(Listed(clip, row["transcript"] or "", (row.get("language") or "").strip()))
    if not listed:
        raise ValueError(f"{path.name} lists nothing.")
    return listed


def evaluate_table(
    listed: Sequence[Listed], model: str, language: str, on_progress: OnProgress
) -> tuple[Evaluation, list[str]]:
    """Compare the contexts of a model on clips; return what was found, and the clips that are no audio."""
    unreadable: list[str] = []

    def read(clip: Listed) -> WindowAudio | None:
        try:
            return WindowAudio(_decoded(clip.path), language=clip.language or language or None)
        except MediaRejected as error:
            if clip.path.name not in unreadable:
                unreadable.append(f"{clip.path.name}: {error}")
            return None

    samples = [Sample(clip.text, lambda clip=clip: read(clip)) for clip in listed]  # type: ignore[misc]
    card = card_of(model)
    given = language or None
    options = DecodingOptions(language=given) if card is None else card.options(language=given)
    return compare(engines.get(model), model, samples, options, on_progress), unreadable


def _decoded(path: Path) -> Any:
    with tempfile.TemporaryDirectory(prefix="evaluate-") as folder:
        wav, peaks = Path(folder, "audio.wav"), Path(folder, "peaks.bin")
        made = prepare(path, wav, peaks, limits=MediaLimits(), on_progress=lambda percent: None)
        return read_pcm(wav, Span(0, max(1, made.duration_ms)))


def lines(evaluation: Evaluation) -> Iterator[str]:
    """Give an evaluation as the lines of a table."""
    yield f"{'context':<10}{'WER':>9}{'sub':>7}{'del':>7}{'ins':>7}{'words':>8}{'CPU s':>9}{'wall s':>9}"
    for name, counts, cpu_ms, wall_ms in (
        ("full", evaluation.full, evaluation.full_cpu_ms, evaluation.full_ms),
        ("fitted", evaluation.fit, evaluation.fit_cpu_ms, evaluation.fit_ms),
    ):
        rate = f"{100 * counts.rate:.2f} %" if counts.rate is not None else "-"
        yield (
            f"{name:<10}{rate:>9}{counts.substitutions:>7}{counts.deletions:>7}{counts.insertions:>7}"
            f"{counts.reference_length:>8}{cpu_ms / 1000:>9.1f}{wall_ms / 1000:>9.1f}"
        )
