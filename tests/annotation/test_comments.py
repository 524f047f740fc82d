"""Comments, mentions and the guideline: who is reached, who may read, and what cannot get through."""

from __future__ import annotations

import re

import pytest
from django.db import IntegrityError, connection, transaction

from annotation.models import AuditEvent, Comment, Guideline, Membership, Mention, Project, Segment
from annotation.services import comments, guidelines
from tests.annotation.api.calling import Caller
from tests.factories import make_segment, make_user
from tests.personas import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def segment(cast: Cast) -> Segment:
    return make_segment(cast.project, state="draft", text="a", revision=1, source="draft")


def test_a_mention_reaches_its_member_until_it_is_read(cast: Cast, segment: Segment) -> None:
    author, reviewer = Caller(cast.annotator), Caller(cast.reviewer)
    address = f"/api/segments/{segment.pk}/comments/"
    made = author.post(address, {"text": "Is this Bosch, @reviewer? Ask dana@example.org, @manager."})
    assert made.status == 201, made.body
    assert {one.user for one in Mention.objects.all()} == {cast.reviewer, cast.manager}
    (found,) = reviewer.get("/api/me/mentions/?unread=1").json["results"]
    assert (found["comment"]["author"], found["comment"]["segment"]) == ("annotator", str(segment.pk))
    assert comments.unread_count(cast.reviewer) == 1
    assert reviewer.post("/api/me/mentions/", {"comments": [made.json["id"]]}).json == {"unread": 0}
    assert reviewer.get("/api/me/mentions/?unread=1").json["results"] == []
    assert len(reviewer.get("/api/me/mentions/").json["results"]) == 1
    assert comments.unread_count(cast.manager) == 1
    assert Caller(cast.annotator).get("/api/me/mentions/").json["results"] == []


@pytest.mark.parametrize("text", ["@outsider look", "@nobody", "hello @reviewerx", "", "   ", "x" * 4001])
def test_what_reaches_nobody_or_says_nothing_is_refused(cast: Cast, segment: Segment, text: str) -> None:
    answer = Caller(cast.annotator).post(f"/api/segments/{segment.pk}/comments/", {"text": text})
    assert answer.status == 400
    assert not Comment.objects.exists()


def test_a_name_may_end_a_sentence_and_hold_a_dot(cast: Cast, segment: Segment) -> None:
    dotted = make_user("dana.k")
    Membership.objects.create(project=cast.project, user=dotted, role="annotator")
    made = comments.say(user=cast.annotator, segment=segment, text="Ask @dana.k. Or @reviewer.")
    assert {one.user for one in made.mentions.all()} == {dotted, cast.reviewer}


def test_a_comment_is_resolved_and_opened_again(cast: Cast, segment: Segment) -> None:
    made = comments.say(user=cast.annotator, segment=segment, text="look")
    caller, address = Caller(cast.reviewer), f"/api/comments/{made.pk}/resolve/"
    assert caller.get(f"/api/segments/{segment.pk}/").json["comments"] == 1
    first = caller.post(address, {"resolved": True}).json
    assert first["resolved_by"] == "reviewer"
    assert caller.get(f"/api/segments/{segment.pk}/").json["comments"] == 0
    again = Caller(cast.manager).post(address, {"resolved": True}).json  # a second press changes nothing
    assert again["resolved_by"] == "reviewer"
    assert caller.post(address, {"resolved": False}).json["resolved_at"] is None
    told = AuditEvent.objects.filter(table_name="annotation_comment").values_list("action", "actor_name")
    assert [action for action, _ in told.order_by("id")] == ["insert", "update", "update"]
    with pytest.raises(IntegrityError, match="words"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE annotation_comment SET text = 'x'")


def test_what_is_said_of_a_row_that_is_read_blind_waits(cast: Cast, segment: Segment) -> None:
    Project.objects.filter(pk=cast.project.pk).update(double_percent=100)
    second = make_user("second")
    Membership.objects.create(project=cast.project, user=second, role="annotator")
    made = comments.say(user=cast.annotator, segment=segment, text="it says wombat, @second @reviewer")
    for user, seen in ((cast.annotator, 1), (second, 0), (cast.reviewer, 1)):
        assert comments.of_segment(user, segment).count() == seen
    assert comments.unread_count(second) == 0
    assert comments.unread_count(cast.reviewer) == 1
    assert Caller(second).post(f"/api/comments/{made.pk}/resolve/", {"resolved": True}).status == 404
    Project.objects.filter(pk=cast.project.pk).update(double_percent=0)
    assert comments.unread_count(second) == 1


def test_who_leaves_a_project_reads_its_comments_no_more(cast: Cast, segment: Segment) -> None:
    comments.say(user=cast.annotator, segment=segment, text="@reviewer look")
    Membership.objects.filter(user=cast.reviewer).delete()
    assert comments.unread_count(cast.reviewer) == 0
    assert Caller(cast.reviewer).get(f"/api/segments/{segment.pk}/comments/").status == 404


# -- The guideline ---------------------------------------------------------------------------------------


def test_every_version_is_kept_and_a_stale_one_refused(cast: Cast) -> None:
    address, lead = f"/api/projects/{cast.project.pk}/guideline/", Caller(cast.manager)
    assert lead.get(address).json["version"] == 0
    assert lead.put(address, {"text": "# One", "base_version": 0}).json["version"] == 1
    assert lead.put(address, {"text": "# One", "base_version": 1}).json["version"] == 1  # nothing changed
    assert lead.put(address, {"text": "# Two", "base_version": 1}).json["version"] == 2
    stale = lead.put(address, {"text": "# Mine", "base_version": 1})
    assert (stale.status, stale.code) == (409, "stale_revision")
    assert (stale.detail["theirs"], stale.detail["mine"]) == ("# Two", "# Mine")
    reader = Caller(cast.annotator)
    assert reader.get(address).json["html"] == "<h1>Two</h1>\n"
    assert reader.get(f"{address}?version=1").json["text"] == "# One"
    assert reader.get(f"{address}?version=9").status == 404
    assert [one["version"] for one in reader.get(f"{address}versions/").json["results"]] == [2, 1]
    assert Guideline.objects.count() == 2


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](http://example.org/track.png)",
        "<a href='javascript:alert(1)'>x</a>",
        "`<b>` <style>*{display:none}</style>",
        "<svg/onload=alert(1)>",
        '[x](http://example.org "onmouseover=alert(1)")',
    ],
)
def test_nothing_harmful_comes_out_of_markdown(text: str) -> None:
    tags = " ".join(re.findall(r"<[^>]*>", guidelines.rendered(text).lower()))
    for harmful in ("<script", "<img", "<style", "<svg", "javascript:", "data:", "onerror", "onload=", "<b"):
        assert harmful not in tags.replace("<blockquote", "").replace("<br", "")
