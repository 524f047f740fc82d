"""Cutting, joining and moving segments in the workbench; scripts, large recordings, the queue."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from annotation.models import Assignment, Lease, Recording, Revision, Segment
from annotation.services import assignments, segments, shapes
from annotation.services.shapes import Grip
from tests import waiting
from tests.e2e.audio import place_audio
from tests.e2e.bench import Bench, make_call, rows
from tests.e2e.conftest import Opens, Overtaken, until
from tests.factories import make_job, make_recording, move
from tests.personas import Cast

pytestmark = pytest.mark.browser


def spans(recording: Recording) -> list[tuple[int, int, str]]:
    return [(s.start_ms, s.end_ms, s.text) for s in rows(recording)]


def test_split_merge_and_back_again(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["one two three four", "five six"], each_ms=2000, long_ms=1600)
    before = spans(recording)
    first, _second = rows(recording)
    bench = Bench(opens("annotator"), recording)
    bench.at(first)
    bench.mine()
    page = bench.page
    page.evaluate("document.getElementById('text').setSelectionRange(8, 8)")
    bench.press("Control+Shift+Enter")
    until(page, "document.querySelectorAll('.wb-row').length === 3")
    assert spans(recording)[:2] == [(0, 800, "one two"), (800, 1600, "three four")]
    bench.at(rows(recording)[0])
    bench.mine()
    bench.press("Control+Shift+m")
    until(page, "document.querySelectorAll('.wb-row').length === 2")
    assert spans(recording)[0] == (0, 1600, "one two three four")
    bench.at(rows(recording)[0])
    bench.mine()
    bench.command("z")
    until(page, "document.querySelectorAll('.wb-row').length === 3")
    bench.command("z")
    until(page, "document.querySelectorAll('.wb-row').length === 2")
    assert spans(recording) == before
    assert Revision.objects.filter(segment__recording=recording).count() >= 2, "revisions are never deleted"


def test_undo_takes_back_a_cut_whose_answer_is_still_on_its_way(
    opens: Opens, people: Cast, media_root: Any
) -> None:
    recording = make_call(people, ["one two three four", "five six"], each_ms=2000, long_ms=1600)
    before = spans(recording)
    bench = Bench(opens("annotator"), recording)
    bench.at(rows(recording)[0])
    bench.mine()
    late = Overtaken(bench.page, re.compile(r"/split/$"))
    bench.page.evaluate("document.getElementById('text').setSelectionRange(8, 8)")
    bench.press("Control+Shift+Enter")
    late.wait()
    bench.command("z")
    late.let_go()
    bench.says("Undone")
    until(bench.page, "document.querySelectorAll('.wb-row').length === 2")
    assert spans(recording) == before


def test_a_late_answer_brings_no_row_back_that_was_cut(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["one two three four", "five six"], each_ms=2000, long_ms=1600)
    first, second = rows(recording)
    bench = Bench(opens("annotator"), recording)
    bench.at(first)
    page = bench.page
    page.wait_for_selector(".wb[data-live=live]")
    late = Overtaken(page, re.compile(r"/rows/\?ids="))
    segments.save_text(user=people.reviewer, segment=second, text="five or six", base_revision=1)
    late.wait()
    shapes.split(user=people.reviewer, segment=second, at_ms=2800, offset=7, grip=Grip(2))
    until(page, "document.querySelectorAll('.wb-row').length === 3")
    late.let_go()
    assert page.locator(".wb-row").count() == 3
    assert page.locator(f"#row-{second.pk}").count() == 0


def test_typed_text_goes_with_a_split(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["one two three four", "five six"], each_ms=2000, long_ms=1600)
    bench = Bench(opens("annotator"), recording)
    bench.at(rows(recording)[0])
    bench.mine()
    bench.write("one two THREE four")
    bench.page.evaluate("document.getElementById('text').setSelectionRange(8, 8)")
    bench.press("Control+Shift+Enter")
    until(bench.page, "document.querySelectorAll('.wb-row').length === 3")
    assert [text for _, _, text in spans(recording)] == ["one two", "THREE four", "five six"]


def test_edges_and_speaker(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["one two three four", "five six"], each_ms=2000, long_ms=1600)
    first = rows(recording)[0]
    bench = Bench(opens("annotator"), recording)
    bench.at(first)
    bench.mine()
    page = bench.page
    heard = (
        "performance.getEntriesByType('resource')"
        f".filter(one => one.name.includes('/segments/{first.pk}/audio?')).length"
    )
    until(page, f"{heard} === 1")
    bench.press("Alt+End")
    until(page, "document.querySelector('.wb-span').textContent.includes('0:01.7')")
    bench.says("Edges moved")
    first.refresh_from_db()
    assert (first.start_ms, first.end_ms) == (0, 1700)
    until(page, f"{heard} === 2")
    page.wait_for_timeout(300)  # and is drawn
    handle = page.locator(".wb-edge").nth(1).bounding_box()
    wave = page.locator(".wb-wave").bounding_box()
    assert handle
    assert wave
    middle = handle["x"] + handle["width"] / 2
    page.mouse.move(middle, handle["y"] + 30)
    page.mouse.down()
    page.mouse.move(middle - 60, handle["y"] + 30, steps=4)
    page.mouse.up()
    until(page, "!document.querySelector('.wb-span').textContent.includes('0:01.7')")
    waiting.until(lambda: 1200 < Segment.objects.get(pk=first.pk).end_ms < 1690)
    bench.saved()
    bench.press("Control+Shift+p")
    page.fill("#wb-ask-text", "Dana")
    bench.press("Enter")
    page.wait_for_selector(f"#row-{first.pk}:has-text('Dana'), .wb-facts:has-text('Dana')")
    first.refresh_from_db()
    assert first.speaker == "Dana"
    bench.command("z")
    until(page, "document.querySelector('.wb-facts')?.textContent.includes('Dana') === false")


def test_scripts_of_the_world(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["שלום עולם", "今日は雨", "مرحبا بالعالم"], each_ms=3000, long_ms=2600)
    people.project.language = ""
    people.project.save()
    bench = Bench(opens("annotator"), recording)
    first, second, third = rows(recording)
    page = bench.page
    for segment, direction, text in (
        (first, "rtl", "שלום עולם, 48 Euro"),
        (second, "ltr", "今日は雪が降る"),
        (third, "rtl", "مرحبا بالعالم [noise]"),
    ):
        bench.at(segment)
        bench.mine()
        bench.heard()
        look = "getComputedStyle(document.getElementById('text'))"
        assert page.evaluate(f"{look}.direction") == direction
        page.focus("#text")
        bench.press("Control+a")
        page.keyboard.insert_text(text)
        page.evaluate("document.getElementById('text').blur()")
        mirror = page.evaluate("getComputedStyle(document.querySelector('.wb-mirror')).direction")
        assert mirror == direction, "marks lie under the words they belong to"
        bench.press("Control+Enter", "Control+Enter")
        if segment != third:
            bench.at(rows(recording)[rows(recording).index(segment) + 1])
    bench.saved()
    texts = [s.text for s in rows(recording)]
    assert texts == ["שלום עולם, 48 Euro", "今日は雪が降る", "مرحبا بالعالم [noise]"]


def test_five_thousand_segments_open_at_once(opens: Opens, people: Cast, media_root: Any) -> None:
    hours = 10 * 3600 * 1000
    recording = make_recording(people.project, name="long.wav", duration_ms=hours)
    make_job(recording, state="completed")
    made = Segment.objects.bulk_create(
        Segment(
            project=people.project,
            recording=recording,
            start_ms=n * 7000,
            end_ms=n * 7000 + 6000,
            text=f"words of row {n}",
            revision=1,
            state="draft",
            source="draft",
            risk=n % 100 / 100,
        )
        for n in range(5000)
    )
    Revision.objects.bulk_create(
        Revision(segment=s, number=1, base=0, text=s.text, source="draft") for s in made
    )
    place_audio(recording.pk, seconds=8)
    page = opens("annotator")
    began = time.monotonic()
    page.goto(f"/recordings/{recording.pk}/work/")
    page.wait_for_selector(".wb-row.current")
    took = time.monotonic() - began
    until(page, "document.querySelector('.wb-total').textContent.startsWith('5,000')")
    print(f"\n5,000 segments: the first after {took:.2f} s, all after {time.monotonic() - began:.2f} s")
    assert page.locator(".wb-row").count() < 60
    page.fill("#wb-search", "row 4321")
    until(page, "document.querySelector('.wb-total').textContent.startsWith('1 ')")
    page.keyboard.press("Enter")
    Bench(page).at(made[4321])


def test_the_queue_serves_returned_work_then_the_worst_and_nobody_twice(
    opens: Opens, people: Cast, media_root: Any
) -> None:
    recording = make_call(people, ["yes one", "yes two", "yes three", "yes four"], long_ms=600)
    first, second, third, fourth = rows(recording)
    for segment, risk in ((first, 0.1), (second, 0.9), (third, 0.5), (fourth, 0.7)):
        Segment.objects.filter(pk=segment.pk).update(risk=risk)
    Segment.objects.filter(pk=first.pk).update(state="corrected", source="human", revision=2)
    Revision.objects.create(
        segment=first, number=2, base=1, text=first.text, source="human", author=people.annotator
    )
    move(first, "returned", by=people.reviewer)
    one = Bench(opens("annotator", f"/projects/{people.project.pk}/work/"))
    one.at(first)
    one.page.wait_for_selector(".wb-notices:has-text('Returned')")
    other = Bench(opens("reviewer", f"/projects/{people.project.pk}/work/"))
    until(other.page, "!!document.querySelector('.wb-row.current')")
    served = {other.current}
    one.mine()
    one.heard()
    one.press("Enter", "Enter")
    until(one.page, f"document.querySelector('.wb-row.current')?.dataset.segment !== '{first.pk}'")
    assert one.current not in served
    assert str(first.pk) not in served


def test_a_queue_without_a_row_for_somebody_says_where_the_rest_is(
    opens: Opens, people: Cast, media_root: Any
) -> None:
    recording = make_call(people, ["yes one", "yes two", "yes three"], long_ms=600)
    assignments.assign(user=people.manager, recording=recording, usernames=["reviewer"])
    Bench(opens("reviewer", f"/projects/{people.project.pk}/work/")).mine()
    waiting.until(lambda: Lease.objects.count() == 2, "the tab fetches one row ahead")
    page = opens("annotator", f"/projects/{people.project.pk}/work/")
    page.wait_for_selector("text=Nothing for you just now")
    assert page.locator(".wb-rest li").all_inner_texts() == [
        "0 of 3 done", "2 are being edited just now", "1 is meant for others",
    ]  # fmt: skip
    page.click("text=Look again")
    page.wait_for_selector("text=Nothing for you just now")
    Assignment.objects.all().delete()
    page.click("text=Look again")
    Bench(page).mine()
    assert not page.locator("text=Nothing for you just now").count()


PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</textarea><svg onload=alert(1)>",
    "{@html '<img src=x onerror=alert(1)>'}",
)


def test_payloads_in_every_field_run_nothing(opens: Opens, people: Cast, media_root: Any) -> None:
    """The fixture fails the test on any dialog, script error or refusal by the content policy."""
    people.project.name = PAYLOADS[0]
    people.project.glossary = list(PAYLOADS)
    people.project.save()
    recording = make_call(people, list(PAYLOADS), each_ms=4000, long_ms=3600, speaker=PAYLOADS[1])
    Recording.objects.filter(pk=recording.pk).update(name=f"{PAYLOADS[1]}.wav")
    bench = Bench(opens("annotator"), recording)
    for segment in rows(recording):
        bench.page.locator(f"#row-{segment.pk}").click()
        bench.at(segment)
        bench.mine()
        assert bench.text == segment.text
        bench.press("End")
        bench.page.keyboard.type(" again")
        bench.press("Control+s", "Control+s")
        bench.saved()
    page = bench.page
    page.locator(".wb-history summary", has_text="History").click()
    bench.command("p")
    page.wait_for_selector("dialog[open] .chip")
    assert page.locator("#workbench script, #workbench img, #workbench svg[onload], dialog img").count() == 0
