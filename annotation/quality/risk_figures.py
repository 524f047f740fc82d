"""The figures about the risk score and about words: what is found first, what came true, what is replaced."""

from __future__ import annotations

from typing import Any, Final

from annotation.quality import plots
from annotation.quality.figures import Column, Figure, share, spread
from annotation.quality.intervals import WILSON
from annotation.quality.plots import Dot, Line
from annotation.quality.replaced import most_replaced
from annotation.quality.scope import Scope
from annotation.quality.triage import curve
from annotation.quality.triage import reliability as stated_and_observed

PLOTTED: Final = 15


def triage(scope: Scope, by: str) -> Figure:
    found = curve(scope)
    rows = [
        {"rows": s.rows, "riskiest": s.riskiest, "by_time": s.by_time, "ideal": s.ideal, "random": s.rows}
        for s in found.steps
    ]
    title = "Share of all errors found in the riskiest rows"
    fifth = found.at(0.2)
    plot = ""
    if found.steps:
        lines = (
            Line("riskiest first", [(s.rows, s.riskiest) for s in found.steps], 0),
            Line("in order of time", [(s.rows, s.by_time) for s in found.steps], 1, dashed=True),
            Line("worst first, were it known", [(s.rows, s.ideal) for s in found.steps], 2, dashed=True),
            Line("at random", [(0, 0), (1, 1)], 5),
        )
        plot = plots.square(
            "triage", title, "Share of all word errors in the first rows, by order of reading.", lines,
            across="rows read", up="errors found",
        )  # fmt: skip
    summary: dict[str, Any] = {"segments": found.rows, "errors": found.errors}
    if fifth is not None:
        summary |= {
            "riskiest_fifth": fifth.riskiest, "first_fifth_by_time": fifth.by_time, "worst_fifth": fifth.ideal
        }  # fmt: skip
    return Figure(
        "triage", "", title,
        "Word errors of the machine's text in the rows that people have decided about, when the rows are "
        "read in the order of their risk as it was stated before anybody had read them.",
        (
            Column("rows", "Rows read", "share"), Column("riskiest", "Riskiest first", "share"),
            Column("by_time", "In order of time", "share"), Column("random", "At random", "share"),
            Column("ideal", "Worst first, were it known", "share"),
        ),
        rows, plot,
        ((0, "riskiest first"), (1, "in order of time"), (2, "worst first, were it known"), (5, "at random")),
        summary, "Counted; at random as expected",
    )  # fmt: skip


def reliability(scope: Scope, by: str) -> Figure:
    bins, brier = stated_and_observed(scope)
    rows = [
        {
            "low": b.low, "high": b.high, "rows": b.rows, "stated": b.stated, "changed": b.changed,
            **spread("observed", b.observed), "errors": b.errors, "words": b.words,
            "wer": share(b.errors, b.words),
        }
        for b in bins
    ]  # fmt: skip
    title = "Stated risk against the share that people changed"
    dots = [
        (b.stated, Dot(f"stated {100 * b.stated:.0f} %", b.observed.value, b.observed.low, b.observed.high))
        for b in bins
    ]
    rule = scope.project.refine_above if scope.project.refine_when == "risky" else None
    plot = ""
    if dots:
        plot = plots.square(
            "reliability", title,
            "For ten bands of stated risk, the share of texts in which people changed a word.",
            [Line("as stated", [(0, 0), (1, 1)], 5, dashed=True)], dots=dots, mark=rule,
            across="stated risk", up="share changed",
        )  # fmt: skip
    legend = [(0, "share changed, with its 95 % interval"), (5, "as stated")]
    return Figure(
        "reliability", "", title,
        "A risk is right when of the rows with that risk that share was changed by a word or more."
        + (" The dotted line is the risk from which on drafts are refined." if rule is not None else ""),
        (
            Column("low", "Risk from", "share"), Column("high", "to", "share"),
            Column("rows", "Rows", "count"), Column("stated", "Stated, mean", "share"),
            Column("changed", "Changed", "count"),
            Column("observed", "Share changed", "share", interval=True), Column("errors", "Errors", "count"),
            Column("words", "Words", "count"), Column("wer", "WER", "share"),
        ),
        rows, plot, tuple(legend) if dots else (), {"brier": brier, "segments": sum(b.rows for b in bins)},
        f"{WILSON}; Brier score: mean square of stated risk less what happened",
    )  # fmt: skip


def substitutions(scope: Scope, by: str) -> Figure:
    found = most_replaced(scope)
    title = "Words that people corrected most often"
    return Figure(
        "substitutions", "", title,
        "The machine's word and what people wrote in its place, as they spelt it.",
        (
            Column("heard", "Heard"), Column("written", "Written"), Column("times", "Times", "count"),
            Column("segments", "Segments", "count"), Column("in_glossary", "In the glossary", "flag"),
        ),
        [
            {"heard": r.heard, "written": r.written, "times": r.times, "segments": r.segments,
             "in_glossary": r.known}
            for r in found
        ],
        plots.bars(
            "substitutions", title, "How often each substitution was made.",
            [(f"{r.heard} \u2192 {r.written}", r.times) for r in found[:PLOTTED]],
        ),
        method="Counted",
    )  # fmt: skip
