"""Nothing typed in the workbench is lost: no network, two people, a better model, locks."""

from __future__ import annotations

from typing import Any, Final

import pytest
from django.db import transaction

from annotation.models import Recording, Revision, Segment
from annotation.services import hypotheses
from annotation.states import Pass
from tests.e2e.bench import Bench, hear, make_call, rows
from tests.e2e.conftest import Opens, until
from tests.e2e.test_workbench_faults import KEPT, go_on, holds, kill, mine, mortal
from tests.personas import Cast

pytestmark = pytest.mark.browser

HEARD_AHEAD: Final = (
    "performance.getEntriesByType('resource').filter(one => one.name.includes('/audio?')).length >= 3"
)
"""The open segment and the next two have been fetched, the sound last."""
SLOW_STORE: Final = """
const open = IDBFactory.prototype.open;
IDBFactory.prototype.open = function (...given) {
  const asked = open.apply(this, given);
  const listen = asked.addEventListener.bind(asked);
  asked.addEventListener = (name, then, how) => listen(name, name !== 'success' ? then : (event) => {
    const wait = () => window.storeOpens ? then(event) : setTimeout(wait, 10);
    wait();
  }, how);
  return asked;
};
const later = window.setTimeout;
window.setTimeout = (then, wait, ...given) => wait === 10000 ? 0 : later(then, wait, ...given);"""
"""Lets the browser's store open only once the page is told so; the page's patience with it does not end."""


def test_decisions_made_without_a_network_are_sent_once_it_is_back(
    opens: Opens, people: Cast, media_root: Any
) -> None:
    recording = make_call(people, ["yes one", "yes two", "yes three"], long_ms=600)
    bench = Bench(opens("annotator"), recording)
    first, second, third = rows(recording)
    bench.at(first)
    bench.mine()
    bench.heard()
    until(bench.page, HEARD_AHEAD)
    bench.page.context.set_offline(True)
    bench.press("End")
    bench.page.keyboard.type(" here")
    bench.press("Enter")
    bench.at(second)
    until(bench.page, "document.getElementById('save-light').textContent.startsWith('Offline, 1 kept here')")
    bench.heard()
    bench.press("Enter")
    bench.at(third)
    until(bench.page, "document.getElementById('save-light').textContent.startsWith('Offline, 2 kept here')")
    bench.page.context.set_offline(False)
    bench.saved()
    assert [s.text for s in rows(recording)] == ["yes one here", "yes two", "yes three"]
    assert Revision.objects.filter(segment__recording=recording, source="human").count() == 2


def test_what_is_decided_before_the_browser_has_opened_its_store_is_sent(
    opens: Opens, people: Cast, media_root: Any
) -> None:
    recording = make_call(people, ["yes one", "yes two"], long_ms=600)
    first, second = rows(recording)
    page = opens("annotator")
    page.add_init_script(SLOW_STORE)
    bench = Bench(page, recording)
    bench.at(first)
    bench.mine()
    bench.write("yes one, at once")
    go_on(bench)
    bench.at(second)
    bench.shines("Saving")
    assert Segment.objects.get(pk=first.pk).text == "yes one"
    page.evaluate("window.storeOpens = true")
    bench.saved()
    assert Segment.objects.get(pk=first.pk).text == "yes one, at once"


@pytest.mark.parametrize("typed", ["", "typed sooner than that"])
def test_a_kept_text_comes_back_however_late_the_browser_opens_its_store(
    opens: Opens, people: Cast, media_root: Any, typed: str
) -> None:
    recording = make_call(people, ["yes one", "yes two"], long_ms=600)
    first = rows(recording)[0]
    bench = Bench(mortal(opens("annotator")), recording)
    bench.page.context.route("**/draft/", lambda route: route.abort())  # only the browser has it
    bench.at(first)
    bench.mine()
    bench.write("typed before the crash")
    until(bench.page, f"({KEPT}).then(kept => kept.includes('typed before the crash'))")
    page = bench.page.context.new_page()
    kill(bench.page)
    page.add_init_script(SLOW_STORE)
    bench = Bench(page, recording)
    bench.at(first)
    assert bench.text == "yes one"
    if typed:
        mine(bench)
        bench.write(typed)
    page.evaluate("window.storeOpens = true")
    if not typed:
        holds(bench, "typed before the crash")
        assert "Restored what you typed" in page.inner_text(".wb-notices")
    else:
        page.wait_for_selector(".wb-notices:has-text('What you typed before is kept beside your text')")
        assert bench.text == typed
        bench.press("Control+Shift+ArrowDown")
        holds(bench, "typed before the crash")


def test_two_browsers_on_one_row(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["yes one two", "yes two"], long_ms=900)
    first, _second = rows(recording)
    one = Bench(opens("annotator"), recording)
    one.at(first)
    one.mine()
    other = Bench(opens("reviewer"), recording, segment=first.pk)
    other.page.wait_for_selector(".wb-notices:has-text('annotator is editing')")
    assert other.page.get_attribute("#text", "readonly") is not None
    assert other.page.inner_text(f"#row-{first.pk}").find("annotator") >= 0, "shown on the row"
    one.press("Alt+ArrowDown")  # they leave, and it opens at once
    other.mine()
    other.write("the reviewer's words")
    # The annotator comes from elsewhere and saves by the API: nobody is asked for a lease there.
    Segment.objects.filter(pk=first.pk).update(text="the annotator's words", revision=2)
    Revision.objects.create(
        segment=first, number=2, base=1, text="the annotator's words", source="human", author=people.annotator
    )
    other.press("Control+s", "Control+s")
    panel = other.page.locator(".wb-conflict")
    panel.wait_for()
    words = panel.inner_text()
    assert "annotator saved this segment after you opened it" in words
    assert "yes one two" in words, "what both began with"
    other.shines("Conflict")
    other.press("1")
    assert other.text == "the reviewer's words"
    other.press("Control+s", "Control+s")
    other.saved()
    texts = Revision.objects.filter(segment=first).order_by("number").values_list("text", flat=True)
    expected = ["yes one two", "the annotator's words", "the reviewer's words"]
    assert list(texts) == expected, (list(texts), other.light, other.text)


def test_two_tabs_of_one_person(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["yes one two", "yes two"], long_ms=900)
    first, _ = rows(recording)
    one = Bench(opens("annotator"), recording)
    one.at(first)
    one.mine()
    page = one.page.context.new_page()
    other = Bench(page, recording, segment=first.pk)
    page.wait_for_selector(".wb-notices:has-text('in another tab')")
    page.get_by_role("button", name="Go on here").click()
    other.mine()
    other.write("from the second tab")
    other.press("Control+s", "Control+s")
    other.saved()
    first.refresh_from_db()
    assert first.text == "from the second tab"


def test_a_better_text_never_changes_the_box(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["yes one too", "yes two", "yes free"], long_ms=900)
    first, _, third = rows(recording)
    bench = Bench(opens("annotator"), recording)
    bench.at(first)
    bench.mine()
    bench.write("yes one, typed by me")
    _refined(recording, first, "yes one two")
    bench.page.wait_for_selector(".wb-offer.fresh:has-text('demo-refine')")
    assert bench.text == "yes one, typed by me"
    bench.press("Control+Shift+ArrowDown")
    assert bench.text == "yes one two", "one key away"
    bench.press("Control+z")
    assert bench.text == "yes one, typed by me"
    # A row that nobody has touched simply becomes better.
    _refined(recording, third, "yes three")
    bench.page.wait_for_selector(f"#row-{third.pk}:has-text('yes three')")


def _refined(recording: Recording, segment: Segment, text: str) -> None:
    """Let a better model have heard a segment; the one statement that decides what becomes of it is ours."""
    heard = hear(recording.jobs.get(), segment, text, pass_name=Pass.REFINE)
    with transaction.atomic():
        hypotheses._publish_text([heard], Pass.REFINE)


def test_lock_and_unlock_with_a_reason(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["yes one two", "yes two"], long_ms=900)
    first, _second = rows(recording)
    bench = Bench(opens("reviewer"), recording)
    bench.at(first)
    bench.mine()
    bench.heard()
    bench.write("yes, finished")
    bench.press("Control+Shift+l")
    bench.page.wait_for_selector(".wb-notices:has-text('Locked by reviewer')")
    first.refresh_from_db()
    assert (first.text, first.locked) == ("yes, finished", True)
    assert bench.page.get_attribute("#text", "readonly") is not None
    other = Bench(opens("annotator"), recording, segment=first.pk)
    other.page.wait_for_selector(".wb-notices:has-text('Locked by reviewer')")
    assert other.page.locator(".wb-notices button").count() == 0, "not for this role"
    other.page.focus("#text")
    other.page.keyboard.type("x")
    assert other.text == "yes, finished"
    bench.press("Control+Shift+l")
    bench.page.fill("#wb-ask-text", "one more word")
    bench.press("Enter")
    bench.mine()
    first.refresh_from_db()
    assert (first.locked, first.unlock_reason) == (False, "one more word")
    other.page.wait_for_selector(".wb-notices:not(:has-text('Locked'))", state="attached")
