"""Long recordings: five thousand rows and ten hours open, scroll and filter; rows in the page stay few."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.models import Lease, Segment
from annotation.services import leases, segments
from tests.e2e.bench import Bench, rows
from tests.e2e.conftest import Opens, until
from tests.e2e.long import HOUR_MS, make_long
from tests.e2e.test_workbench_faults import call, go_on, mine, words
from tests.e2e.test_workbench_looks import AXE, serious
from tests.personas import Cast

pytestmark = pytest.mark.browser

FEW = 60
"""Rows in the page, whatever the recording has."""


def test_five_thousand_rows(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_long(people.project, 5_000, 5 * HOUR_MS)
    bench = Bench(opens("annotator"), recording)
    page = bench.page
    first = Segment.objects.filter(recording=recording).earliest("start_ms")
    last = Segment.objects.filter(recording=recording).latest("start_ms")
    bench.at(first)
    until(
        page,
        "document.querySelector('.wb-total').innerText.replace(/\\D+/g, ' ').trim() === '5 000 5 000'"
        " || document.querySelector('.wb-total').innerText.replace(/[^0-9]/g, '') === '50005000'",
    )
    drawn = "document.querySelectorAll('.wb-row').length"
    assert 5 < page.evaluate(drawn) < FEW
    # To the end in jumps, as with the scroll bar.
    for share in (0.2, 0.9, 0.5, 1.0):
        page.evaluate(
            "share => { const list = document.getElementById('wb-rows');"
            " list.scrollTop = share * list.scrollHeight; }",
            share,
        )
        page.wait_for_timeout(40)
        assert page.evaluate(drawn) < FEW
    page.wait_for_selector(f"#row-{last.pk}:has-text('this is row 4999')")
    assert page.get_attribute(f"#row-{last.pk}", "aria-posinset") == "5000"
    assert page.get_attribute(f"#row-{last.pk}", "aria-setsize") == "5000"
    page.locator(f"#row-{last.pk}").click()
    bench.at(last)
    assert bench.text == "this is row 4999 of a long recording"
    # By speaker, by risk, by words, and back.
    total = "Number(document.querySelector('.wb-total .figure').innerText.replace(/[^0-9]/g, ''))"
    page.locator(".wb-shows button", has_text="Risky").click()
    risky = Segment.objects.filter(recording=recording, risk__gte=0.5).count()
    until(page, f"{total} === {risky}")
    page.locator(".wb-shows button", has_text="All").click()
    page.fill("#wb-search", "row 4321")
    until(page, f"{total} === 1")
    page.focus("#wb-search")
    bench.press("Enter")
    wanted = Segment.objects.get(recording=recording, text__contains="row 4321 ")
    bench.at(wanted)
    page.fill("#wb-search", "")
    until(page, f"{total} === 5000")
    page.select_option("#wb-order", "risk")
    worst = Segment.objects.filter(recording=recording).order_by("-risk", "start_ms")[0]
    page.evaluate("document.getElementById('wb-rows').scrollTop = 0")
    until(page, f"document.querySelector('.wb-row[aria-posinset=\"1\"]')?.dataset.segment === '{worst.pk}'")
    assert page.evaluate(drawn) < FEW


def test_a_row_saved_by_another_changes_among_five_thousand(
    opens: Opens, people: Cast, media_root: Any
) -> None:
    recording = make_long(people.project, 5_000, 5 * HOUR_MS)
    bench = Bench(opens("annotator"), recording)
    until(
        bench.page, "document.querySelector('.wb-total .figure').innerText.replace(/[^0-9]/g, '') === '5000'"
    )
    until(bench.page, "true")
    third = Segment.objects.filter(recording=recording).order_by("start_ms")[2]
    segments.save_text(user=people.reviewer, segment=third, text="said by another", base_revision=1)
    bench.page.wait_for_selector(f"#row-{third.pk}:has-text('said by another')")


def test_ten_hours_open_play_and_save(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_long(people.project, 6_000, 10 * HOUR_MS)
    bench = Bench(opens("annotator"), recording)
    page = bench.page
    every = rows(recording)
    bench.at(every[0])
    mine(bench)
    page.wait_for_selector(".wb-canvas")
    page.wait_for_selector(".wb-strip, .strip, canvas")
    bench.press("Escape", "g")
    page.fill("#wb-ask-text", "9:59:00")
    bench.press("Enter")
    far = next(row for row in every if row.start_ms >= 35_940_000)
    bench.at(far)
    mine(bench)
    page.focus("#text")
    bench.write(f"this is row {every.index(far)} as heard")
    go_on(bench)
    bench.saved()
    far.refresh_from_db()
    assert far.state == "corrected"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_views_of_trouble_can_be_used_by_all(
    opens: Opens, people: Cast, media_root: Any, theme: str
) -> None:
    """Two texts, a row that another holds, a locked row, an empty list, the keys on top of it all."""
    if not AXE.is_file():
        pytest.skip("NO AXE: run `npm ci` in workbench/ (make does)")
    recording = call(people, 4)
    first, second, third, _ = rows(recording)
    # The checker puts a style of its own into the page, which the page's policy would refuse.
    bench = Bench(opens("annotator", color_scheme=theme, bypass_csp=True), recording)
    page = bench.page
    bench.at(first)
    mine(bench)
    bench.write(words(0))
    Lease.objects.filter(segment=first).delete()
    segments.save_text(user=people.reviewer, segment=first, text="draft of row nought", base_revision=1)
    page.focus("#text")
    bench.press("Control+s", "Control+s")
    page.wait_for_selector(".wb-conflict")
    assert serious(page) == []
    bench.press("F1")
    page.wait_for_selector("dialog.wb-help[open]")
    assert serious(page) == []
    bench.press("Escape")
    leases.acquire(user=people.reviewer, segment=second)
    segments.lock(user=people.reviewer, segment=third)
    page.locator(f"#row-{second.pk}").click()
    page.wait_for_selector(".wb-notices:has-text('is editing')")
    assert serious(page) == []
    page.locator(f"#row-{third.pk}").click()
    page.wait_for_selector(".wb-notices:has-text('Locked by')")
    assert serious(page) == []
    page.fill("#wb-search", "nothing is like this")
    page.wait_for_selector(".wb-none")
    assert serious(page) == []
    bench.shines("Conflict: two texts")
