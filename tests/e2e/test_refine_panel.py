"""The panel of the second pass, as a manager meets it: readable, drawn, and the rule can be set."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from annotation.models import Project
from annotation.states import RefineWhen
from tests.annotation.test_quality import hear
from tests.e2e.conftest import Opens
from tests.e2e.test_looks import FAINT, UNLABELLED
from tests.factories import make_recording
from tests.personas import Cast

pytestmark = pytest.mark.browser

TOO_WIDE = """() => [...document.querySelectorAll('.refine-panel, .refine-panel *')]
  .filter(node => node.checkVisibility() && node.getBoundingClientRect().right > innerWidth + 1)
  .map(node => node.outerHTML.slice(0, 120))"""


def fill(project: Project) -> None:
    """Refine windows of every risk, the riskier the more changed, and skip most of the calm ones."""
    for tenth in range(10):
        for number in range(24 - 2 * tenth):
            calm = tenth < 3
            skipped = calm and number >= 8
            hear(project, tenth / 10 + 0.05, None if skipped else 3 if number % 10 < tenth else 0)


def picture(page: object, name: str, tmp_path: Path) -> None:
    into = Path(os.environ.get("PANEL_PICTURES") or tmp_path)
    path = into / f"{name}.png"
    page.locator(".refine-panel").screenshot(path=path)  # type: ignore[attr-defined]
    assert path.stat().st_size > 4_000


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_full_and_empty_in_both_themes(opens: Opens, people: Cast, tmp_path: Path, theme: str) -> None:
    make_recording(people.project)
    page = opens("manager", f"/projects/{people.project.pk}/", color_scheme=theme)
    assert "Nothing was refined yet" in page.locator(".refine-panel").inner_text()
    picture(page, f"empty-{theme}", tmp_path)
    Project.objects.filter(pk=people.project.pk).update(refine_when=RefineWhen.RISKY, refine_above=0.3)
    fill(people.project)
    page.reload()
    assert page.locator(".chart").count() == 2
    assert page.evaluate(FAINT) == []
    assert page.evaluate(UNLABELLED) == []
    picture(page, f"full-{theme}", tmp_path)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate(TOO_WIDE) == []
    picture(page, f"phone-{theme}", tmp_path)


def test_a_manager_sets_the_rule(opens: Opens, people: Cast) -> None:
    make_recording(people.project)
    page = opens("manager", f"/projects/{people.project.pk}/")
    page.check("input[name=refine_when][value=risky]")
    page.fill("input[name=refine_above]", "45")
    page.click("text=Set the rule")
    page.wait_for_selector("text=The rule is set.")
    fresh = Project.objects.get(pk=people.project.pk)
    assert (fresh.refine_when, fresh.refine_above) == ("risky", 0.45)
    reader = opens("reviewer", f"/projects/{people.project.pk}/")
    assert "45\u00a0% or more" in reader.locator(".refine-panel").inner_text()
    assert reader.locator("text=Set the rule").count() == 0
    assert opens("annotator", f"/projects/{people.project.pk}/").locator(".refine-panel").count() == 0
