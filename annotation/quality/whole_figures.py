"""The figures of a whole project, which no filter narrows: the estimate, and what the refine rule does."""

from __future__ import annotations

from annotation.quality import plots
from annotation.quality.figures import Column, Figure, spread
from annotation.quality.intervals import RATIO, WILSON, wilson
from annotation.quality.overview import standing
from annotation.quality.plots import Dot, Line
from annotation.quality.refining import Effect, refine_effect
from annotation.quality.scope import Scope

WHOLE = "It is of all of the project: filters do not narrow it."


def estimate(scope: Scope, by: str) -> Figure:
    found = None if scope.own else standing(scope.project).estimate
    parts = [] if found is None else [
        (words, name, rate, segments) for words, name, rate, segments in (
            ("all of it", "all", found.overall, found.segments + found.remaining_segments),
            ("decided about", "decided", found.reviewed, found.segments),
            ("not looked at", "remaining", found.remaining, found.remaining_segments),
        ) if rate is not None
    ]  # fmt: skip
    title = "The machine's word error rate, estimated for all"
    return Figure(
        "estimate", "", title,
        "Counted where people decided. What nobody has looked at is read off an isotonic fit of the error "
        f"rate over the stated risk, because the riskiest rows are reviewed first. {WHOLE}",
        (
            Column("part", "Texts"), Column("segments", "Segments", "count"),
            Column("wer", "WER", "share", interval=True),
        ),
        [{"part": name, "segments": segments, **spread("wer", rate)} for _, name, rate, segments in parts],
        plots.intervals(
            "estimate", title, "Word error rates with 95 % intervals.",
            [Dot(words, rate.value, rate.low, rate.high) for words, _, rate, _ in parts],
        ),
        method=f"Decided about: {RATIO}. The rest: 200 seeded resamples of recordings (Bisani and Ney, 2004)",
    )  # fmt: skip


def refine(scope: Scope, by: str) -> Figure:
    effect = _effect(scope)
    bands = [band for band in effect.bands if band.windows] if effect else []
    rows, dots = [], []
    for band in bands:
        changed = wilson(band.changed, band.refined) if band.refined else None
        rows.append(
            {
                "low": band.low, "high": band.high, "refined": band.refined, "skipped": band.skipped,
                "changed": band.changed, **spread("share_changed", changed),
                "words": band.words, "words_changed": band.words_changed,
            }
        )  # fmt: skip
        if changed is not None:
            label = f"risk {100 * band.low:.0f} to {100 * band.high:.0f} %"
            dots.append(Dot(label, changed.value, changed.low, changed.high))
    title = "Windows in which the second pass changed a word, by risk of the draft"
    return Figure(
        "refine", "", title,
        "Of the newest windows that the refine model heard or was spared. A change is what the better model "
        f"writes; not each is a mistake mended. {WHOLE}",
        (
            Column("low", "Risk from", "share"), Column("high", "to", "share"),
            Column("refined", "Refined", "count"), Column("changed", "Changed", "count"),
            Column("share_changed", "Share changed", "share", interval=True),
            Column("words_changed", "Words changed", "count"), Column("words", "Words", "count"),
            Column("skipped", "Skipped", "count"),
        ),
        rows, plots.intervals("refine", title, "Share of windows changed, by band of risk.", dots),
        method=WILSON,
    )  # fmt: skip


def threshold(scope: Scope, by: str) -> Figure:
    effect = _effect(scope)
    curve = effect.curve if effect else ()
    title = "Refining only what is riskier than a threshold"
    plot = ""
    if curve:
        plot = plots.square(
            "threshold", title, "Share of the work saved and of the changes missed, by threshold of risk.",
            [
                Line("work saved", [(p.above, p.saved) for p in curve], 0),
                Line("changes missed", [(p.above, p.missed) for p in curve], 4, dashed=True),
            ],
            mark=scope.project.refine_above, across="risk from which on it is refined", up="share",
        )  # fmt: skip
    return Figure(
        "threshold", "", title,
        "Windows that were skipped count by what was changed in refined ones of the same risk. The dotted "
        f"line is the rule's threshold. {WHOLE}",
        (
            Column("above", "Refined from", "share"), Column("saved", "Work saved", "share"),
            Column("missed", "Changes missed", "share"),
        ),
        [{"above": p.above, "saved": p.saved, "missed": p.missed} for p in curve],
        plot, ((0, "work saved"), (4, "changes missed")) if curve else (),
        method="Counted, and estimated by band",
    )  # fmt: skip


def _effect(scope: Scope) -> Effect | None:
    return None if scope.own or not scope.project.refine_model else refine_effect(scope.project)
