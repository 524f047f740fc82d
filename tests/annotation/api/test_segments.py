"""Segments over the API: what is shown, saved, held, finished, and how lists are paged."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from annotation.models import Hypothesis, Lease, Recording, Revision, Segment
from annotation.states import SegmentState
from tests.annotation.api.calling import Caller
from tests.factories import make_decoding, make_job, make_recording, make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db


def url(segment: Segment, tail: str = "") -> str:
    return f"/api/segments/{segment.pk}/{tail}"


def heard(segment: Segment, pass_name: str, text: str, **values: Any) -> Hypothesis:
    decoding = make_decoding(make_job(segment.recording), segment, pass_name=pass_name, state="done")
    return Hypothesis.objects.create(
        decoding=decoding,
        segment=segment,
        pass_name=pass_name,
        model=f"demo-{pass_name}",
        text=text,
        words=[[1000, 1500, text, 0.9]],
        **values,
    )


def test_a_segment_shows_everything_a_page_needs(annotator: Caller, cast: Cast, segment: Segment) -> None:
    heard(segment, "draft", "machine text", risk=0.25, risk_reasons=["low_probability"])
    row = annotator.get(url(segment)).json
    assert row["id"] == str(segment.pk)
    assert row["recording"] == str(segment.recording_id)
    assert (row["start_ms"], row["end_ms"], row["revision"]) == (1000, 3000, 1)
    assert row["text"] == "machine text"
    assert row["lease"] is None
    assert row["suggestion"] is None
    assert row["locked"] is False
    (hypothesis,) = row["hypotheses"]
    assert hypothesis["pass"] == "draft"
    assert hypothesis["model"] == "demo-draft"
    assert hypothesis["words"] == [[1000, 1500, "machine text", 0.9]]
    assert hypothesis["risk"] == 0.25


def test_lists_leave_the_words_out_unless_asked(annotator: Caller, segment: Segment) -> None:
    heard(segment, "draft", "machine text")
    slim = annotator.get("/api/segments/").json["results"][0]["hypotheses"][0]
    full = annotator.get("/api/segments/?words=1").json["results"][0]["hypotheses"][0]
    assert "words" not in slim
    assert full["words"]


def test_what_a_better_model_heard_after_a_person_wrote_is_a_suggestion(
    annotator: Caller, segment: Segment
) -> None:
    annotator.patch(url(segment), {"text": "by hand", "base_revision": 1})
    heard(segment, "refine", "heard better")
    row = annotator.get(url(segment)).json
    assert row["text"] == "by hand"
    assert row["suggestion"]["text"] == "heard better"


def test_what_became_text_is_no_suggestion_afterwards(annotator: Caller, segment: Segment) -> None:
    hypothesis = heard(segment, "refine", "heard better")
    Revision.objects.create(
        segment=segment,
        number=2,
        base=1,
        text="heard better",
        source="refine",
        created_at=hypothesis.created_at,
    )
    Segment.objects.filter(pk=segment.pk).update(
        text="heard better", revision=2, source="refine", state="refined"
    )
    annotator.patch(url(segment), {"text": "by hand", "base_revision": 2})
    assert annotator.get(url(segment)).json["suggestion"] is None


def test_a_save_answers_the_new_revision(annotator: Caller, segment: Segment) -> None:
    answer = annotator.patch(url(segment), {"text": "by hand", "base_revision": 1})
    assert answer.status == 200
    assert (answer.json["text"], answer.json["revision"], answer.json["state"]) == (
        "by hand",
        2,
        "corrected",
    )
    assert answer.json["source"] == "human"


def test_a_stale_save_is_409_with_both_texts(annotator: Caller, reviewer: Caller, segment: Segment) -> None:
    reviewer.patch(url(segment), {"text": "theirs", "base_revision": 1})
    answer = annotator.patch(url(segment), {"text": "mine", "base_revision": 1})
    assert (answer.status, answer.code) == (409, "stale_revision")
    detail = answer.detail
    assert (detail["mine"], detail["theirs"], detail["base"]) == ("mine", "theirs", "machine text")
    assert (detail["base_revision"], detail["revision"], detail["by"]) == (1, 2, "reviewer")
    assert detail["at"]


def test_a_save_repeated_after_a_lost_answer_is_the_same_save(annotator: Caller, segment: Segment) -> None:
    save = {"text": "by hand", "base_revision": 1, "operation_id": str(uuid.uuid4())}
    first = annotator.patch(url(segment), save)
    again = annotator.patch(url(segment), save)
    assert (again.status, again.json) == (first.status, first.json)
    assert Revision.objects.filter(segment=segment).count() == 2


def test_a_segment_that_another_holds_is_423_with_their_name(
    annotator: Caller, reviewer: Caller, segment: Segment
) -> None:
    held = reviewer.post(url(segment, "lease/"))
    assert held.status == 200
    assert held.json["holder"] == "reviewer"
    answer = annotator.patch(url(segment), {"text": "mine", "base_revision": 1})
    assert (answer.status, answer.code) == (423, "leased")
    assert answer.detail["holder"] == "reviewer"
    assert annotator.post(url(segment, "lease/")).status == 423
    assert annotator.get(url(segment)).json["lease"]["holder"] == "reviewer"
    saved = reviewer.patch(url(segment), {"text": "mine", "base_revision": 1, "lease": held.json["token"]})
    assert saved.status == 200


def test_a_lease_given_back_is_free_and_its_token_dead(
    annotator: Caller, reviewer: Caller, segment: Segment
) -> None:
    old = annotator.post(url(segment, "lease/")).json["token"]
    assert annotator.delete(url(segment, "lease/")).status == 204
    new = reviewer.post(url(segment, "lease/")).json["token"]
    assert int(new) > int(old)
    answer = annotator.patch(url(segment), {"text": "late", "base_revision": 1, "lease": old})
    assert (answer.status, answer.code) == (423, "leased")


def test_an_expired_lease_never_discards_text(annotator: Caller, segment: Segment) -> None:
    token = annotator.post(url(segment, "lease/")).json["token"]
    Lease.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    answer = annotator.patch(url(segment), {"text": "typed", "base_revision": 1, "lease": token})
    assert answer.status == 200


def test_a_locked_segment_is_423_until_unlocked_with_a_reason(
    annotator: Caller, reviewer: Caller, segment: Segment
) -> None:
    locked = annotator.post(url(segment, "lock/"), {"base_revision": 1})
    assert (locked.status, locked.json["locked"], locked.json["locked_by"]) == (200, True, "annotator")
    refused = reviewer.patch(url(segment), {"text": "x", "base_revision": 1})
    assert (refused.status, refused.code) == (423, "locked")
    assert refused.detail["locked_by"] == "annotator"
    assert reviewer.post(url(segment, "unlock/"), {"reason": "  "}).status == 400
    assert reviewer.post(url(segment, "unlock/"), {}).status == 400
    opened = reviewer.post(url(segment, "unlock/"), {"reason": "a name is misspelt"})
    assert (opened.status, opened.json["locked"]) == (200, False)
    assert reviewer.patch(url(segment), {"text": "x", "base_revision": 1}).status == 200


def test_locking_a_text_one_has_not_seen_is_refused(
    annotator: Caller, reviewer: Caller, segment: Segment
) -> None:
    reviewer.patch(url(segment), {"text": "theirs", "base_revision": 1})
    answer = annotator.post(url(segment, "lock/"), {"base_revision": 1})
    assert (answer.status, answer.code) == (409, "stale_revision")


def test_history_names_every_version(annotator: Caller, segment: Segment) -> None:
    annotator.patch(url(segment), {"text": "one", "base_revision": 1})
    annotator.patch(url(segment), {"text": "two", "base_revision": 2})
    rows = annotator.get(url(segment, "history/")).json["results"]
    assert [(r["number"], r["text"], r["source"], r["author"]) for r in rows] == [
        (3, "two", "human", "annotator"),
        (2, "one", "human", "annotator"),
        (1, "machine text", "draft", None),
    ]
    page = annotator.get(url(segment, "history/?page_size=2")).json
    assert [r["number"] for r in page["results"]] == [3, 2]
    assert [r["number"] for r in annotator.get(page["next"]).json["results"]] == [1]


@pytest.fixture
def many(cast: Cast, recording: Recording) -> list[Segment]:
    """Return 23 segments, with equal risks and some without one."""
    risks = [None if i % 5 == 0 else (i * 7 % 4) / 4 for i in range(23)]
    return [
        make_segment(cast.project, recording=recording, start_ms=i * 100, end_ms=i * 100 + 100, risk=risk)
        for i, risk in enumerate(risks)
    ]


@pytest.mark.parametrize("order", ["time", "risk"])
@pytest.mark.parametrize("size", [1, 4, 23, 50])
def test_pages_forth_and_back_show_every_row_once(
    annotator: Caller, many: list[Segment], order: str, size: int
) -> None:
    forth, page = [], annotator.get(f"/api/segments/?order={order}&page_size={size}").json
    assert page["previous"] is None
    pages = [page]
    while page["next"]:
        page = annotator.get(page["next"]).json
        pages.append(page)
    forth = [row["id"] for page in pages for row in page["results"]]
    by_risk = sorted(many, key=lambda s: (s.risk is None, -(s.risk or 0), s.pk))
    wanted = by_risk if order == "risk" else many
    assert forth == [str(s.pk) for s in wanted]
    back = list(page["results"])
    while page["previous"]:
        page = annotator.get(page["previous"]).json
        back = page["results"] + back
    assert [row["id"] for row in back] == forth


def test_a_row_that_rises_behind_the_reader_shifts_nothing(annotator: Caller, many: list[Segment]) -> None:
    first = annotator.get("/api/segments/?order=risk&page_size=10").json
    rest = [row["id"] for row in _all(annotator, first["next"])]
    Segment.objects.filter(pk=int(rest[-1])).update(risk=1.0)
    assert [row["id"] for row in _all(annotator, first["next"])] == rest[:-1]


def _all(caller: Caller, link: str) -> list[Any]:
    rows = []
    while link:
        page = caller.get(link).json
        rows += page["results"]
        link = page["next"]
    return rows


@pytest.mark.parametrize(
    "query",
    [
        "order=text",
        "order=created_by__password",
        "state=nonsense",
        "project=1e3",
        "project=-1",
        "project=99999999999999999999",
        "created_by__password__regex=.",
        "cursor=abc",
        "cursor=W10",
        "cursor=bnVsbA",
        "page_size=0",
        "page_size=501",
        "page_size=x",
        "search=%00",
        "words=2",
    ],
)
def test_what_a_list_does_not_know_is_400(annotator: Caller, segment: Segment, query: str) -> None:
    answer = annotator.get(f"/api/segments/?{query}")
    assert (answer.status, answer.code) == (400, "invalid"), answer.body


def test_lists_can_be_narrowed(annotator: Caller, cast: Cast, segment: Segment) -> None:
    other = make_segment(
        cast.project, recording=make_recording(cast.project), text="Whale song", state=SegmentState.CORRECTED
    )

    def found(query: str) -> set[str]:
        return {row["id"] for row in annotator.get(f"/api/segments/?{query}").json["results"]}

    assert found(f"project={cast.project.pk}") == {str(segment.pk), str(other.pk)}
    assert found(f"recording={segment.recording_id}") == {str(segment.pk)}
    assert found("state=corrected") == {str(other.pk)}
    assert found("search=wHALE") == {str(other.pk)}
    assert found("search=%25") == set()
    assert found("project=123456789") == set()
