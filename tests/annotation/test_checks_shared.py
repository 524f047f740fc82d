"""Server and workbench warn about the same texts: both are held to the same tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from annotation.services.checks import Circumstances, check, warnings_of

DATA: Final = Path(__file__).resolve().parents[1] / "data"
CASES: Final[list[dict[str, Any]]] = json.loads((DATA / "text_checks.json").read_text(encoding="utf-8"))
TERMS: Final[list[dict[str, Any]]] = json.loads((DATA / "glossary_notes.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["text"][:30] or "empty" for case in CASES])
def test_the_server_warns_as_the_workbench_does(case: dict[str, Any]) -> None:
    about = Circumstances(
        duration_ms=case.get("duration_ms", 3_000),
        language=case.get("language", "en"),
        machine_text=case.get("machine_text"),
        tags=("noise", "foreign:xx"),
        heard_share=case.get("heard_share", 1.0),
    )
    assert warnings_of(check(case["text"], about)) == case["codes"]


@pytest.mark.parametrize("case", TERMS, ids=[case["text"] for case in TERMS])
def test_the_server_notes_terms_as_the_workbench_does(case: dict[str, Any]) -> None:
    about = Circumstances(
        duration_ms=3_000,
        glossary=tuple(case["glossary"]),
        variants=tuple((one["heard"], one["term"]) for one in case.get("variants", [])),
        initial=frozenset(case.get("initial", [])),
        any_case=frozenset(case.get("any_case", [])),
    )
    notes = [one.message for one in check(case["text"], about) if one.code == "glossary"]
    assert notes == case["notes"]
