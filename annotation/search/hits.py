"""Show what was found: the version that matched, with the places marked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Prefetch

from annotation.models import Hypothesis, Segment
from annotation.search.engine import Needle
from annotation.search.grams import fold

BEFORE: Final = 60
"""Characters shown before the first place, where the text is longer than that."""
LONGEST: Final = 240
ENDINGS: Final = 4
"""Letters in which two forms of a word may differ at their ends, for marking them."""
COLUMNS: Final = (
    "text", "start_ms", "end_ms", "speaker", "state", "locked", "risk", "recording__name", "project__name",
    "annotator__username",
)  # fmt: skip
"""What a hit shows; a recording's map of silences and a project's glossary are long."""
LETTERS: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a snippet; `hit` = it is what was searched for."""

    text: str
    hit: bool


@dataclass(frozen=True, slots=True)
class Version:
    """Name a text of a segment: the current one (no model), or what a pass of a model heard."""

    kind: str
    pass_name: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """One segment that was found: the version shown, its snippet, and other versions that match as well."""

    segment: Any
    version: Version
    snippet: tuple[Part, ...]
    also: tuple[Version, ...] = ()


def hits_of(ids: Sequence[int], needles: Sequence[Needle], where: str = "") -> list[Hit]:
    """Read the segments that were found, in the order of `ids`, and mark in each what was searched for."""
    heard = Hypothesis.objects.only("segment", "pass_name", "model", "text").order_by("-pass_name", "-pk")
    rows = (
        Segment.objects.filter(pk__in=ids)
        .select_related("recording", "project", "annotator")
        .only(*COLUMNS)
        .prefetch_related(Prefetch("hypotheses", heard, to_attr="heard"))
    )
    found = {row.pk: row for row in rows}
    return [_hit(found[pk], needles, where) for pk in ids if pk in found]


def _hit(segment: Any, needles: Sequence[Needle], where: str) -> Hit:
    texts: list[tuple[Version, str]] = [(Version("current"), segment.text)]
    seen = {fold(segment.text)}
    for one in segment.heard:
        if fold(one.text) not in seen:
            seen.add(fold(one.text))
            texts.append((Version("heard", one.pass_name, one.model), one.text))
    if where == "heard" and len(texts) > 1:
        texts = texts[1:]
    counted = [(len(_answered(text, needles)), version, text) for version, text in texts]
    best = max(count for count, _, _ in counted)
    matching = [(version, text) for count, version, text in counted if count == best]
    version, text = matching[0]
    also = tuple(other for other, _ in matching[1:]) if needles and best else ()
    return Hit(segment, version, snippet(text, places(text, needles)), also)


def _answered(text: str, needles: Sequence[Needle]) -> list[Needle]:
    return [needle for needle in needles if any(True for _ in _places_of(text, needle))]


def places(text: str, needles: Sequence[Needle]) -> list[tuple[int, int]]:
    """Return where the words stand in a text, in order and joined where they touch."""
    spans = sorted(span for needle in needles for span in _places_of(text, needle))
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _places_of(text: str, needle: Needle) -> Iterable[tuple[int, int]]:
    pieces = [re.escape(piece) for piece in needle.word.folded.split(" ")]
    found = [match.span() for match in re.finditer(r"\s+".join(pieces), text, re.IGNORECASE)]
    if found or not needle.stems:
        return found
    # Another form of the word: one that begins as the word, or one of its stems, does.
    word = needle.word.folded
    stems = [stem for stem in re.findall(r"'((?:[^']|'')+)'", needle.stems) if len(stem) > 1]
    return [
        match.span()
        for match in LETTERS.finditer(text)
        if any(fold(match.group()).startswith(stem) for stem in stems) or _alike(fold(match.group()), word)
    ]


def _alike(one: str, other: str) -> bool:
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    return shared >= 3 and max(len(one), len(other)) - shared <= ENDINGS


def snippet(text: str, spans: Sequence[tuple[int, int]]) -> tuple[Part, ...]:
    """Cut a text down to what is around the first place, and mark the places in it."""
    begin, end = 0, len(text)
    if len(text) > LONGEST:
        first = spans[0][0] if spans else 0
        begin = max(0, first - BEFORE)
        if begin:
            begin = text.find(" ", begin, first) + 1 or begin
        end = min(len(text), begin + LONGEST)
    parts: list[Part] = [Part("… ", hit=False)] if begin else []
    at = begin
    for start, stop in spans:
        if start >= end or stop <= begin:
            continue
        if start > at:
            parts.append(Part(text[at:start], hit=False))
        parts.append(Part(text[max(start, begin) : min(stop, end)], hit=True))
        at = min(stop, end)
    if at < end:
        parts.append(Part(text[at:end], hit=False))
    if end < len(text):
        parts.append(Part(" …", hit=False))
    return tuple(parts)
