"""Several people on one row: who holds it, three texts and a key for each, and no save that is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest
from django.utils import timezone

from annotation.models import Lease, Revision, Segment
from annotation.services import leases, segments, shapes
from tests.e2e.bench import Bench, rows
from tests.e2e.conftest import Opens, until
from tests.e2e.test_workbench_faults import LIGHT, call, go_on, holds, mine, words
from tests.personas import Cast

pytestmark = pytest.mark.browser

RACE: Final = """([segment, name, saves]) => { window.race = (async () => {
  const token = document.querySelector('input[name=csrfmiddlewaretoken]').value;
  let base = 1, refused = 0;
  for (let n = 0; n < saves; ) {
    const answer = await fetch(`/api/segments/${segment}/`, {method: 'PATCH', credentials: 'same-origin',
      headers: {'Content-Type': 'application/json', 'X-CSRFToken': token},
      body: JSON.stringify({text: `${name} ${n}`, base_revision: base})});
    const body = await answer.json();
    if (answer.ok) { base = body.revision; n++; }
    else if (answer.status === 409) { base = body.error.detail.revision; refused++; }
    else if (answer.status === 429) await new Promise(done => setTimeout(done, 200));
    else throw new Error(`${answer.status} ${JSON.stringify(body)}`);
  }
  return refused;
})(); }"""


def overtake(people: Cast, segment: Segment, text: str) -> None:
    """Let the lease of the open row run out, and somebody else save a text of it."""
    Lease.objects.filter(segment=segment).delete()
    now = Segment.objects.get(pk=segment.pk).revision
    segments.save_text(user=people.reviewer, segment=segment, text=text, base_revision=now)


def save_here(bench: Bench) -> None:
    """Save and stay, over whatever is warned of."""
    bench.page.focus("#text")
    bench.press("Control+s", "Control+s")


@pytest.mark.parametrize(("key", "kept"), [("1", "mine"), ("2", "theirs"), ("3", "base")])
def test_three_texts_and_a_key_for_each(
    opens: Opens, people: Cast, media_root: Any, key: str, kept: str
) -> None:
    recording = call(people, 3)
    bench = Bench(opens("annotator"), recording)
    page = bench.page
    first, second, _ = rows(recording)
    bench.at(first)
    mine(bench)
    bench.write(words(0))
    overtake(people, first, "what the reviewer heard")
    save_here(bench)
    page.wait_for_selector(".wb-conflict")
    shown = page.inner_text(".wb-conflict")
    assert "reviewer" in shown
    assert "draft of row 0" in shown
    bench.shines("Conflict: two texts")
    # Going on and coming back does not settle it, nor does a refresh.
    page.locator(f"#row-{second.pk}").click()
    bench.at(second)
    page.wait_for_selector(f"#row-{first.pk} .conflict-flag")
    page.reload()
    bench.ready()
    page.locator(f"#row-{first.pk}").click()
    page.wait_for_selector(".wb-conflict")
    mine(bench)
    page.focus(".wb-conflict")
    texts = {"mine": words(0), "theirs": "what the reviewer heard", "base": "draft of row 0"}
    bench.press(key)
    holds(bench, texts[kept])
    if kept != "theirs":
        save_here(bench)
        until(page, f"{LIGHT}.startsWith('Saved')")
    until(page, f"!{LIGHT}.startsWith('Conflict')")
    first.refresh_from_db()
    assert first.text == texts[kept]
    found = Revision.objects.filter(segment=first).order_by("number").values_list("text", flat=True)
    expected = ["draft of row 0", "what the reviewer heard"] + ([texts[kept]] if kept != "theirs" else [])
    assert list(found) == expected, "whoever chose, both texts stay in the history"


@pytest.mark.slow
def test_whoever_waits_gets_the_row_when_it_is_free(opens: Opens, people: Cast, media_root: Any) -> None:
    people.annotator.first_name, people.annotator.last_name = "Dana", "Doe"
    people.annotator.save()
    recording = call(people, 3)
    first = rows(recording)[0]
    dana = Bench(opens("annotator"), recording, segment=first.pk)
    dana.at(first)
    mine(dana)
    omar = Bench(opens("reviewer"), recording, segment=first.pk)
    omar.page.wait_for_selector(".wb-notices:has-text('Dana Doe is editing this segment')")
    omar.page.wait_for_selector(f"#row-{first.pk} .held-flag:has-text('Dana Doe')")
    omar.page.focus("#text")
    omar.page.keyboard.type("nothing of this")
    assert omar.text == "draft of row 0"
    omar.page.click("text=Ask for it")
    omar.page.wait_for_selector(".wb-notices:has-text('Asked.')")
    dana.page.wait_for_selector(".wb-notices:has-text('asks for this segment')")
    dana.write(words(0))
    dana.page.click("text=Save and hand over")
    omar.mine()  # without a refresh
    holds(omar, words(0))
    omar.write("and better still, row 0")
    save_here(omar)
    omar.saved()
    first.refresh_from_db()
    assert (first.text, first.revision) == ("and better still, row 0", 3)


@pytest.mark.slow
def test_two_hundred_racing_saves_lose_none(opens: Opens, people: Cast, media_root: Any) -> None:
    """Two people save on top of each other while a third has the row open and has typed into it."""
    recording = call(people, 2)
    first = rows(recording)[0]
    bench = Bench(opens("annotator"), recording, segment=first.pk)
    bench.at(first)
    mine(bench)
    bench.write(words(0))
    until(bench.page, f"{LIGHT} === 'Draft saved'")
    racers = [opens("reviewer"), opens("manager")]
    bench.page.route("**/lease/", lambda route: route.abort())  # it is not renewed
    Lease.objects.all().delete()
    for number, racer in enumerate(racers):
        racer.evaluate(RACE, [str(first.pk), f"racer {number}", 100])
    refused = [racer.evaluate("window.race") for racer in racers]
    assert sum(refused) > 0, "they did meet"
    found = list(Revision.objects.filter(segment=first).order_by("number"))
    assert [one.number for one in found] == list(range(1, 202)), "no number twice, none left out"
    assert [one.base for one in found] == list(range(201)), "each stands on the one before"
    wanted = sorted(f"racer {racer} {n}" for racer in range(2) for n in range(100))
    assert sorted(one.text for one in found[1:]) == wanted, "every save that was accepted is there, once"
    assert bench.text == words(0), "the third's box is untouched"
    save_here(bench)
    bench.page.wait_for_selector(".wb-conflict")
    bench.page.focus(".wb-conflict")
    bench.press("1")
    bench.mine()
    save_here(bench)
    bench.saved()
    first.refresh_from_db()
    assert (first.text, first.revision) == (words(0), 202)


def test_a_lease_that_ran_out_is_no_loss(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = call(people, 3)
    bench = Bench(opens("annotator"), recording)
    first, second, _ = rows(recording)
    bench.at(first)
    mine(bench)
    bench.write(words(0))
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    go_on(bench)
    bench.at(second)
    bench.saved()
    first.refresh_from_db()
    assert first.text == words(0)


def test_a_lease_that_somebody_took_is_no_loss(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = call(people, 3)
    page = opens("annotator")
    # The holder's machine slept: the news that another has the row do not come.
    page.route("**/events/", lambda route: route.abort())
    bench = Bench(page, recording)
    first, second, _third = rows(recording)
    bench.at(first)
    mine(bench)
    bench.write(words(0))
    Lease.objects.filter(segment=first).delete()
    leases.acquire(user=people.reviewer, segment=first)
    go_on(bench)
    bench.at(second)
    page.wait_for_selector(f"#row-{first.pk} .conflict-flag")
    bench.shines("Conflict")  # it does not say Saved
    page.unroute("**/events/")
    page.reload()  # it outlives the page as well
    bench.ready()
    page.locator(f"#row-{first.pk}").click()
    bench.at(first)
    holds(bench, words(0))
    page.wait_for_selector(".wb-notices:has-text('reviewer is editing')")
    leases.release(user=people.reviewer, segment=first)
    bench.mine()
    holds(bench, words(0))
    page.focus("#text")
    go_on(bench)
    bench.at(second)
    bench.saved()
    first.refresh_from_db()
    assert (first.text, first.revision) == (words(0), 2)


def test_a_row_cut_by_another_keeps_what_was_typed(opens: Opens, people: Cast, media_root: Any) -> None:
    """Both halves are new rows: the text waits at the first of them, with a key for each choice."""
    recording = call(people, 2)
    page = opens("annotator")
    page.route("**/events/", lambda route: route.abort())
    bench = Bench(page, recording)
    first, second = rows(recording)
    bench.at(first)
    mine(bench)
    bench.write(words(0))
    Lease.objects.filter(segment=first).delete()
    shapes.split(user=people.reviewer, segment=first, at_ms=700, offset=6, grip=shapes.Grip(base_revision=1))
    go_on(bench)
    bench.at(second)
    left, right = rows(recording)[:2]
    page.wait_for_selector(f"#row-{left.pk} .conflict-flag")
    page.locator(f"#row-{left.pk}").click()
    page.wait_for_selector(".wb-conflict")
    holds(bench, words(0))
    bench.mine()
    page.focus(".wb-conflict")
    bench.press("1")
    save_here(bench)
    bench.saved()
    left.refresh_from_db()
    assert (left.text, left.state) == (words(0), "corrected")
    assert right.state == "draft"
