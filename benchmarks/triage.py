"""Riskiest first by the quality page's own curve: errors planted in hearings, scored as a project's are.

Every sentence of the demo, which neither model was trained on and the score was not fitted on, is heard by
both models. Errors are planted in a seeded third: noise, a telephone line, haste. People's texts are what was
spoken; the curve is the one that the page draws from the database.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from benchmarks.report import Table

if TYPE_CHECKING:
    from benchmarks.bench import Bench

SEED: Final = 61
SPOILT: Final = 1 / 3
SHARES: Final = (0.1, 0.2, 0.3, 0.5, 0.7)
SHUFFLES: Final = 200


def run(bench: Bench) -> Table:
    """Hear, let people correct, score, and print what three orders of reading find."""
    _ = bench.platform  # it is what sets Django up
    from annotation.models import Project
    from annotation.quality.scope import Scope
    from annotation.quality.triage import curve
    from annotation.services import scoring
    from tests.factories import make_project

    heard = _hear()
    project: Project = make_project("Triage")
    _store(project, heard)
    scoring.score(project)
    table = Table(
        f"Riskiest first on the quality page: {len(heard)} sentences, errors planted in "
        f"{sum(one['spoilt'] for one in heard)}",
        ("rows read", *(f"{100 * share:.0f} %" for share in SHARES)),
        how="The sentences of `demo/`; a seeded third spoilt by noise, a telephone line or haste; heard by "
        "`demo-draft` and `demo-refine`; share of all word errors found, as `annotation.quality.triage` "
        f"reads it from the scores. At random: the mean of {SHUFFLES} shuffles.",
    )
    for model, name in (("demo-draft", "draft"), ("demo-refine", "refine")):
        found = curve(Scope(project, model=model))
        errors = [one["errors"][name] for one in heard]
        if not found.steps:
            table.add(f"{name}: too little to tell", *("-" for _ in SHARES))
            continue
        steps = [step for share in SHARES if (step := found.at(share)) is not None]
        chance = _at_random(errors)
        for order, values in (
            ("riskiest first", [step.riskiest for step in steps]),
            ("in order of time", [step.by_time for step in steps]),
            ("at random", chance),
            ("worst first, were it known", [step.ideal for step in steps]),
        ):
            told = f"{name} ({found.errors} errors), {order}"
            table.add(told, *(f"{100 * value:.0f} %" for value in values))
        fifth, by_time, random_fifth = steps[1].riskiest, steps[1].by_time, chance[1]
        table.aim(
            f"riskiest first finds the errors of the {name} faster than time order and random order",
            f"{100 * fifth:.0f} % in the first fifth against {100 * by_time:.0f} % and "
            f"{100 * random_fifth:.0f} %",
            all(step.riskiest >= max(step.by_time, share) for step, share in zip(steps, chance, strict=True)),
        )
    return table


def _hear() -> list[dict[str, Any]]:
    from benchmarks.risk import _hear as decode
    from benchmarks.risk import _risk, _sentences
    from tools.risk import degrade
    from transcription.engines.base import WindowAudio
    from transcription.text.metrics import count_errors

    dice = random.Random(SEED)
    texts, windows = _sentences()
    made, spoilt = [], []
    for number, window in enumerate(windows):
        spoil = dice.random() < SPOILT
        spoilt.append(spoil)
        if not spoil:
            made.append(window)
            continue
        way = dice.choice(("noise", "telephone", "haste"))
        samples = window.samples
        if way == "noise":
            samples = degrade.noise(samples, 3.0, f"triage {number}")
        elif way == "telephone":
            samples = degrade.noise(degrade.telephone(samples), 8.0, f"triage {number}")
        else:
            samples = degrade.faster(samples, 1.35)
        made.append(WindowAudio(samples))
    drafts, refines = decode("demo-draft", made), decode("demo-refine", made)
    return [
        {
            "text": text,
            "spoilt": spoil,
            "duration_ms": window.duration_ms,
            "draft": (draft.text, _risk(draft, window)),
            "refine": (refine.text, _risk(refine, window, draft)),
            "errors": {
                "draft": count_errors(text, draft.text).errors,
                "refine": count_errors(text, refine.text).errors,
            },
        }
        for text, spoil, window, draft, refine in zip(texts, spoilt, made, drafts, refines, strict=True)
    ]


def _store(project: Any, heard: list[dict[str, Any]]) -> None:
    """Make rows as the platform would: two hypotheses each, and a person's text."""
    from annotation.models import Hypothesis, Revision, Segment
    from annotation.states import DecodingState, SegmentState, Source
    from tests.factories import make_decoding, make_job, make_recording, make_user

    author = make_user("triage")
    recording = make_recording(project, duration_ms=3_600_000)
    job, start = make_job(recording), 0
    for one in heard:
        segment = Segment.objects.create(
            project=project, recording=recording, start_ms=start, end_ms=start + one["duration_ms"],
            text=one["text"], state=SegmentState.CORRECTED, source=Source.HUMAN, revision=1, annotator=author,
        )  # fmt: skip
        Revision.objects.create(
            segment=segment, number=1, base=0, text=one["text"], source=Source.HUMAN, author=author
        )
        start += one["duration_ms"]
        for name in ("draft", "refine"):
            text, risk = one[name]
            decoding = make_decoding(
                job, segment, pass_name=name, model=f"demo-{name}", state=DecodingState.DONE
            )
            Hypothesis.objects.create(
                decoding=decoding, segment=segment, pass_name=name, model=f"demo-{name}", text=text, risk=risk
            )


def _at_random(errors: list[int]) -> list[float]:
    dice, total = random.Random(SEED), sum(errors) or 1
    sums = [0.0] * len(SHARES)
    for _ in range(SHUFFLES):
        drawn = dice.sample(errors, len(errors))
        for at, share in enumerate(SHARES):
            sums[at] += sum(drawn[: round(share * len(drawn))]) / total
    return [value / SHUFFLES for value in sums]
