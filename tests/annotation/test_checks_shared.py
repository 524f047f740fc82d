"""Server and workbench warn about the same texts: both are held to one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from annotation.services.checks import Circumstances, check, warnings_of

CASES: Final[list[dict[str, Any]]] = json.loads(
    (Path(__file__).resolve().parents[1] / "data" / "text_checks.json").read_text(encoding="utf-8")
)


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
