"""Finding, replacing and choosing many on the pages, in a real browser and without scripts."""

from __future__ import annotations

import pytest

from annotation.models import Project, Recording, Segment
from annotation.services import segments
from annotation.states import SegmentState
from tests.annotation.api.conftest import write_files
from tests.e2e.conftest import Opens, until
from tests.factories import make_recording, make_segment
from tests.personas import Cast

pytestmark = pytest.mark.browser


@pytest.fixture
def filled(people: Cast) -> Cast:
    for name in ("call_0193.mp3", "call_0194.wav"):
        recording = make_recording(people.project, name=name)
        write_files(recording)
        for n, text in enumerate(("the posch drill", "<b>posch</b> & co", "ข้าวผัด", "nothing else")):
            make_segment(
                people.project, recording=recording, start_ms=n * 2000, text=text, revision=1, source="draft",
                state=SegmentState.DRAFT,
            )  # fmt: skip
    return people


def test_the_box_is_one_key_away_and_hits_play(opens: Opens, filled: Cast) -> None:
    page = opens("annotator", f"/projects/{filled.project.pk}/")
    page.keyboard.press("/")
    until(page, "document.activeElement.id === 'find'")
    page.keyboard.type("posch")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/**")
    assert page.locator(".hit").count() == 4
    assert page.locator(".hit mark").first.inner_text() == "posch"
    assert page.locator(".hit .text").nth(1).inner_text() == "<b>posch</b> & co"
    page.locator("[data-play]").first.click()
    until(page, "document.querySelector('.playing') !== null")
    until(page, "document.querySelector('.playing') === null")
    page.locator("h1").click()
    page.keyboard.press("Control+k")
    until(page, "document.activeElement.id === 'find'")
    page.keyboard.type("ข้าว")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?q=%E0*")
    assert page.locator(".hit").count() == 2
    page.locator(".hit-facts a").first.click()
    page.wait_for_url("**/work/?segment=*")
    page.goto("/search/?q=colour:red")
    assert "is no filter" in page.locator("[role=alert]").inner_text()


def test_replacing_shows_the_rows_first_and_is_taken_back(opens: Opens, filled: Cast) -> None:
    page = opens("reviewer", f"/projects/{filled.project.pk}/search/?q=posch")
    page.get_by_role("link", name="Replace…").click()
    page.fill("#put-text", "Bosch")
    page.get_by_role("button", name="Show the rows").click()
    page.wait_for_selector(".hit ins")
    assert page.locator(".hit ins").all_inner_texts()[0] == "Bosch"
    assert Segment.objects.filter(text__contains="Bosch").count() == 0
    page.get_by_role("button", name="Replace in 4 rows").click()
    assert "4 rows changed" in page.locator(".notes").inner_text()
    assert Segment.objects.filter(text__contains="Bosch").count() == 4
    row = Segment.objects.filter(text="the Bosch drill").first()
    assert row is not None
    segments.save_text(user=filled.annotator, segment=row, text="mine since", base_revision=row.revision)
    page.get_by_role("button", name="Take back").click()
    assert "3 rows have their former text" in page.locator(".notes").inner_text()
    assert Segment.objects.filter(text__contains="posch").count() == 3
    assert "changed since" in page.locator("tbody").inner_text()


def test_many_are_chosen_thrown_away_and_brought_back_without_scripts(opens: Opens, filled: Cast) -> None:
    page = opens("manager", f"/projects/{filled.project.pk}/", java_script_enabled=False)
    for box in page.locator("input[name=recording]").all():
        box.check()
    page.select_option("select[name=assignee]", "annotator")
    page.get_by_role("button", name="Assign").click()
    assert "assigned to annotator" in page.locator(".notes").inner_text()
    page.locator("input[name=recording]").first.check()
    page.get_by_role("button", name="Move to trash").click()
    page.get_by_role("link", name="1 in the trash").wait_for()
    assert page.locator("tbody tr[data-recording]").count() == 1
    assert Recording.objects.filter(trashed_at__isnull=False).count() == 1
    page.get_by_role("link", name="1 in the trash").click()
    page.locator("input[name=recording]").check()
    page.get_by_role("button", name="Restore").click()
    assert "The trash is empty" in page.locator("main").inner_text()
    assert not Recording.objects.filter(trashed_at__isnull=False).exists()


def test_the_glossary_is_kept_on_its_page_and_the_bar_counts(opens: Opens, filled: Cast) -> None:
    page = opens("manager", f"/projects/{filled.project.pk}/glossary/")
    page.fill("#new-text", "Bosch")
    page.fill("#new-variants", "posch, boss")
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_selector(".chip")
    assert page.locator(".chip").all_inner_texts() == ["posch", "boss"]
    assert Project.objects.get(pk=filled.project.pk).glossary == ["Bosch"]
    page.get_by_role("button", name="Transcribe again").click()
    assert "hears 8 untouched rows of 2 recordings again" in page.locator(".notes").inner_text()
    page.locator("summary", has_text="Change").click()
    page.get_by_role("button", name="Remove").click()
    assert "No terms yet" in page.locator("main").inner_text()
    page.goto(f"/projects/{filled.project.pk}/")
    assert not page.get_by_role("button", name="Move to trash").is_visible()
    page.check("#choose-all")
    until(page, "document.querySelector('[data-count]').textContent === '2 recordings chosen'")
    page.get_by_role("button", name="Set order").click()
    assert "the order of what waits is changed" in page.locator(".notes").inner_text()
    page.goto(f"/projects/{filled.project.pk}/search/?q=posch")
    page.locator("input[name=segment]").first.check()
    until(page, "document.querySelector('[data-count]').textContent === '1 hit chosen'")
    page.get_by_label("All that is found").check()
    until(page, "document.querySelector('[data-count]').textContent === 'All that is found is chosen'")
    page.get_by_role("button", name="Transcribe again").click()
    assert "4 segments are heard again" in page.locator(".notes").inner_text()
