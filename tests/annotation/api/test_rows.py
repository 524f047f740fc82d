"""The slim rows of a recording: every order and filter, the same few queries."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.models import Assignment, Recording, Segment
from tests.annotation.api.calling import Caller
from tests.annotation.api.workbench import url
from tests.factories import make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def many(cast: Cast, recording: Recording) -> list[Segment]:
    states = ["draft", "corrected", "returned", "skipped", "refined"]
    return [
        make_segment(
            cast.project,
            recording=recording,
            start_ms=n * 100,
            end_ms=n * 100 + 90,
            text=f"Row {n} " + "x" * 100,
            revision=1,
            state=states[n % 5],
            source="draft",
            speaker="AB"[n % 2],
            risk=None if n % 7 == 0 else (n * 37 % 100) / 100,
            annotator=cast.annotator if n % 5 in (1, 2) else None,
        )
        for n in range(50)
    ]


def pages(caller: Caller, recording: Recording, query: str = "") -> list[Any]:
    found, cursor = [], ""
    while True:
        page = caller.get(f"/api/recordings/{recording.pk}/rows/?limit=7&{query}&cursor={cursor}").json
        found += page["rows"]
        if page["next"] is None:
            assert len(found) == page["matching"] or not page["rows"]
            return found
        cursor = page["next"]


def test_rows_come_by_time_with_their_place(
    annotator: Caller, recording: Recording, many: list[Segment]
) -> None:
    rows = pages(annotator, recording)
    assert [row["id"] for row in rows] == [str(s.pk) for s in many]
    assert [row["index"] for row in rows] == list(range(50))
    assert all(len(row["head"]) == 80 for row in rows)


def test_rows_come_worst_first_and_the_unknown_last(
    annotator: Caller, recording: Recording, many: list[Segment]
) -> None:
    risks = [-1 if row["risk"] is None else row["risk"] for row in pages(annotator, recording, "order=risk")]
    assert risks == sorted(risks, reverse=True)
    assert len(risks) == 50


@pytest.mark.parametrize(
    ("query", "keep"),
    [
        ("state=draft,refined", lambda s: s.state in ("draft", "refined")),
        ("risk_above=0.6", lambda s: s.risk is not None and s.risk >= 0.6),
        ("speaker=A", lambda s: s.speaker == "A"),
        ("mine=1", lambda s: s.annotator_id is not None),
        ("returned=1", lambda s: s.state == "returned"),
        ("search=ROW%201", lambda s: s.text.startswith("Row 1")),
        ("search=%25", lambda s: False),
        ("locked=1", lambda s: False),
        ("locked=0&state=skipped&speaker=B", lambda s: s.state == "skipped" and s.speaker == "B"),
    ],
)
def test_rows_can_be_narrowed_and_keep_their_place(
    annotator: Caller, recording: Recording, many: list[Segment], query: str, keep: Any
) -> None:
    rows = pages(annotator, recording, query)
    assert [(row["id"], row["index"]) for row in rows] == [
        (str(s.pk), n) for n, s in enumerate(many) if keep(s)
    ]


def test_what_was_returned_goes_to_whom_the_recording_was_given_since(
    annotator: Caller, reviewer: Caller, cast: Cast, recording: Recording, many: list[Segment]
) -> None:
    returned = [str(s.pk) for s in many if s.state == "returned"]
    assert pages(reviewer, recording, "returned=1") == []
    Assignment.objects.create(project=cast.project, recording=recording, assignee=cast.reviewer)
    assert pages(annotator, recording, "returned=1") == []
    assert [row["id"] for row in pages(reviewer, recording, "returned=1")] == returned
    assert pages(reviewer, recording, "returned=1&mine=1") == [], "who wrote them stays who wrote them"


def test_rows_say_who_holds_them_and_count_the_whole(
    annotator: Caller, reviewer: Caller, cast: Cast, recording: Recording, many: list[Segment]
) -> None:
    cast.reviewer.first_name = "Robin"
    cast.reviewer.save()
    reviewer.post(url(many[3], "lease/"), {"client": "tab-9"})
    path = f"/api/recordings/{recording.pk}/rows/?ids={many[3].pk},{many[4].pk}"
    rows = annotator.get(path).json["rows"]
    assert [row["index"] for row in rows] == [3, 4]
    lease = rows[0]["lease"]
    assert (lease["holder"], lease["name"], lease["mine"], lease["client"]) == (
        "reviewer",
        "Robin",
        False,
        None,
    )
    assert reviewer.get(path).json["rows"][0]["lease"]["client"] == "tab-9"
    facets = annotator.get(f"/api/recordings/{recording.pk}/rows/?state=draft&limit=1").json["facets"]
    assert facets == {
        "total": 50,
        "states": dict.fromkeys(["draft", "corrected", "returned", "skipped", "refined"], 10),
        "locked": 0,
        "speakers": ["A", "B"],
    }


def test_rows_that_are_as_before_are_not_sent_again(
    annotator: Caller, recording: Recording, many: list[Segment]
) -> None:
    path = f"/api/recordings/{recording.pk}/rows/"
    first = annotator.get(path)
    tag = {"If-None-Match": first.headers["ETag"]}
    same = annotator.get(path, headers=tag)
    assert (same.status, same.body) == (304, b"")
    annotator.patch(url(many[0]), {"text": "x", "base_revision": 1})
    assert annotator.get(path, headers=tag).status == 200


@pytest.mark.parametrize(
    "query",
    ["order=text", "state=nonsense", "limit=0", "limit=1001", "risk_above=2", "risk_above=nan", "cursor=abc",
     "cursor=W10", "ids=1;2", "ids=" + ",".join("1" * 201), "mine=2", "locked=x", "color=red", "search=%00"],
)  # fmt: skip
def test_what_rows_do_not_know_is_400(annotator: Caller, recording: Recording, query: str) -> None:
    answer = annotator.get(f"/api/recordings/{recording.pk}/rows/?{query}")
    assert (answer.status, answer.code) == (400, "invalid"), answer.body


def test_a_page_of_rows_costs_the_same_few_queries(
    annotator: Caller, recording: Recording, many: list[Segment]
) -> None:
    with CaptureQueriesContext(connection) as queries:
        annotator.get(f"/api/recordings/{recording.pk}/rows/")
    assert len(queries) <= 8, [q["sql"][:80] for q in queries]


# -- Settings, presence, progress, assignees ----------------------------------------------------------------


def test_drafts_of_reshaped_rows_are_found_by_the_same_few_queries(
    annotator: Caller, reviewer: Caller, many: list[Segment]
) -> None:
    def listed() -> tuple[int, list[Any]]:
        with CaptureQueriesContext(connection) as queries:
            found = annotator.get("/api/me/drafts/").json["results"]
        return len(queries), found

    counts = []
    for row in many[:3]:
        Segment.objects.filter(pk=row.pk).update(start_ms=row.start_ms + 10_000, end_ms=row.start_ms + 11_000)
        annotator.put(url(row, "draft/"), {"text": "typed", "base_revision": 1})
        at = row.start_ms + 10_500
        answer = reviewer.post(url(row, "split/"), {"at_ms": at, "offset": 3, "base_revision": 1})
        assert answer.status == 200, answer.json
        count, found = listed()
        counts.append(count)
        assert found[0]["into"]
    assert counts[0] == counts[-1]
