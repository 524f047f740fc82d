"""The workbench for everybody: names, roles, contrast, room; its states in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from annotation.models import Segment
from annotation.services import segments
from tests.e2e.bench import Bench, make_call, rows
from tests.e2e.conftest import Opens
from tests.e2e.test_looks import FAINT, UNLABELLED
from tests.factories import move
from tests.personas import Cast

pytestmark = pytest.mark.browser

AXE: Final = Path(__file__).resolve().parents[2] / "workbench" / "node_modules" / "axe-core" / "axe.min.js"
#: Behind the text lies the same text unseen, which carries the marks.
SEEN: Final = FAINT.replace(".away,", ".away, .wb-mirror,")
TEXTS: Final = [
    "Good morning, you are through to the service desk.",
    "The invoice of posch says eighty four Euro, and we were told forty eight.",
    "שלום, אפשר לעזור?",
    "Could you read me the number on the top right, please",
    "It is 2206, dash, 17.",
    "Thank you. I will put that right with our accounts team before Friday.",
    "And could you send it to the new address?",
    "今日は雨が降っています",
]


def serious(page: Any) -> list[str]:
    """Return what axe finds serious or critical; through the debugger, which the page's CSP allows."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)")
    return [
        f"{one['id']}: {node['html'][:160]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def bench_of(opens: Opens, people: Cast, theme: str, who: str = "reviewer") -> Bench:
    recording = make_call(people, TEXTS, each_ms=4000, long_ms=3600)
    people.project.glossary = ["Bosch", "service desk"]
    people.project.save()
    made = rows(recording)
    for segment, state in zip(
        made[2:], ("refined", "corrected", "returned", "skipped", "accepted"), strict=False
    ):
        judged = state in ("returned", "accepted")
        Segment.objects.filter(pk=segment.pk).update(state="corrected" if judged else state)
        if judged:
            move(segment, state, by=people.reviewer)
    segments.lock(user=people.manager, segment=made[7])
    # What axe does to a page to look at it is not what our policy lets pages do.
    page = opens(who, color_scheme=theme, bypass_csp=True)
    bench = Bench(page, recording, segment=made[1].pk)
    bench.at(made[1])
    bench.mine()
    return bench


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_has_a_name_and_can_be_read(
    opens: Opens, people: Cast, media_root: Any, theme: str
) -> None:
    bench = bench_of(opens, people, theme)
    page = bench.page
    if not AXE.is_file():
        pytest.skip("NO AXE: run `npm ci` in workbench/ (make does)")
    assert not (found := page.evaluate(UNLABELLED)), found
    assert not (found := page.evaluate(SEEN)), found
    assert not (found := serious(page)), found
    bench.press("End")
    page.keyboard.type(" [no")
    page.wait_for_selector("#wb-palette")
    assert not (found := serious(page)), found
    bench.press("Escape", "Enter")
    page.wait_for_selector(".wb-checks")
    assert not (found := serious(page)), found
    bench.press("F1")
    page.wait_for_selector("dialog.wb-help[open]")
    assert not (found := serious(page)), found
    bench.press("Escape")
    bench.press("Control+Shift+x")
    page.wait_for_selector("dialog.wb-ask[open]")
    assert not (found := serious(page)), found
    assert page.locator("h1").count() == 1


@pytest.mark.parametrize("width", [768, 1024, 1280])
def test_the_workbench_is_no_wider_than_its_window(
    opens: Opens, people: Cast, media_root: Any, width: int
) -> None:
    bench = bench_of(opens, people, "light")
    bench.page.set_viewport_size({"width": width, "height": 900})
    assert bench.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert bench.page.locator("#text").is_visible()


def test_motion_is_left_out_for_those_who_ask(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["yes one"], long_ms=600)
    page = opens("annotator", reduced_motion="reduce")
    Bench(page, recording)
    moving = "node => parseFloat(getComputedStyle(node).transitionDuration) > 0"
    assert page.evaluate(f"[...document.querySelectorAll('*')].filter({moving}).length") == 0
