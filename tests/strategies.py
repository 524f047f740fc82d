"""Texts, names and transcripts for property tests: scripts, what spreadsheets run, what files break at."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from transcription.formats import Row
from transcription.types import Word

SCRIPTS: Final = (
    *("the quick brown fox", "Ærøskøbing naïve façade", "مرحبا بالعالم ١٢٣", "שָׁלוֹם עולם", "สวัสดีครับทุกคน"),
    *("日本語と中文、한국어", "नमस्ते दुनिया", "👩\u200d👩\u200d👧 😀🏳️\u200d🌈", "e\u0301 o\u0308 \u0928\u093f"),
    *("\u202bعربي\u202c latin", "zero\u200bwidth\u200djoin\ufeffer"),
)
"""A piece of each script, and of what joins and combines."""

TRAPS: Final = (
    *("=1+1", "+49 30 123", "-5", "@SUM(A1)", "\uff1d1+1", "'quoted", "'=x", "007", "1e5", "00:01", "#N/A"),
    *(
        "NULL",
        "true",
        "3",
        "",
        " ",
        "--> here",
        "00:00:01,000 --> 00:00:02,000",
        "<v Bob>hi</v>",
        "&amp; <b>",
    ),
    *("{\\an8}", "C:\\new\\Next\\hour", 'she said "hi"', '""', ";; not a comment", "<NA>", "[noise]"),
    *("a;b,c\td", "_x000D_", "intervals", "ignore_time_segment_in_scoring", "\u2028", "\x0b", "WEBVTT"),
    *("NOTE this", "a\nb", "a\n\nb", "a\r\nb", "2\n00", " lead", "trail "),
)
"""What careless readers and writers take for something else."""

pieces = st.sampled_from((*SCRIPTS, *TRAPS))
# Any character that a database keeps; no surrogates, no NUL.
characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.one_of(
    pieces,
    st.lists(pieces, min_size=1, max_size=4).map(" ".join),
    st.lists(pieces, min_size=1, max_size=3).map("".join),
    st.text(characters, max_size=40),
)
"""Any text that a person may have typed."""

names = st.one_of(
    st.sampled_from(
        ("", "A", "Dana", "speaker 1", "שרה", "山田", "=cmd", 'O"Neil', "A #2", "x - words", "unknown")
    ),
    st.text(characters, max_size=12),
)
"""Names of speakers."""

languages = st.sampled_from(("", "en", "de", "ar", "th", "zh"))


@st.composite
def rows(draw: st.DrawFn, audio: str = "talk one.wav", *, longest: int = 60_000) -> Row:
    """Draw one utterance with its words."""
    start = draw(st.integers(0, longest))
    end = start + draw(st.integers(1, 5000))
    edges = sorted(draw(st.lists(st.integers(start, end), max_size=6)))
    words = tuple(
        Word(begin, finish, f" {draw(texts)}", draw(st.floats(0, 1, allow_nan=False)))
        for begin, finish in zip(edges[::2], edges[1::2], strict=False)
    )
    return Row(
        audio=audio,
        start_ms=start,
        end_ms=end,
        text=draw(texts),
        correction=draw(st.none() | texts),
        speaker=draw(names),
        language=draw(languages),
        id=str(draw(st.integers(1, 10**9))),
        words=words,
    )


@st.composite
def recordings(draw: st.DrawFn) -> list[Row]:
    """Draw the utterances of one recording in the order of time, no two of the same stretch."""
    found = draw(st.lists(rows(), max_size=5, unique_by=lambda row: (row.start_ms, row.end_ms)))
    unique = {row.id: row for row in found}
    return sorted(unique.values(), key=lambda row: (row.start_ms or 0, row.end_ms or 0))
