"""The checks of a text: each finds what it is for, and leaves honest text alone."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path
from typing import Any

import pytest

from annotation.services.checks import CODES, Circumstances, check, units, warnings_of
from annotation.services.preferences import COMMANDS, PRESETS
from tests.services import ROOT


def about(**values: Any) -> Circumstances:
    values = {"duration_ms": 3000, "language": "en", "tags": ("noise", "foreign:xx"), **values}
    return Circumstances(**values)


def codes(text: str, **values: Any) -> list[str]:
    return [found.code for found in check(text, about(**values))]


@pytest.mark.parametrize(
    ("code", "text", "values"),
    [
        ("hallucination", "Thanks for watching!", {}),
        ("hallucination", "ご視聴ありがとうございました", {"language": "ja"}),
        ("repetition", "no no no no", {}),
        ("repetition", "you know what you know what you know what", {}),
        ("repetition", "はいはいはいはいはい", {"language": "ja"}),
        ("empty", "  ", {"machine_text": "hello"}),
        (
            "too_fast",
            "seventeen wizards quickly observed nothing whatsoever beyond their own magnificent castle",
            {"duration_ms": 2000},
        ),
        ("too_fast", "".join(chr(0x4E00 + 7 * n) for n in range(40)), {"language": "zh"}),
        ("too_slow", "oh", {"duration_ms": 8000}),
        ("number_changed", "it costs 48 euros", {"machine_text": "it costs 84 euros"}),
        ("tag_unbalanced", "hello [noise", {}),
        ("tag_unbalanced", "hello noise]", {}),
        ("tag_unknown", "hello [nosie]", {}),
        ("wrong_script", "привет как дела", {}),
        ("wrong_script", "hello", {"language": "ru"}),
        ("wrong_script", "p\u0430ypal", {}),  # a Cyrillic a within a Latin word
        ("double_space", "two  spaces", {}),
        ("glossary", "the posch drill", {"glossary": ("Bosch",)}),
        ("glossary", "the bosch drill", {"glossary": ("Bosch",)}),
        ("glossary", "on the upper mein street", {"glossary": ("Upper Main Street",)}),
        ("glossary", "that is the bmw", {"glossary": ("BMW",)}),
        ("not_heard", "hello there", {"heard_share": 0.59}),
    ],
)
def test_each_check_finds_what_it_is_for(code: str, text: str, values: dict[str, Any]) -> None:
    assert codes(text, **values) == [code]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Guten Tag, hier ist die Rechnung.", {"language": "de"}),
        ("no no no", {}),
        ("it costs 84 euros", {"machine_text": "It costs 84 euros."}),
        ("it costs eighty-four euros", {"machine_text": "it costs 84 euros"}),
        ("hello [noise] there [foreign:de]", {}),
        ("[noise]", {"machine_text": "thanks for watching", "duration_ms": 9000}),
        ("", {"machine_text": None}),
        ("", {"machine_text": "  "}),
        ("Привет! Это OK.", {"language": "ru"}),
        ("こんにちは、世界", {"language": "ja"}),
        ("the Bosch drill", {"glossary": ("Bosch",)}),
        ("the box", {"glossary": ("Bosch",)}),
        ("that is the bus", {"glossary": ("BMW", "Rotos")}),
        ("שלום עולם", {"language": "he"}),
        ("anything at all", {"language": ""}),
        ("hello there", {"heard_share": 0.6}),
    ],
)
def test_honest_text_is_left_alone(text: str, values: dict[str, Any]) -> None:
    assert codes(text, **values) == []


def test_spans_count_as_a_browser_does() -> None:
    text = "🎉🎉 costs 48"
    (found,) = check(text, about(machine_text="costs 84"))
    assert (found.start, found.end) == (11, 13)
    assert text.encode("utf-16-le")[22:26].decode("utf-16-le") == "48"
    assert units("a🎉") == 3


def test_warnings_come_first_and_notes_do_not_count() -> None:
    found = check("two  spaces [nosie]", about())
    assert [one.severity for one in found] == ["warning", "note"]
    assert warnings_of(found) == ["tag_unknown"]


def test_a_long_text_and_a_long_glossary_are_looked_over_at_once() -> None:
    glossary = tuple(f"Term{n}ology" for n in range(1000))
    text = "the quick brown fox terminology jumps over " * 470
    began = time.process_time()
    check(text[:20_000], about(glossary=glossary, machine_text=text[:20_000], duration_ms=30_000))
    assert time.process_time() - began < 3.0
    began = time.process_time()
    check("the quick brown fox terminology jumps over " * 3, about(glossary=glossary))
    assert time.process_time() - began < 0.5


def test_a_glossary_of_a_thousand_names_costs_a_save_nothing_to_speak_of() -> None:
    letters = random.Random(7)
    glossary = tuple("".join(letters.choices("abcdefghilmnoprstu", k=8)).title() for _ in range(1000))
    said = "".join(f" {term.casefold()[:-1]}" for term in glossary[:20])
    check(said, about(glossary=glossary))
    again = [f"{said} {number}" for number in range(20)]
    began = time.process_time()
    for text in again:
        assert len([one for one in check(text, about(glossary=glossary)) if one.code == "glossary"]) >= 20
    assert (time.process_time() - began) / len(again) < 0.02  # 170 ms before terms were filed


@pytest.mark.parametrize(
    "text", ["", "[", "]", "[[]]", "[]", "\ud7ff", "a" * 20_000, "\u202ex", "1" * 5000, "   "]
)
def test_no_text_is_too_odd(text: str) -> None:
    for language in ("", "en", "xx", "ja"):
        for heard in (None, "", "8 8 8"):
            assert set(
                codes(text, language=language, machine_text=heard, glossary=("", " ", "a b c"))
            ) <= set(CODES)


def test_the_page_and_the_server_know_the_same_keys() -> None:
    folder = Path(ROOT) / "workbench" / "src" / "workbench"
    lines = (folder / "commands.ts").read_text("utf-8").split("COMMANDS = {")[1].split("} as const")[0]
    assert [line.split(":")[0].strip() for line in lines.splitlines() if ":" in line] == list(COMMANDS)
    presets = (folder / "presets.ts").read_text("utf-8").split("PRESETS: Record<string, Preset> = {")[1]
    assert re.findall(r"^  (\w+): \{", presets, re.MULTILINE) == list(PRESETS)
