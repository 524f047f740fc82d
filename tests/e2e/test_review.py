"""Reviewing in a real browser: by keys alone, with two reviewers at it, and what leads set up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from django.db.models import Q
from django.utils import timezone

from annotation.models import Decision, GoldScore, Membership, Mention, Pair, Review, SecondCheck, Segment
from annotation.services import comments, gold, segments
from tests.e2e.bench import Bench, make_call, rows
from tests.e2e.conftest import Opens, until
from tests.factories import make_user
from tests.personas import PASSWORD, Cast

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

TEXTS = [
    "die rechnung von posch ist 84 euro",
    "and then we closed the ticket",
    "please hold the line",
    "he said he would call on friday",
    "the printer on the third floor is jammed again",
    "can you spell your last name please",
]


def picture(page: Page, name: str) -> None:
    """Keep pictures of the page, light and dark, wide and narrow, where PICTURES says, to be looked at."""
    folder = os.environ.get("PICTURES")
    if not folder:
        return
    looks: tuple[tuple[Literal["light", "dark"], int], ...] = (("light", 1280), ("dark", 820))
    for scheme, width in looks:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 860})
        page.wait_for_timeout(150)
        page.screenshot(path=Path(folder) / f"{name}-{scheme}.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 860})


def decided(people: Cast, *texts: str) -> list[Segment]:
    """Let the annotator decide about rows of a call, all of them drawn for the second check."""
    people.project.review_percent = 100
    people.project.save()
    made = rows(make_call(people, TEXTS, each_ms=2_000, long_ms=1_500))
    for row, text in zip(made, texts, strict=False):
        fresh = Segment.objects.select_related("project", "recording").get(pk=row.pk)
        segments.save_text(user=people.annotator, segment=fresh, text=text, base_revision=1)
    return made


def on(page: Page, text: str) -> None:
    page.wait_for_selector(f".rv-large:has-text('{text}')")


def test_a_reviewer_accepts_returns_and_fixes_by_keys_alone(people: Cast, opens: Opens) -> None:
    first, second, third, *_ = decided(
        people, "die Rechnung von Bosch ist 48 Euro", "and then we closed the ticket", "please hold the lime"
    )
    page = opens("reviewer", f"/projects/{people.project.pk}/review/")
    picture(page, "overview")
    page.click("text=Start reviewing")
    on(page, "Bosch")
    page.wait_for_selector("del:has-text('posch')")
    until(
        page,
        "Number(document.querySelector('.rv-sound .figure:nth-of-type(2)').textContent.split(' ')[0]) > 50",
    )
    picture(page, "desk")
    page.keyboard.press("a")
    on(page, "closed the ticket")
    page.keyboard.press("r")
    page.keyboard.press("2")
    page.keyboard.type("the ticket number")
    picture(page, "desk-return")
    page.keyboard.press("Enter")
    on(page, "hold the lime")
    page.keyboard.press("f")
    page.keyboard.press("Control+a")
    page.keyboard.type("please hold the line")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=All done here")
    assert {(r.segment_id, r.verdict, r.reason_code, r.comment) for r in Review.objects.all()} == {
        (first.pk, "accept", "", ""),
        (second.pk, "return", "missing", "the ticket number"),
        (third.pk, "fix", "", ""),
    }
    heard = Review.objects.get(segment=first)
    assert heard.heard_share and heard.heard_share > 0.4
    assert heard.active_ms is not None
    third.refresh_from_db()
    assert (third.state, third.text) == ("accepted", "please hold the line")
    # The annotator's next row is what came back, with the reason.
    bench = Bench(opens("annotator", f"/projects/{people.project.pk}/work/"))
    bench.at(second)
    bench.page.wait_for_selector(".wb-notices:has-text('the ticket number')")
    picture(bench.page, "returned")


def test_two_reviewers_are_given_different_rows(people: Cast, opens: Opens) -> None:
    decided(people, "one", "two", "three", "four")
    address = f"/projects/{people.project.pk}/review/review/"
    one = opens("reviewer", address)
    on(one, "one")
    clips = "performance.getEntriesByType('resource').filter(e => e.name.includes('/audio?'))"
    until(one, f"{clips}.length > 1")
    other = opens("manager", address)
    on(other, "three")
    until(other, f"{clips}.length > 1")
    # Each has the next one at hand already.
    for page, texts in ((one, ("one", "two")), (other, ("three", "four"))):
        for text in texts:
            on(page, text)
            page.keyboard.press("a")
        page.wait_for_selector("text=All done here")
    assert dict(Review.objects.values_list("segment__text", "reviewer__username")) == {
        "one": "reviewer", "two": "reviewer", "three": "manager", "four": "manager",
    }  # fmt: skip
    assert SecondCheck.objects.filter(done_at=None).count() == 0


def test_a_dispute_is_settled_and_gold_is_written(people: Cast, opens: Opens) -> None:
    people.project.double_percent = 100
    people.project.save()
    second = make_user("second", password=PASSWORD)
    Membership.objects.create(project=people.project, user=second, role="annotator")
    made = rows(make_call(people, TEXTS[:4], each_ms=2_000, long_ms=1_500))
    for row, texts in zip(
        made[:2], (("he came on friday", "she went by train"), ("a b c d", "w x y z")), strict=True
    ):
        for user, text in zip((people.annotator, second), texts, strict=True):
            fresh = Segment.objects.select_related("project", "recording").get(pk=row.pk)
            segments.save_text(user=user, segment=fresh, text=text, base_revision=1)
    alone = Segment.objects.select_related("project", "recording").get(pk=made[2].pk)
    segments.save_text(user=people.annotator, segment=alone, text="only one came", base_revision=1)
    Membership.objects.filter(user=second).update(paused_at=timezone.now())
    page = opens("reviewer", f"/projects/{people.project.pk}/review/disputes/")
    on(page, "he came on friday")
    picture(page, "dispute")
    page.keyboard.press("2")
    on(page, "a b c d")
    page.keyboard.press("e")
    page.keyboard.press("Control+a")
    page.keyboard.type("neither of them")
    page.keyboard.press("Enter")
    on(page, "only one came")
    picture(page, "alone")
    page.keyboard.press("1")
    page.wait_for_selector("text=All done here")
    assert set(Pair.objects.values_list("state", "choice")) == {
        ("settled", "second"), ("settled", "third"), ("settled", "first"),
    }  # fmt: skip
    assert [Segment.objects.get(pk=row.pk).text for row in made[:3]] == [
        "she went by train",
        "neither of them",
        "only one came",
    ]
    told = Decision.objects.filter(author=people.reviewer)
    assert told.count() == 3
    assert not told.filter(Q(heard_share=None) | Q(active_ms=None)).exists()
    page.goto(f"/projects/{people.project.pk}/review/gold/")
    page.wait_for_selector("#rv-gold")
    picture(page, "gold")
    page.fill("#rv-gold", "hold the line please")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=All done here")
    assert made[3].gold.text == "hold the line please"


def test_comments_members_and_guideline(people: Cast, opens: Opens) -> None:
    made = rows(make_call(people, TEXTS, each_ms=2_000, long_ms=1_500))
    gold.make_gold(user=people.reviewer, segment=made[0], text=TEXTS[0])
    segments.save_text(user=people.annotator, segment=made[0], text=TEXTS[0], base_revision=1)
    assert GoldScore.objects.get().passed
    bench = Bench(opens("annotator"), made[0].recording, segment=made[1].pk)
    bench.page.click("summary:has-text('Comments')")
    bench.page.click("#wb-comment")
    bench.page.keyboard.type("is this a name, @rev")
    bench.page.wait_for_selector(".wb-terms button:has-text('reviewer')")
    bench.page.keyboard.press("Enter")
    bench.page.keyboard.type("?")
    bench.page.keyboard.press("Enter")
    bench.page.wait_for_selector(".wb-said:has-text('is this a name, @reviewer ?')")
    picture(bench.page, "comments")
    assert Mention.objects.get().user == people.reviewer
    mentioned = Mention.objects.get().comment
    comments.say(user=people.reviewer, segment=mentioned.segment, text="yes: Anna, with two n")
    bench.page.wait_for_selector(".wb-said:has-text('yes: Anna, with two n')")  # without a refresh
    bench.page.wait_for_selector("summary:has-text('Comments 2')")
    page = opens("reviewer", "/mentions/")
    page.wait_for_selector("[aria-label='1 unread mention']")
    picture(page, "mentions")
    page.goto(f"/recordings/{made[1].recording_id}/work/?segment={made[1].pk}")
    page.click("summary:has-text('Comments')")
    page.click("button:has-text('Resolve') >> nth=0")
    page.wait_for_selector("summary:has-text('Resolved 1')")
    page.click("button:has-text('Resolve') >> nth=0")
    page.wait_for_selector(".wb-said:has-text('Nothing is open.')")
    page.goto("/")
    assert not page.query_selector("[aria-label='1 unread mention']")
    page.goto(f"/projects/{people.project.pk}/people/")
    page.select_option("#id_assignee", "annotator")
    page.fill("#id_segments", "3")
    page.click("text=Give >> nth=-1")
    page.wait_for_selector("td:has-text('3 segments')")
    picture(page, "people")
    lead = opens("manager", f"/projects/{people.project.pk}/guideline/?edit=1")
    lead.fill(
        "#id_text", "# Numbers\n\n- as **digits**\n\n<script>alert(1)</script> [x](javascript:alert(1))"
    )
    lead.click("text=Save as a new version")
    lead.wait_for_selector(".rv-prose strong:has-text('digits')")
    assert lead.locator(".rv-prose script, .rv-prose a[href^=javascript]").count() == 0
    picture(lead, "guideline")
    lead.goto(f"/projects/{people.project.pk}/review/")
    picture(lead, "overview-manager")
