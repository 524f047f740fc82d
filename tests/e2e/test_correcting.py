"""One recording in the browser: save, conflict, lock, live rows, and nothing typed is lost."""

from __future__ import annotations

import re
from typing import Any

import pytest

from annotation import progress
from annotation.models import Recording, Revision, Segment
from annotation.services import leases, segments
from tests.e2e.audio import place_audio
from tests.e2e.conftest import Opens, Overtaken, until
from tests.factories import make_job, make_recording, make_segment
from tests.personas import Cast

pytestmark = pytest.mark.browser


@pytest.fixture
def recording(people: Cast, media_root: Any) -> Recording:
    """Return a recording of eight seconds with four drafts and its audio."""
    made = make_recording(people.project, name="call.wav", duration_ms=8_000)
    make_job(made, state="completed")
    for number in range(4):
        make_segment(
            people.project,
            recording=made,
            start_ms=number * 2000,
            end_ms=number * 2000 + 1500,
            text=f"draft number {number}",
            revision=1,
            state="draft",
            source="draft",
        )
    place_audio(made.pk)
    return made


def address(recording: Recording) -> str:
    return f"/recordings/{recording.pk}/"


def rows(recording: Recording) -> list[Segment]:
    return list(Segment.objects.filter(recording=recording).order_by("start_ms"))


def box(page: Any, segment: Segment) -> Any:
    return page.locator(f"#s{segment.pk} textarea")


def note(page: Any, segment: Segment) -> Any:
    return page.locator(f"#s{segment.pk} .seg-note")


def wait_saved(page: Any) -> None:
    page.wait_for_selector("#save-light[data-state=saved]:has-text('Saved')")


def test_ctrl_enter_saves_and_plays_the_next_row(opens: Opens, people: Cast, recording: Recording) -> None:
    page = opens("annotator", address(recording))
    first, second, *_ = rows(recording)
    box(page, first).fill("corrected number 0")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(f"#s{second.pk}.playing")
    assert page.evaluate("document.activeElement.closest('li').id") == f"s{second.pk}"
    wait_saved(page)
    page.wait_for_selector(f"#s{first.pk}.corrected")
    first.refresh_from_db()
    assert (first.text, first.revision, first.state) == ("corrected number 0", 2, "corrected")
    page.keyboard.press("Control+Enter")  # untouched: the draft is accepted as it is
    page.wait_for_selector(f"#s{second.pk}.corrected")
    second.refresh_from_db()
    assert (second.text, second.state) == ("draft number 1", "corrected")


def test_the_overview_is_drawn_and_a_click_seeks(opens: Opens, people: Cast, recording: Recording) -> None:
    page = opens("annotator", address(recording))
    assert (page.locator("#waveform .wave").get_attribute("d") or "").count("L") > 100
    until(page, "document.getElementById('whole').readyState > 0")
    wave = page.locator("#waveform").bounding_box()
    assert wave is not None
    page.mouse.click(wave["x"] + wave["width"] * 0.5, wave["y"] + 20)
    until(page, "Math.abs(document.getElementById('whole').currentTime - 4) < 0.1")
    assert re.match(r"0:0[34]\.", page.inner_text("#now"))


def test_text_survives_a_reload_and_a_lost_network(opens: Opens, people: Cast, recording: Recording) -> None:
    page = opens("annotator", address(recording))
    first, second, *_ = rows(recording)
    box(page, first).fill("typed and not saved")
    until(page, "Object.keys(localStorage).some(key => key.startsWith('earmark.draft'))")
    page.reload()
    assert box(page, first).input_value() == "typed and not saved"
    assert "Restored from" in note(page, first).inner_text()
    page.context.set_offline(True)
    box(page, second).fill("typed without a network")
    page.keyboard.press("Control+s")
    page.wait_for_selector("#save-light[data-state=offline]")
    assert "1 kept here" in page.inner_text("#save-light")
    page.context.set_offline(False)
    page.wait_for_selector(f"#s{second.pk}.corrected")
    box(page, first).focus()
    page.keyboard.press("Control+s")
    page.wait_for_selector(f"#s{first.pk}.corrected")
    assert [s.text for s in rows(recording)[:2]] == ["typed and not saved", "typed without a network"]
    assert Revision.objects.filter(segment=second).count() == 2, "sent again is not saved twice"
    until(page, "!Object.keys(localStorage).some(key => key.startsWith('earmark.draft'))")


def test_two_people_on_one_row_see_each_other_and_lose_nothing(
    opens: Opens, people: Cast, recording: Recording
) -> None:
    first = rows(recording)[0]
    one, other = opens("annotator", address(recording)), opens("reviewer", address(recording))
    box(one, first).focus()
    other.wait_for_selector(f"#s{first.pk} .held:has-text('annotator')")
    box(other, first).fill("the reviewer's words")
    other.keyboard.press("Control+s")
    other.wait_for_selector(f"#s{first.pk} .seg-note:has-text('annotator is editing')")
    assert box(other, first).input_value() == "the reviewer's words"
    box(one, first).fill("the annotator's words")
    one.keyboard.press("Control+s")
    wait_saved(one)
    box(one, rows(recording)[3]).focus()  # gives the row back
    one.locator("h1").click()
    other.wait_for_selector(f"#s{first.pk}:not(:has(.held))")
    box(other, first).focus()
    other.keyboard.press("Control+s")
    panel = other.locator(f"#s{first.pk} .conflict")
    panel.wait_for()
    assert "the annotator's words" in panel.inner_text()
    assert panel.locator("ins").inner_text() == "reviewer's"
    other.get_by_role("button", name="Save mine").click()
    other.wait_for_selector(f"#s{first.pk}:not(:has(.conflict)):not(.dirty)")
    texts = Revision.objects.filter(segment=first).order_by("number").values_list("text", flat=True)
    assert list(texts) == ["draft number 0", "the annotator's words", "the reviewer's words"]


def test_rows_fill_in_live_but_never_over_what_is_typed(
    opens: Opens, people: Cast, recording: Recording
) -> None:
    page = opens("annotator", address(recording))
    first, second, third, _ = rows(recording)
    box(page, second).fill("half a sentence")
    page.wait_for_timeout(300)
    segments.save_text(user=people.manager, segment=first, text="from the manager", base_revision=1)
    until(page, f"document.querySelector('#s{first.pk} textarea').value === 'from the manager'")
    Segment.objects.filter(pk=second.pk).update(text="from elsewhere", revision=2)
    segments.announce(second)
    segments.lock(user=people.manager, segment=third)
    page.wait_for_selector(f"#s{third.pk}.locked")
    until(page, f"document.querySelector('#s{second.pk} .seg-note').textContent.includes('somebody else')")
    assert box(page, second).input_value() == "half a sentence"
    page.wait_for_selector("#recording-head :text('1 locked')")


def test_a_page_looks_again_once_it_is_told_that_it_missed_something(
    opens: Opens, people: Cast, recording: Recording
) -> None:
    page = opens("annotator", address(recording))
    first = rows(recording)[0]
    Segment.objects.filter(pk=first.pk).update(text="changed without a word", revision=2)
    progress.publish(people.project.pk, "events.missed", {})
    until(page, f"document.querySelector('#s{first.pk} textarea').value === 'changed without a word'")


def test_a_row_is_locked_and_unlocked_with_a_reason(opens: Opens, people: Cast, recording: Recording) -> None:
    first = rows(recording)[0]
    page = opens("reviewer", address(recording))
    box(page, first).fill("finished")
    page.locator(f"#s{first.pk}").get_by_role("button", name="Lock").click()
    page.wait_for_selector(f"#s{first.pk}.locked:not(:has(textarea))")
    assert box(page, first).count() == 0
    first.refresh_from_db()
    assert (first.text, first.locked) == ("finished", True)
    page.locator(f"#s{first.pk} .unlock summary").click()
    page.fill(f"#s{first.pk} input[name=reason]", "one more word")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#s{first.pk}:not(.locked)")
    first.refresh_from_db()
    assert (first.locked, first.unlock_reason) == (False, "one more word")


def test_a_late_answer_does_not_turn_a_row_back(opens: Opens, people: Cast, recording: Recording) -> None:
    first = rows(recording)[0]
    page = opens("reviewer", address(recording))
    late = Overtaken(page, re.compile(r"/recordings/\d+/rows/\?ids="))
    box(page, first).fill("finished")
    page.keyboard.press("Control+s")
    late.wait()
    page.locator(f"#s{first.pk}").get_by_role("button", name="Lock").click()
    page.wait_for_selector(f"#s{first.pk}.locked:not(:has(textarea))")
    late.let_go()
    assert page.locator(f"#s{first.pk}.locked").count() == 1
    assert box(page, first).count() == 0


def test_a_row_that_was_left_before_its_lease_came_is_given_back(
    opens: Opens, people: Cast, recording: Recording
) -> None:
    first = rows(recording)[0]
    page = opens("annotator", address(recording))
    late = Overtaken(page, re.compile(rf"/segments/{first.pk}/lease/"))
    box(page, first).focus()
    late.wait()
    assert first.pk in leases.live([first.pk])
    page.locator("h1").click()
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        late.let_go()
    assert leases.live([first.pk]) == {}


def test_without_scripts_the_same_page_works_by_forms(
    opens: Opens, people: Cast, recording: Recording
) -> None:
    page = opens("annotator", address(recording), java_script_enabled=False)
    first = rows(recording)[0]
    box(page, first).fill("by a plain form")
    page.locator(f"#s{first.pk} .save").click()
    page.wait_for_url(f"**{address(recording)}#s{first.pk}")
    assert box(page, first).input_value() == "by a plain form"
    assert page.locator("audio[controls]").is_visible()


def test_right_to_left_text_is_laid_out_so(opens: Opens, people: Cast, recording: Recording) -> None:
    first = rows(recording)[0]
    page = opens("annotator", address(recording))
    box(page, first).fill("שלום עולם, this is 48")
    page.keyboard.press("Control+s")
    wait_saved(page)
    assert box(page, first).evaluate("box => getComputedStyle(box).direction") == "rtl"
    first.refresh_from_db()
    assert first.text == "שלום עולם, this is 48"
