"""A slow line: answers that come while the person has gone on take nothing back and open nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from annotation.models import Draft, Lease, Segment
from annotation.services import leases
from tests import waiting
from tests.e2e.bench import Bench, make_call, rows
from tests.e2e.conftest import Opens, Overtaken, until
from tests.e2e.test_workbench_faults import holds, mine
from tests.e2e.test_workbench_people import overtake
from tests.personas import Cast

pytestmark = pytest.mark.browser


@pytest.fixture
def bench(opens: Opens, people: Cast, media_root: Any) -> Bench:
    """Return the workbench of a recording of two rows, the first open and leased."""
    recording = make_call(people, ["one two three four", "five six"], each_ms=2000, long_ms=1600)
    made = Bench(opens("annotator"), recording)
    made.at(rows(recording)[0])
    mine(made)
    return made


def both() -> list[Segment]:
    return list(Segment.objects.order_by("start_ms"))


def save(bench: Bench) -> None:
    """Save and stay, over whatever is warned of."""
    bench.press("Control+s", "Control+s")


def test_the_answer_to_the_first_of_two_saves_leaves_the_second_in_the_box(bench: Bench) -> None:
    first = both()[0]
    late = Overtaken(bench.page, re.compile(rf"/api/segments/{first.pk}/$"), "PATCH")
    bench.write("one two three")
    save(bench)
    late.wait()
    bench.page.keyboard.type(" four five")
    save(bench)
    late.let_go()
    assert bench.text == "one two three four five"
    waiting.until(lambda: both()[0].text == "one two three four five")
    bench.saved()
    assert bench.text == "one two three four five"


def test_a_refused_save_keeps_what_was_typed_after_it(bench: Bench, people: Cast) -> None:
    first = both()[0]
    overtake(people, first, "what the reviewer heard")
    late = Overtaken(bench.page, re.compile(rf"/api/segments/{first.pk}/$"), "PATCH")
    bench.write("mine")
    save(bench)
    late.wait()
    bench.page.keyboard.type(" and more")
    late.let_go()
    bench.page.wait_for_selector(".wb-conflict")
    bench.page.focus(".wb-conflict")
    bench.press("1")
    holds(bench, "mine and more")
    save(bench)
    bench.saved()
    assert both()[0].text == "mine and more"


def test_a_second_save_behind_a_refused_one_is_offered_with_it(bench: Bench, people: Cast) -> None:
    first = both()[0]
    overtake(people, first, "what the reviewer heard")
    late = Overtaken(bench.page, re.compile(rf"/api/segments/{first.pk}/$"), "PATCH")
    bench.write("mine")
    save(bench)
    late.wait()
    bench.page.keyboard.type(" and more")
    save(bench)
    late.let_go()
    bench.page.wait_for_selector(".wb-conflict")
    bench.page.reload()
    bench.ready()
    bench.page.locator(f"#row-{first.pk}").click()
    bench.page.wait_for_selector(".wb-conflict")
    mine(bench)
    bench.page.focus(".wb-conflict")
    bench.press("1")
    holds(bench, "mine and more")
    save(bench)
    bench.saved()
    assert both()[0].text == "mine and more", "nothing waits behind the refused one for ever"


def test_what_is_typed_while_a_cut_is_on_its_way_stands_beside(bench: Bench) -> None:
    late = Overtaken(bench.page, re.compile(r"/split/$"))
    bench.page.evaluate("document.getElementById('text').setSelectionRange(8, 8)")
    bench.press("Control+Shift+Enter")
    late.wait()
    bench.page.keyboard.type("and ")
    late.let_go()
    until(bench.page, "document.querySelectorAll('.wb-row').length === 3")
    bench.page.wait_for_selector(".wb-notices:has-text('What you typed before is kept beside your text')")
    assert bench.text == "one two"
    mine(bench)
    bench.page.focus("#text")
    bench.press("Control+Shift+ArrowDown")
    holds(bench, "one two and three four")


@pytest.mark.parametrize("kind", ["split", "undo"])
def test_who_has_gone_on_is_not_called_back(bench: Bench, kind: str) -> None:
    second = both()[1]
    if kind == "undo":
        bench.write("one two three")
        save(bench)
        bench.saved()
    late = Overtaken(bench.page, re.compile(rf"/{kind}/$"))
    bench.page.evaluate("document.getElementById('text').setSelectionRange(8, 8)")
    bench.press("Control+Shift+Enter" if kind == "split" else "Control+Shift+z")
    late.wait()
    bench.press("Alt+ArrowDown")
    bench.at(second)
    mine(bench)
    bench.page.keyboard.type(" seven")
    late.let_go()
    if kind == "split":
        until(bench.page, "document.querySelectorAll('.wb-row').length === 3")
    else:
        bench.says("Undone")
    assert bench.current == str(second.pk)
    assert bench.text == "five six seven"
    save(bench)
    bench.saved()
    second.refresh_from_db()
    assert second.text == "five six seven"


def test_a_draft_that_is_on_its_way_does_not_outlive_its_decision(bench: Bench) -> None:
    late = Overtaken(bench.page, re.compile(r"/draft/$"))
    bench.write("one two three")
    late.wait()
    save(bench)
    bench.shines("Saving")
    late.let_go()
    bench.saved()
    assert both()[0].text == "one two three"
    assert not Draft.objects.exists()


def test_a_row_whose_holder_has_gone_without_a_word_opens_by_itself(
    opens: Opens, people: Cast, media_root: Any
) -> None:
    recording = make_call(people, ["one two three four", "five six"], each_ms=2000, long_ms=1600)
    first = rows(recording)[0]
    leases.acquire(user=people.reviewer, segment=first)
    bench = Bench(opens("annotator"), recording, segment=first.pk)
    bench.page.wait_for_selector(".wb-notices:has-text('reviewer is editing')")
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))  # no event tells that time is over
    bench.mine()
    assert "is editing" not in bench.page.inner_text(".wb-notices")
