"""Twenty edits and a fault in each: refreshes, killed tabs, lost answers, no line, a login that ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from annotation.models import Draft, Lease, Recording, Revision, Segment
from tests.e2e.bench import Bench, make_call, rows
from tests.e2e.conftest import Opens, until
from tests.personas import PASSWORD, Cast
from tests.waiting import PATIENCE_S

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.browser

EDITS: Final = 20
KEPT: Final = """new Promise(done => { const open = indexedDB.open('earmark'); open.onsuccess = () => {
  const all = open.result.transaction('drafts').objectStore('drafts').getAll();
  all.onsuccess = () => { open.result.close(); done(all.result.map(one => one.text)); }; }; })"""
BACK: Final = """[...document.querySelectorAll('.wb-notices button')]
  .find(button => button.textContent === 'Go on here')?.click()"""
LIGHT: Final = "document.getElementById('save-light').textContent.trim()"


def call(people: Cast, count: int = EDITS) -> Recording:
    """Make a recording with one short draft for each edit."""
    return make_call(people, [f"draft of row {n}" for n in range(count)], each_ms=2_000, long_ms=1_500)


def words(number: int) -> str:
    """Return what is typed into a row."""
    return f"draft of row {number} as heard"


def saved_texts(recording: Recording) -> list[str]:
    """Return the texts of the rows that a person has decided, by time."""
    return [row.text for row in rows(recording) if row.state == "corrected"]


def human_revisions(recording: Recording) -> int:
    """Count what people saved."""
    return Revision.objects.filter(segment__recording=recording, source="human").count()


def go_on(bench: Bench) -> None:
    """Press Enter, and again when a warning was shown first; who has heard all of it by now gets none."""
    row = "document.querySelector('.wb-row.current')"
    before = bench.current
    last = bench.page.evaluate(f"{row}?.ariaPosInSet === {row}?.ariaSetSize")
    state = bench.page.evaluate(f"{row}?.querySelector('svg.icon')?.ariaLabel")
    # The last row stays open when it is decided.
    gone = f"{row}?.querySelector('svg.icon')?.ariaLabel !== '{state}'" if last else "false"
    left = f"({row}?.dataset.segment !== '{before}' || {gone})"
    for _ in range(3):  # the sound goes on meanwhile: what is warned of may have changed by the second time
        bench.press("Enter")
        until(bench.page, f"{left} || document.querySelector('.wb-checks')")
        if bench.page.evaluate(left):
            return


def holds(bench: Bench, text: str) -> None:
    """Wait until the box holds a text."""
    until(bench.page, f"document.getElementById('text').value === {text!r}")


def mine(bench: Bench) -> None:
    """Wait until this tab has the row's lease; take the row back from a tab that died with its own."""
    tab = bench.page.evaluate("sessionStorage.getItem('earmark.tab')")
    deadline = time.monotonic() + PATIENCE_S
    held = Lease.objects.filter(client=tab, expires_at__gt=Now())
    while not held.filter(segment_id=int(bench.current or 0)).exists():
        bench.page.evaluate(BACK)
        said = bench.page.inner_text(".wb-notices")
        assert time.monotonic() < deadline, f"the row was never ours: {said!r}"
        bench.page.wait_for_timeout(50)
    bench.mine()


def mortal(page: Page) -> Page:
    """Let the page's tab be killed: see `kill`."""
    page.add_init_script(
        """const silent = event => window.killed && event.stopImmediatePropagation();
           for (const name of ['pagehide', 'beforeunload', 'unload', 'visibilitychange', 'freeze'])
             window.addEventListener(name, silent, true);"""
    )
    return page


def kill(page: Page) -> None:
    """End the tab as a crash does: nothing that a page does on leaving is done."""
    page.evaluate("window.killed = true")
    page.close()


def again(page: Page, recording: Recording, segment: Segment) -> Bench:
    """Open the workbench in another tab of the same browser, as after a crash."""
    fresh = mortal(page.context.new_page())
    fresh.goto(f"/recordings/{recording.pk}/work/?segment={segment.pk}")
    bench = Bench(fresh)
    bench.ready()
    return bench


@pytest.mark.slow
def test_a_refresh_in_the_middle_of_each_edit(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = call(people)
    bench = Bench(opens("annotator"), recording)
    page = bench.page
    for number, segment in enumerate(rows(recording)):
        page.locator(f"#row-{segment.pk}").click()  # where Enter was cut off, its row is open still
        bench.at(segment)
        mine(bench)
        bench.write(words(number))
        page.reload()  # not a moment after the last letter
        bench.ready()
        bench.at(segment)
        holds(bench, words(number))
        mine(bench)
        page.focus("#text")
        go_on(bench)
        if number % 4 == 1:
            page.reload()  # nor after Enter
            bench.ready()
    bench.saved()
    assert saved_texts(recording) == [words(n) for n in range(EDITS)]
    assert human_revisions(recording) == EDITS
    until(page, f"({KEPT}).then(kept => kept.length === 0)")  # the browser's store is empty again


@pytest.mark.slow
def test_tabs_that_die_with_drafts(opens: Opens, people: Cast, media_root: Any) -> None:
    """Ten drafts and the tab is killed; ten more and it is killed again: all twenty come back."""
    recording = call(people)
    bench = Bench(mortal(opens("annotator")), recording)
    every = rows(recording)
    for number, segment in enumerate(every):
        bench.at(segment)
        mine(bench)
        bench.write(words(number))
        if number in (9, 19):
            # A crash may take what was typed in the last 150 ms, before it is on the disk.
            until(bench.page, f"({KEPT}).then(kept => kept.includes({words(number)!r}))")
            page = bench.page
            bench = again(page, recording, every[(number + 1) % EDITS])
            kill(page)
        else:
            bench.press("Alt+ArrowDown")
    assert human_revisions(recording) == 0, "a draft is nobody's text yet"
    for number, segment in enumerate(every):
        bench.at(segment)
        holds(bench, words(number))
        assert "Restored what you typed" in bench.page.inner_text(".wb-notices")
        mine(bench)
        bench.page.focus("#text")
        go_on(bench)
    bench.saved()
    assert saved_texts(recording) == [words(n) for n in range(EDITS)]
    assert human_revisions(recording) == EDITS


@pytest.mark.slow
def test_drafts_follow_a_person_to_another_browser(opens: Opens, people: Cast, media_root: Any) -> None:
    """The light says that they are saved, so the browser may go with all that it keeps."""
    recording = call(people)
    bench = Bench(opens("annotator"), recording)
    every = rows(recording)
    for number, segment in enumerate(every):
        bench.at(segment)
        mine(bench)
        bench.write(words(number))
        if number < EDITS - 1:
            bench.press("Alt+ArrowDown")
    until(bench.page, f"{LIGHT} === '{EDITS} drafts saved'")
    bench.page.context.close()
    assert sorted(Draft.objects.values_list("text", flat=True)) == sorted(words(n) for n in range(EDITS))
    bench = Bench(opens("annotator"), recording)
    for number, segment in enumerate(every):
        bench.at(segment)
        holds(bench, words(number))
        bench.press("Alt+ArrowDown")


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["request", "answer"])
def test_decisions_that_the_server_never_confirmed(
    opens: Opens, people: Cast, media_root: Any, lost: str
) -> None:
    """Twenty decisions unconfirmed when the tab is killed: the next sends them, and each is one revision."""
    recording = call(people)
    bench = Bench(mortal(opens("annotator")), recording)
    page, every = bench.page, rows(recording)
    reached: list[int] = []

    def break_line(route: Route) -> None:
        if route.request.method != "PATCH":
            route.continue_()
            return
        if lost == "answer":
            reached.append(route.fetch().status)
        route.abort("connectionreset")

    page.route("**/api/segments/*/", break_line)
    for number, segment in enumerate(every):
        bench.at(segment)
        mine(bench)
        bench.write(words(number))
        go_on(bench)
        until(page, f"{LIGHT}.startsWith('Offline, {number + 1} kept here')")
    assert set(reached) == ({200} if lost == "answer" else set())
    bench = again(page, recording, every[0])
    kill(page)
    bench.saved()
    assert saved_texts(recording) == [words(n) for n in range(EDITS)]
    assert human_revisions(recording) == EDITS
    assert {row.revision for row in rows(recording)} == {2}


@pytest.mark.slow
def test_a_line_that_is_down_for_longer_than_the_retries(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = call(people, EDITS + 1)
    page = opens("annotator")
    page.clock.install()
    bench = Bench(page, recording)
    every = rows(recording)
    bench.at(every[0])
    for segment in every[1:]:  # what was looked at can be worked on without a line
        bench.press("Alt+ArrowDown")
        bench.at(segment)
    page.locator("#wb-rows").evaluate("rows => rows.scrollTop = 0")
    page.locator(f"#row-{every[0].pk}").click()
    bench.at(every[0])
    mine(bench)
    page.context.set_offline(True)
    for number, segment in enumerate(every[:EDITS]):
        bench.at(segment)
        bench.write(words(number))
        go_on(bench)
        until(page, f"{LIGHT} === 'Offline, {number + 1} kept here'")
    bench.at(every[EDITS])
    bench.write(words(EDITS))
    until(page, f"{LIGHT} === 'Offline, {EDITS + 1} kept here'")
    for _ in range(4):
        page.clock.fast_forward(15_000)
        page.wait_for_timeout(50)
    bench.shines(f"Offline, {EDITS + 1} kept here")
    assert bench.text == words(EDITS)
    assert human_revisions(recording) == 0
    page.context.set_offline(False)
    until(page, f"{LIGHT} === 'Draft saved'")
    assert saved_texts(recording) == [words(n) for n in range(EDITS)]
    assert human_revisions(recording) == EDITS
    assert Draft.objects.get().text == words(EDITS)


def test_a_row_that_could_not_be_read_opens_when_the_line_is_back(
    opens: Opens, people: Cast, media_root: Any
) -> None:
    recording = call(people)
    bench = Bench(opens("annotator"), recording)
    page, every = bench.page, rows(recording)
    bench.at(every[0])
    mine(bench)
    page.context.set_offline(True)
    page.locator(f"#row-{every[12].pk}").click()
    page.wait_for_selector(".wb-notices [role=alert]")
    page.context.set_offline(False)
    bench.at(every[12])
    mine(bench)
    assert page.locator(".wb-notices [role=alert]").count() == 0
    assert not bench.light.startswith("Offline")


def test_the_light_is_right_at_each_moment(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = call(people, 4)
    bench = Bench(opens("annotator"), recording)
    page, every = bench.page, rows(recording)
    bench.at(every[0])
    mine(bench)
    held: list[Route] = []
    page.route("**/api/segments/*/draft/", lambda route: held.append(route))
    page.evaluate(
        "window.lights = []; new MutationObserver(() => window.lights.push("
        f"{LIGHT})).observe(document.getElementById('save-light'), "
        "{subtree: true, childList: true, characterData: true})"
    )
    bench.write(words(0))
    until(page, f"{LIGHT} === 'Saving draft'")
    assert "Draft kept here" in page.evaluate("window.lights")
    while not held:
        page.wait_for_timeout(20)
    assert Draft.objects.count() == 0
    held.pop().continue_()
    until(page, f"{LIGHT} === 'Draft saved'")
    assert Draft.objects.get().text == words(0)
    page.unroute("**/api/segments/*/draft/")

    def hold(route: Route) -> None:
        if route.request.method == "PATCH":
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/segments/*/", hold)
    go_on(bench)
    bench.at(every[1])
    until(page, f"{LIGHT} === 'Saving'")
    assert human_revisions(recording) == 0
    mine(bench)
    bench.write(words(1))
    go_on(bench)
    until(page, f"{LIGHT} === 'Saving 2'")
    held.pop().abort("connectionrefused")
    until(page, f"{LIGHT} === 'Offline, 2 kept here'")
    page.unroute("**/api/segments/*/")
    for route in held:  # a second try that was held back meanwhile
        route.continue_()
    bench.saved()
    assert human_revisions(recording) == 2
    assert not Draft.objects.exists()


def test_a_login_that_ends_in_the_middle(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = call(people, 4)
    bench = Bench(opens("annotator"), recording)
    page, every = bench.page, rows(recording)
    bench.at(every[0])
    mine(bench)
    Session.objects.all().delete()
    bench.write(words(0))
    go_on(bench)
    until(page, f"{LIGHT} === 'Signed out, 1 kept here'")
    with page.context.expect_page() as opened:
        page.click(".wb-status a:has-text('Sign in')")
    other = opened.value
    other.fill("#id_username", "annotator")
    other.fill("#id_password", PASSWORD)
    other.click("button[type=submit]")
    other.wait_for_url(lambda address: "/login/" not in address)
    other.close()
    page.bring_to_front()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    bench.saved()
    assert saved_texts(recording) == [words(0)]
