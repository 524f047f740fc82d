"""Every figure as a sheet and as a plot."""

from __future__ import annotations

import csv
import io
from typing import Any
from xml.etree import ElementTree

import pytest

from annotation.models import (
    User,
)
from annotation.quality.catalogue import FIGURES
from annotation.services import scoring
from tests.annotation.api.calling import Caller
from tests.annotation.api.figures import another, fill, quality
from tests.annotation.test_scoring import hear
from tests.personas import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(cast: Cast) -> User:
    return another(cast)


@pytest.fixture
def filled(cast: Cast, second: User) -> Cast:
    return fill(cast, second)


def test_every_figure_comes_as_csv_and_svg(filled: Cast) -> None:
    for name in FIGURES:
        comes_as_csv_and_svg(filled, name)


def test_the_estimate_and_the_refine_rule_come_as_files(cast: Cast) -> None:
    for number in range(120):
        hear(cast.project, "a b c d", "a b c x" if number % 2 else "a b c d", author=cast.annotator)
    scoring.score(cast.project)
    told = quality(cast.manager, cast, "estimate/")
    assert [(r["part"], r["segments"], r["wer"]) for r in told["rows"]] == [
        ("all", 120, 0.125), ("decided", 120, 0.125),
    ]  # fmt: skip
    assert quality(cast.annotator, cast, "estimate/")["rows"] == []
    page = Caller(cast.manager).get(f"/projects/{cast.project.pk}/quality/").body.decode()
    assert f"/api/projects/{cast.project.pk}/quality/estimate/?format=csv" in page


def comes_as_csv_and_svg(filled: Cast, name: str) -> None:
    path = f"/api/projects/{filled.project.pk}/quality/{name}/"
    shown = quality(filled.manager, filled, f"{name}/")
    client = Caller(filled.manager).client
    sheet: Any = client.get(f"{path}?format=csv")
    assert sheet.status_code == 200
    assert "attachment" in sheet["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(sheet.content.decode())))
    assert len(rows) == len(shown["rows"])
    for column in shown["columns"]:
        assert column["key"] in (rows[0] if rows else sheet.content.decode())
    drawn: Any = client.get(f"{path}?format=svg")
    svg = ElementTree.fromstring(drawn.content)  # noqa: S314 - our own
    assert svg.tag.endswith("svg")
    assert svg.find("{http://www.w3.org/2000/svg}title") is not None
    assert b"<script" not in drawn.content
    assert b"style=" not in drawn.content


def test_names_cannot_break_a_plot_or_run_in_a_spreadsheet(cast: Cast) -> None:
    for number, name in enumerate(("<script>alert(1)</script>", "=1+1", "a\x0bb", "x" * 90)):
        hear(cast.project, f"text {number}", "text", author=cast.annotator, speaker=name)
    scoring.score(cast.project)
    client = Caller(cast.manager).client
    path = f"/api/projects/{cast.project.pk}/quality/wer/?by=speaker"
    svg: Any = client.get(f"{path}&format=svg")
    ElementTree.fromstring(svg.content)  # noqa: S314 - our own
    assert b"<script" not in svg.content
    sheet: Any = client.get(f"{path}&format=csv")
    assert "\n'=1+1," in sheet.content.decode()
