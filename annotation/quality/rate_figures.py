"""The figures that are error rates: machines by breakdown, annotators against reviewers, the two passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from annotation.quality import plots
from annotation.quality.figures import Column, Figure, dot, share, spread
from annotation.quality.intervals import RATIO
from annotation.quality.rates import MACHINE_BY, REVIEW_BY, Rate, machine_rates_in_all, review_rates
from annotation.quality.rates import passes as compared
from annotation.quality.scope import Scope

PLOTTED: Final = 15
"""Rows of a breakdown that are drawn; the table has all."""
BREAKDOWN: Final = {
    "model": "Model",
    "language": "Language",
    "speaker": "Speaker",
    "week": "Week",
    "annotator": "Annotator",
    "reviewer": "Reviewer",
    "all": "",
}


def rate_columns(by: str) -> tuple[Column, ...]:
    first = (Column("pass", "Pass"), Column("model", "Model")) if by == "model" else (
        Column(by, BREAKDOWN[by]),
    )  # fmt: skip
    return (
        *first,
        Column("segments", "Segments", "count"),
        Column("words", "Words", "count"),
        Column("wer", "WER", "share", interval=True),
        Column("cer", "CER", "share", interval=True),
        Column("substitutions", "Substituted", "count", minor=True),
        Column("deletions", "Left out", "count", minor=True),
        Column("insertions", "Put in", "count", minor=True),
        Column("character_errors", "Character errors", "count", minor=True),
        Column("characters", "Characters", "count", minor=True),
        Column("recordings", "Recordings", "count", minor=True),
        Column("audio_ms", "Audio", "ms", minor=True),
        Column("units", "Interval by", minor=True),
    )


def rate_row(rate: Rate, by: str) -> dict[str, Any]:
    names = {by: rate.label or "unknown"}
    if by == "model":
        names = {"pass": rate.key.split(":")[0], "model": rate.label}
    elif by in ("annotator", "reviewer"):
        names["id"] = rate.key
    return {
        **names,
        "segments": rate.segments,
        "recordings": rate.recordings,
        "audio_ms": rate.audio_ms,
        "words": rate.words.reference_length,
        "substitutions": rate.words.substitutions,
        "deletions": rate.words.deletions,
        "insertions": rate.words.insertions,
        "characters": rate.characters.reference_length,
        "character_errors": rate.characters.errors,
        **spread("wer", rate.wer, rate.words.rate),
        **spread("cer", rate.cer, rate.characters.rate),
        "units": rate.units,
    }


def rate_plot(name: str, title: str, rates: Sequence[Rate], by: str) -> str:
    drawn = [
        (rate, dot(rate.label or "unknown", rate.wer, rate.words.rate, _series(rate, by))) for rate in rates
    ]
    kept = [(rate, shown) for rate, shown in drawn if shown is not None]
    dots = [shown for _, shown in kept]
    told = "; ".join(f"{shown.label} {100 * shown.value:.1f} %" for shown in dots[:6])
    about = f"Word error rates with 95 % intervals: {told}. All figures are in the table."
    if by == "week":
        weeks = [rate.key for rate, _ in kept][-26:]
        return plots.over_time(name, title, about, weeks, dots[-26:])
    return plots.intervals(name, title, about, dots[:PLOTTED])


def _series(rate: Rate, by: str) -> int:
    return 1 if by == "model" and rate.key.startswith("draft:") else 0


def wer(scope: Scope, by: str) -> Figure:
    by = by if by in MACHINE_BY else "model"
    rates, whole = machine_rates_in_all(scope, by)
    title = f"Machine text against what people left, by {by}"
    return Figure(
        "wer", by, title,
        "Errors of the machine's text, with the text people left as the reference; counts are pooled. "
        + ("Each model that was heard has its row."
           if by == "model" else "Each segment counts once, with the refine's text or else the draft's."),
        rate_columns(by), [rate_row(rate, by) for rate in rates],
        rate_plot(f"wer-{by}", title, rates, by),
        ((1, "draft"), (0, "refine")) if by == "model" else (),
        rate_row(whole, "all") if whole else {},
        RATIO,
    )  # fmt: skip


def review(scope: Scope, by: str) -> Figure:
    by = by if by in REVIEW_BY else "annotator"
    if scope.own:
        by = "annotator" if by == "reviewer" else by
    rates = review_rates(scope, by)
    title = f"What annotators handed in against what reviewers accepted, by {by}"
    return Figure(
        "review", by, title,
        "Errors of the text that a reviewer first judged, with the text that was accepted in the end as the "
        "reference. What was accepted as it stood counts as without error.",
        rate_columns(by), [rate_row(rate, by) for rate in rates],
        rate_plot(f"review-{by}", title, rates, by), (), {}, RATIO,
    )  # fmt: skip


def passes(scope: Scope, by: str) -> Figure:
    found, rows, dots = compared(scope), [], []
    for pair in found:
        hours = pair.refine_ms / 3_600_000
        saved = pair.draft_errors - pair.refine_errors
        rows.append(
            {
                "draft_model": pair.draft, "refine_model": pair.refine, "segments": pair.segments,
                "recordings": pair.recordings, "words": pair.words,
                **spread("draft_wer", pair.draft_wer, share(pair.draft_errors, pair.words)),
                **spread("refine_wer", pair.refine_wer, share(pair.refine_errors, pair.words)),
                **spread("saved", pair.saved, share(saved, pair.words)),
                "draft_errors": pair.draft_errors, "refine_errors": pair.refine_errors,
                "draft_ms": pair.draft_ms, "refine_ms": pair.refine_ms, "audio_ms": pair.audio_ms,
                "draft_rtf": share(pair.draft_ms, pair.audio_ms),
                "refine_rtf": share(pair.refine_ms, pair.audio_ms),
                "mended_per_hour": saved / hours if hours else None,
            }
        )  # fmt: skip
        for label, found_rate, errors, series in (
            (pair.draft, pair.draft_wer, pair.draft_errors, 1),
            (pair.refine, pair.refine_wer, pair.refine_errors, 0),
        ):
            drawn = dot(label, found_rate, share(errors, pair.words), series)
            if drawn is not None:
                dots.append(drawn)
    title = "What the second pass bought"
    return Figure(
        "passes", "", title,
        "Both passes on the same segments, against what people left there. The difference is of pairs, so "
        "its interval is narrower than theirs. Time is processing on the workers.",
        (
            Column("draft_model", "Draft"), Column("refine_model", "Refine"),
            Column("segments", "Segments", "count"), Column("words", "Words", "count"),
            Column("draft_wer", "WER of draft", "share", interval=True),
            Column("refine_wer", "WER of refine", "share", interval=True),
            Column("saved", "Lower by (points)", "points", interval=True),
            Column("draft_errors", "Errors of draft", "count", minor=True),
            Column("refine_errors", "Errors of refine", "count", minor=True),
            Column("draft_ms", "Draft took", "ms"), Column("refine_ms", "Refine took", "ms"),
            Column("draft_rtf", "RTF of draft", "ratio", minor=True),
            Column("refine_rtf", "RTF of refine", "ratio", minor=True),
            Column("mended_per_hour", "Mended per hour", "number", minor=True),
            Column("audio_ms", "Audio", "ms", minor=True),
        ),
        rows,
        plots.intervals("passes", title, "Word error rates of the two passes on the same words.", dots),
        ((1, "draft"), (0, "refine")), rows[0] if rows else {}, RATIO,
    )  # fmt: skip
