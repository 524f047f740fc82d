"""The admin in a real browser, with its skin: looked through, listened to, judged; light and dark."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from annotation.models import AuditSample, Decision, Segment
from annotation.services import seals, segments
from annotation.services.decisions import Evidence
from annotation.states import DecisionKind
from tests.e2e.bench import make_call, rows
from tests.e2e.conftest import Opens, until
from tests.e2e.test_looks import FAINT, UNLABELLED
from tests.personas import Cast

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

LIST: Final = "/admin/annotation/correction/"
HEARD: Final = (
    "die rechnung von bosch ist vierundachtzig euro",
    "we ship on friday from hamburg",
    "the driver called twice and nobody answered the door",
    "please hold the line",
    "order number seven nine two",
    "thank you for calling",
)
WRITTEN: Final = (
    "Die Rechnung von Bosch ist achtundvierzig Euro",
    "We ship on Friday from Hamburg.",
    "The driver called twice, and nobody answered.",
    "please hold the line",
    "Order number seven, nine, three.",
    "Thank you for calling [noise]",
)


@pytest.fixture
def corrected(people: Cast, media_root: Path) -> list[Decision]:
    """Return corrections of a call that can be played: careful ones, and one that was not listened to."""
    call = make_call(people, list(HEARD), each_ms=1400, long_ms=1200)
    made = []
    for number, (segment, text) in enumerate(zip(rows(call), WRITTEN, strict=True)):
        careless = number == 4
        _, decision = segments.decide(
            user=people.annotator,
            segment=segment,
            kind=DecisionKind.SAVE,
            text=text,
            base_revision=1,
            evidence=Evidence(
                heard_share=0.2 if careless else 1.0,
                active_ms=250 if careless else 1900,
                overrode=("number_changed",) if careless else (),
            ),
        )
        made.append(decision)
    segments.lock(user=people.reviewer, segment=rows(call)[3])
    seals.seal()
    return made


def picture(page: Page, name: str) -> None:
    """Keep a picture where somebody asked for them."""
    if folder := os.environ.get("SCREENSHOTS_DIR"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(300)
        page.screenshot(path=Path(folder) / f"{name}.png")


def awake(page: Page) -> None:
    """Wait until the skin's scripts have looked at the page."""
    until(page, "getComputedStyle(document.documentElement).display !== 'none' && !!window.Alpine")
    until(page, "!document.documentElement.hasAttribute('x-cloak')")


def test_a_supervisor_listens_filters_and_returns_work(opens: Opens, corrected: list[Decision]) -> None:
    page = opens("supervisor", LIST)
    awake(page)
    assert page.locator("#result_list tbody").count() == len(corrected)
    page.evaluate(
        "window.sounds = []; const play = Audio.prototype.play;"
        "HTMLMediaElement.prototype.play = function () { window.sounds.push(this); return play.call(this); };"
        "window.lit = 0; new MutationObserver(() => {"
        " window.lit = Math.max(window.lit, document.querySelectorAll('button.play.on').length); })"
        ".observe(document.body, {subtree: true, attributes: true});"
        "void 0"
    )
    page.locator("button.play").first.click()
    until(page, "window.sounds[0]?.duration > 1.1 && window.sounds[0].currentTime > 0.1")
    assert page.evaluate("window.lit") == 1
    until(page, "document.querySelectorAll('button.play.on').length === 0")
    picture(page, "corrections-light")

    page.locator("a:has-text('Filters')").first.click()
    until(page, "document.querySelector('#changelist-filter').checkVisibility()")
    picture(page, "filters-light")
    today = corrected[0].created_at.date().isoformat()
    page.get_by_label("From", exact=True).fill(today)
    page.get_by_label("to", exact=True).fill(today)
    page.get_by_label("to", exact=True).scroll_into_view_if_needed()
    picture(page, "dates-light")
    page.get_by_label("to", exact=True).press("Enter")
    page.wait_for_url(f"**created_at__from={today}**")
    awake(page)
    assert page.locator("#result_list tbody").count() == len(corrected)
    page.locator("a:has-text('Filters')").first.click()
    until(page, "document.querySelector('#changelist-filter').checkVisibility()")
    page.locator("#changelist-filter a:has-text('unheard')").first.click()
    page.wait_for_url("**flag=unheard**")
    awake(page)
    (careless,) = [d for d in corrected if d.heard_share == 0.2]
    assert page.locator("#result_list tbody").count() == 1
    page.get_by_role("button", name="Return…").click()
    page.select_option("#id_reason", "words")
    page.fill("#id_comment", "It is seven nine two.")
    picture(page, "return-light")
    page.get_by_role("button", name="Return", exact=True).click()
    page.get_by_text("1 segment returned.").wait_for()
    assert Segment.objects.get(pk=careless.segment_id).state == "returned"


def test_a_sample_is_drawn_from_all_and_a_version_is_restored(
    opens: Opens, corrected: list[Decision]
) -> None:
    page = opens("supervisor", LIST)
    awake(page)
    # One row is ticked; the sample is of them all.
    page.locator("#result_list tbody input[type=checkbox]").first.check()
    page.locator("select[name=action]").first.select_option("draw_sample")
    page.locator("button[name=index]").first.click()
    page.fill("#id_margin", "20")
    page.get_by_role("button", name="Draw").click()
    page.wait_for_url("**?sample=*")
    sample = AuditSample.objects.get()
    assert (sample.population, sample.size) == (6, 5)
    assert page.locator("#result_list tbody").count() == 5
    page.goto(f"/admin/annotation/auditsample/{sample.pk}/change/")
    awake(page)
    page.get_by_text("0 of 5: 0 accepted, 0 fixed, 0 returned").wait_for()
    picture(page, "sample-light")

    first = corrected[0].segment_id
    page.goto(f"/admin/annotation/segment/{first}/history/")
    awake(page)
    picture(page, "history-light")
    page.get_by_role("button", name="Restore this version").click()
    page.get_by_text("Version 1 is the text again, as version 3.").wait_for()
    assert Segment.objects.get(pk=first).text == HEARD[0]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_of_the_admin_can_be_read_and_keeps_to_the_policy(
    opens: Opens, corrected: list[Decision], theme: str
) -> None:
    """`opens` fails the test on a script error and on whatever the content policy had to block."""
    page = opens("supervisor", LIST, color_scheme=theme)
    first = corrected[0]
    pages = {
        "index": "/admin/",
        "corrections": LIST,
        "correction": f"{LIST}{first.pk}/change/",
        "history": f"/admin/annotation/segment/{first.segment_id}/history/",
        "events": "/admin/annotation/auditevent/",
        "seals": "/admin/annotation/seal/",
        "accounts": "/admin/annotation/user/",
        "workers": "/admin/annotation/liveworker/",
        "samples": "/admin/annotation/auditsample/",
        "pairs": "/admin/annotation/pair/",
        "account-history": f"/admin/annotation/user/{first.author_id}/history/",
    }
    for name, path in pages.items():
        page.goto(path)
        awake(page)
        picture(page, f"{name}-{theme}")
        assert page.evaluate(UNLABELLED) == [], path
        # The skin's icons are letters of a font; each stands beside its word, so it need not be read.
        assert [text for text in page.evaluate(FAINT) if "material-symbols" not in text] == [], path
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) <= 0, path
    if theme == "dark":
        page.set_viewport_size({"width": 820, "height": 1000})
        for name in ("corrections", "history", "events"):
            page.goto(pages[name])
            awake(page)
            picture(page, f"{name}-narrow")
