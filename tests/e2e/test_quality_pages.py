"""The quality pages, as managers and annotators meet them: drawn, readable, narrow, empty, full."""

from __future__ import annotations

import os
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from annotation.models import (
    Decision,
    MachineScore,
    Membership,
    Project,
    Review,
    Revision,
    Segment,
)
from annotation.services import scoring
from annotation.services.error_estimate import estimate
from annotation.states import DecisionKind, Role, SegmentState, Source
from tests.annotation.test_scoring import hear
from tests.e2e.conftest import Opens
from tests.e2e.test_looks import FAINT, UNLABELLED
from tests.factories import make_recording, make_user
from tests.personas import Cast

pytestmark = pytest.mark.browser

SAID = (
    "the invoice from Bosch is forty eight euros",
    "please send the meter reading by Friday",
    "could you repeat the customer number",
    "I will call you back on Thursday afternoon",
    "the technician from Mülheim arrives at noon",
)
MISHEARD = {"Bosch": "posch", "Mülheim": "mill heim", "meter": "metre", "Thursday": "thirsty"}
OPEN_TABLES = "() => document.querySelectorAll('details.explained').forEach(one => { one.open = true })"
TOO_WIDE = """() => document.documentElement.scrollWidth > innerWidth + 1"""


def misheard(dice: random.Random, text: str, risk: float) -> str:
    """Spoil a text the more, the riskier it is said to be."""
    return " ".join(
        MISHEARD.get(word, "um") if dice.random() < risk * (0.5 if word in MISHEARD else 0.15) else word
        for word in text.split()
    )


def fill(people: Cast, rows: int = 130) -> None:
    """Let three people decide about rows of two models over eight weeks, and a reviewer judge some."""
    dice, project = random.Random(6), people.project
    team = [people.annotator]
    for name in ("Dana", "Omar"):
        person = make_user(name)
        Membership.objects.create(project=project, user=person, role=Role.ANNOTATOR)
        team.append(person)
    recordings = [make_recording(project, duration_ms=3_600_000) for _ in range(14)]
    for number in range(rows):
        text, risk = dice.choice(SAID), round(dice.random() ** 1.6, 3)
        author, draft = team[number % 3], misheard(dice, text, risk)
        segment = hear(
            project, text, draft, refined=misheard(dice, text, risk / 2) if number % 3 else None,
            author=author, risk=risk, recording=recordings[number % 14],
            language=("en", "en", "de")[number % 3], speaker=("Agent", "Customer")[number % 2],
        )  # fmt: skip
        when = timezone.now() - timedelta(days=number % 56)
        Decision.objects.create(
            project=project, segment=segment, kind=DecisionKind.SAVE, author=author, audio_ms=2_000,
            active_ms=dice.randint(1_500, 4_000), heard_share=1 - dice.random() ** 3 / 2, created_at=when,
        )  # fmt: skip
        # Revisions cannot be altered, so the week is set on the score below.
        if number % 4 == 0:
            judge(people, segment, author, fixed=number % 20 == 0, back=number % 24 == 0)
    for _ in range(20):
        hear(
            project, "", "please hold the line for a moment", state=SegmentState.DRAFT, risk=dice.random() / 3
        )
    hear(project, "call Bosch now", "call posch now", author=people.annotator, risk=0.9)
    scoring.score(project)

    for number, score in enumerate(MachineScore.objects.order_by("segment_id")):
        MachineScore.objects.filter(pk=score.pk).update(
            decided_at=timezone.now() - timedelta(days=number % 56)
        )
    estimate(project)


def judge(people: Cast, segment: Segment, author: Any, *, fixed: bool, back: bool) -> None:
    from django.db import transaction

    values = {"project": people.project, "segment": segment, "reviewer": people.reviewer, "annotator": author}
    if back:
        Review.objects.create(
            **values, revision=2, result=2, verdict="return", reason_code="words", comment="Listen again."
        )
    text = segment.text.replace("the", "a", 1) if fixed else segment.text
    with transaction.atomic():
        if fixed:
            Revision.objects.create(
                segment=segment, number=3, base=2, text=text, source=Source.HUMAN, author=people.reviewer
            )
        Review.objects.create(
            **values, revision=2, result=3 if fixed else 2, verdict="fix" if fixed else "accept"
        )
        Segment.objects.filter(pk=segment.pk).update(
            state=SegmentState.ACCEPTED, text=text, revision=3 if fixed else 2
        )


def picture(page: Any, name: str, tmp_path: Path) -> None:
    into = Path(os.environ.get("QUALITY_PICTURES") or tmp_path)
    path = into / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    assert path.stat().st_size > 8_000


PARTS = ("machines", "risk", "words", "people")


def test_the_pages_empty_and_full_in_both_themes(opens: Opens, people: Cast, tmp_path: Path) -> None:
    base = f"/projects/{people.project.pk}/quality/"
    pages = {theme: opens("manager", base, color_scheme=theme) for theme in ("light", "dark")}
    for theme, page in pages.items():
        assert "Nothing to compare yet" in page.inner_text("main")
        picture(page, f"empty-{theme}", tmp_path)
    fill(people)
    for theme, page in pages.items():
        for part in PARTS:
            page.goto(f"{base}{part}/")
            assert page.locator("svg.q-plot").count() >= 1
            page.evaluate(OPEN_TABLES)
            assert page.locator(".quality-table tbody tr").count() >= 2
            assert page.evaluate(FAINT) == []
            assert page.evaluate(UNLABELLED) == []
            picture(page, f"{part}-{theme}", tmp_path)
        page.set_viewport_size({"width": 820, "height": 1000})
        for part in PARTS:
            page.goto(f"{base}{part}/")
            assert not page.evaluate(TOO_WIDE), part
            picture(page, f"{part}-{theme}-820", tmp_path)
        page.goto(f"{base}machines/?by=week")
        picture(page, f"week-{theme}", tmp_path)
        page.goto("/")
        assert "est. machine WER" in page.inner_text("main")
        picture(page, f"cards-{theme}", tmp_path)


def test_people_find_their_way(opens: Opens, people: Cast) -> None:
    """Filter, break down, take a file, put a word into the glossary; annotators find themselves alone."""
    fill(people, 60)
    base = f"/projects/{people.project.pk}/quality/"
    page = opens("manager", base)
    page.click("text=by language")
    page.wait_for_url("**by=language**")
    machines = page.locator("section", has_text="Machine text")
    assert machines.locator("tbody tr").count() == 2
    page.select_option("select[name=annotator]", label="Dana")
    page.click("button:has-text('Show')")
    page.wait_for_url("**annotator=**")
    with page.expect_download() as sheet:
        machines.get_by_role("link", name="CSV").click()
    assert "wer_low" in Path(sheet.value.path()).read_text(encoding="utf-8")
    with page.expect_download() as drawn:
        machines.get_by_role("link", name="SVG").click()
    assert Path(drawn.value.path()).read_text(encoding="utf-8").startswith("<svg")

    page.goto(f"{base}words/")
    row = page.locator("tr", has_text="posch")
    row.get_by_role("button").click()
    page.wait_for_selector("text=is in the glossary")
    assert page.locator("tr", has_text="posch").get_by_role("button").count() == 0
    project = Project.objects.get(pk=people.project.pk)
    assert project.glossary == ["Bosch"]
    assert project.terms.get().variants == ["posch"]

    mine = opens("annotator", base)
    mine.wait_for_url("**/quality/people/")
    assert mine.locator(".quality-table tbody tr").count() >= 1
    assert "Dana" not in mine.content()
    assert "Omar" not in mine.content()
    for part in PARTS:
        mine.goto(f"{base}{part}/")
        assert "Dana" not in mine.content()
        assert "Omar" not in mine.content()
    mine.goto(f"{base}people/?annotator={people.manager.pk}")
    assert "Not for your role" in mine.inner_text("main")
