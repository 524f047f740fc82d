"""Decisions, drafts and undo of the review workbench, over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.models import (
    AuditEvent,
    Decision,
    Draft,
    Recording,
    Revision,
    Segment,
    Term,
)
from annotation.services import exports
from tests.annotation.api.calling import Caller
from tests.annotation.api.workbench import hear, url
from tests.factories import make_segment, move
from tests.personas import Cast

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("sent", "state", "text", "source"),
    [
        ({"text": "by hand"}, "corrected", "by hand", "human"),
        ({"decision": "accept"}, "corrected", "machine text", "human"),
        ({"decision": "skip", "reason": "music"}, "skipped", "machine text", "draft"),
        ({"decision": "skip", "reason": "music", "text": "la"}, "skipped", "la", "human"),
        ({"decision": "unintelligible"}, "corrected", "[unintelligible]", "human"),
        (
            {"decision": "unintelligible", "text": "so [unintelligible]"},
            "corrected",
            "so [unintelligible]",
            "human",
        ),
    ],
)
def test_each_decision_leaves_its_state_and_its_evidence(
    annotator: Caller, segment: Segment, sent: dict[str, Any], state: str, text: str, source: str
) -> None:
    evidence = {"heard_share": 0.5, "active_ms": 4200, "overrode": ["not_heard"]}
    answer = annotator.patch(url(segment), {"base_revision": 1, **sent, **evidence})
    assert answer.status == 200, answer.body
    row = answer.json
    assert (row["state"], row["text"], row["source"], row["revision"]) == (state, text, source, 2)
    assert (row["annotator"], row["decision"]["by"]) == ("annotator", "annotator")
    decision = Decision.objects.get()
    assert decision.kind == sent.get("decision", "save")
    assert (decision.heard_share, decision.active_ms, decision.overrode) == (0.5, 4200, ["not_heard"])
    assert "not_heard" in decision.checks
    assert decision.audio_ms == 2000
    again = annotator.get(url(segment)).json
    assert {key: again[key] for key in ("state", "text", "source", "revision", "annotator")} == {
        key: row[key] for key in ("state", "text", "source", "revision", "annotator")
    }


def test_saving_the_machines_text_as_it_is_accepts_it(annotator: Caller, segment: Segment) -> None:
    answer = annotator.patch(url(segment), {"base_revision": 1, "text": "machine text"})
    assert answer.json["decision"]["kind"] == "accept"


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"decision": "skip"},
        {"decision": "skip", "reason": "  "},
        {"decision": "accept", "text": "other"},
        {"decision": "split", "text": "x"},
        {"text": "x", "heard_share": 1.5},
        {"text": "x", "heard_share": -1},
        {"text": "x", "active_ms": -1},
        {"text": "x", "overrode": ["nonsense"]},
        {"text": "x", "overrode": "not_heard"},
        {"text": "x", "client": "<b>"},
        {"text": "x", "operation_id": "7"},
    ],
    ids=str,
)
def test_a_decision_that_makes_no_sense_is_400_and_changes_nothing(
    annotator: Caller, segment: Segment, sent: dict[str, Any]
) -> None:
    before = Segment.objects.values().get(pk=segment.pk)
    # The id of a tab matters where a lease is asked for; a save takes none.
    if "client" in sent:
        answer = annotator.post(url(segment, "lease/"), {"client": sent["client"]})
    else:
        answer = annotator.patch(url(segment), {"base_revision": 1, **sent})
    assert (answer.status, answer.code) == (400, "invalid"), answer.body
    assert Segment.objects.values().get(pk=segment.pk) == before
    assert not Decision.objects.exists()


def test_an_act_sent_twice_is_done_once_whatever_it_is(annotator: Caller, segment: Segment) -> None:
    body = {"base_revision": 1, "decision": "skip", "reason": "music", "operation_id": str(uuid.uuid4())}
    first, again = (annotator.patch(url(segment), body) for _ in range(2))
    assert (first.status, again.status) == (200, 200)
    assert first.json["decision"]["id"] == again.json["decision"]["id"]
    assert again.json["revision"] == 2
    assert Decision.objects.count() == 1


def test_the_lease_goes_back_with_the_save_when_asked(
    annotator: Caller, reviewer: Caller, segment: Segment
) -> None:
    held = annotator.post(url(segment, "lease/"), {"client": "tab-1"}).json
    body = {"base_revision": 1, "text": "x", "lease": held["token"], "release": True}
    assert annotator.patch(url(segment), body).json["lease"] is None
    assert reviewer.post(url(segment, "lease/")).status == 200


def test_what_a_sheet_said_of_a_row_is_shown_with_it(annotator: Caller, segment: Segment) -> None:
    said = {"Customer No": "007", "שם": "=1+1"}
    Segment.objects.filter(pk=segment.pk).update(metadata=said)
    assert annotator.get(url(segment)).json["metadata"] == said


def test_a_save_reads_its_segment_once(annotator: Caller, segment: Segment) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert annotator.patch(url(segment), {"base_revision": 1, "text": "x"}).status == 200
    reads = [
        q["sql"] for q in queries if 'FROM "annotation_segment"' in q["sql"] and q["sql"].startswith("SELECT")
    ]
    assert len(reads) == 1, reads


# -- Checks -------------------------------------------------------------------------------------------------


def test_checks_come_with_the_detail_the_draft_the_save_and_alone(
    annotator: Caller, segment: Segment
) -> None:
    hear(segment, "it costs 84 euros")
    text = "it costs 48 euros [noise"

    def codes(answer: Any) -> list[str]:
        return [one["code"] for one in answer.json["checks"]]

    expected = ["number_changed", "tag_unbalanced"]
    assert codes(annotator.post(url(segment, "checks/"), {"text": text})) == expected
    assert codes(annotator.put(url(segment, "draft/"), {"text": text, "base_revision": 1})) == expected
    assert codes(annotator.patch(url(segment), {"text": text, "base_revision": 1})) == expected
    assert codes(annotator.get(url(segment))) == expected
    assert Decision.objects.get().checks == expected


def test_a_row_comes_with_the_terms_of_its_language_and_their_spelling(
    cast: Cast, annotator: Caller, segment: Segment
) -> None:
    cast.project.glossary = ["Kubernetes", "Bosch", "Straße", "router", "json"]
    cast.project.save(update_fields=["glossary"])
    known = Term.objects.filter(project=cast.project)
    known.filter(text="Kubernetes").update(variants=["cooper netties"])
    known.filter(text="Straße").update(language="de", variants=["Strasse"])
    known.filter(text="router").update(case_rule="initial")
    known.filter(text="json").update(case_rule="any")
    shown = annotator.get(url(segment)).json
    assert shown["glossary"] == ["Kubernetes", "Bosch", "router", "json"]
    assert shown["spelling"] == {
        "variants": [{"heard": "cooper netties", "term": "Kubernetes"}],
        "initial": ["router"],
        "any_case": ["json"],
    }


# -- Drafts -------------------------------------------------------------------------------------------------


def test_a_draft_is_its_authors_alone(
    annotator: Caller, reviewer: Caller, cast: Cast, segment: Segment
) -> None:
    kept = annotator.put(url(segment, "draft/"), {"text": " secret words ", "base_revision": 1})
    assert kept.status == 200
    assert (kept.json["text"], kept.json["stale"]) == (" secret words ", False)
    assert annotator.get(url(segment)).json["draft"]["text"] == " secret words "
    for path in (url(segment), "/api/segments/?words=1", f"/api/recordings/{segment.recording_id}/rows/",
                 "/api/me/drafts/", url(segment, "history/")):  # fmt: skip
        assert b"secret words" not in reviewer.get(path).body, path
    for form in exports.FORMATS:
        assert b"secret words" not in b"".join(exports.export(cast.project, form))
    assert not AuditEvent.objects.filter(table_name="annotation_draft").exists()
    listed = annotator.get("/api/me/drafts/").json["results"]
    assert [(d["segment"], d["text"]) for d in listed] == [(str(segment.pk), " secret words ")]


def test_a_draft_is_kept_whoever_holds_the_row_and_says_when_it_is_stale(
    annotator: Caller, reviewer: Caller, segment: Segment
) -> None:
    reviewer.post(url(segment, "lease/"))
    reviewer.patch(url(segment), {"text": "theirs", "base_revision": 1})
    reviewer.post(url(segment, "lock/"))
    kept = annotator.put(url(segment, "draft/"), {"text": "mine", "base_revision": 1})
    assert (kept.status, kept.json["stale"], kept.json["revision"]) == (200, True, 2)


def test_a_save_takes_its_draft_away_and_nobody_elses(
    annotator: Caller, reviewer: Caller, segment: Segment
) -> None:
    for caller in (annotator, reviewer):
        caller.put(url(segment, "draft/"), {"text": "typed", "base_revision": 1})
    annotator.patch(url(segment), {"text": "typed", "base_revision": 1})
    assert [d.author.username for d in Draft.objects.all()] == ["reviewer"]
    assert reviewer.delete(url(segment, "draft/")).status == 204
    assert reviewer.delete(url(segment, "draft/")).status == 204
    assert reviewer.get(url(segment)).json["draft"] is None


# -- Undo ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent", [{"text": "x"}, {"decision": "skip", "reason": "y"}, {"decision": "accept"}], ids=str
)
@pytest.mark.parametrize("state", ["draft", "refined", "returned", "pending"])
def test_undo_puts_text_and_state_back_and_keeps_history(
    annotator: Caller, cast: Cast, recording: Recording, sent: dict[str, Any], state: str
) -> None:
    heard = {} if state == "pending" else {"text": "machine", "revision": 1, "source": "draft"}
    segment = make_segment(cast.project, recording=recording, state=state, **heard)
    if state == "returned":
        move(segment, state, by=cast.reviewer)
        Segment.objects.filter(pk=segment.pk).update(return_reason="listen again")
    fields = ("text", "state", "source", "annotator_id", "return_reason", "start_ms", "end_ms", "speaker")
    before = Segment.objects.values(*fields).get(pk=segment.pk)
    assert annotator.patch(url(segment), {"base_revision": segment.revision, **sent}).status == 200
    answer = annotator.post(url(segment, "undo/"))
    assert answer.status == 200, answer.body
    assert answer.json["undone"]["undone"] is True
    assert Segment.objects.values(*fields).get(pk=segment.pk) == before
    numbers = list(
        Revision.objects.filter(segment=segment).order_by("number").values_list("number", flat=True)
    )
    assert numbers == list(range(1, segment.revision + 3))
    assert annotator.post(url(segment, "undo/")).code == "nothing_to_undo"


def test_undo_goes_back_step_by_step(annotator: Caller, segment: Segment) -> None:
    for number in range(3):
        annotator.patch(url(segment), {"base_revision": number + 1, "text": f"text {number}"})
    texts = []
    for _ in range(3):
        answer = annotator.post(url(segment, "undo/"))
        texts.append(answer.json["segments"][0]["text"] if answer.status == 200 else answer.code)
    # The second undo finds the row where the first left it: that counts as unchanged.
    assert texts == ["text 1", "text 0", "machine text"]


def test_undo_is_refused_once_somebody_was_there(
    annotator: Caller, reviewer: Caller, segment: Segment
) -> None:
    annotator.patch(url(segment), {"base_revision": 1, "text": "mine"})
    assert reviewer.post(url(segment, "undo/")).code == "nothing_to_undo"
    reviewer.patch(url(segment), {"base_revision": 2, "text": "theirs"})
    refused = annotator.post(url(segment, "undo/"))
    assert (refused.status, refused.code, refused.detail["by"]) == (409, "changed", "reviewer")
    assert Segment.objects.get(pk=segment.pk).text == "theirs"


def test_undo_respects_locks_and_leases(annotator: Caller, reviewer: Caller, segment: Segment) -> None:
    annotator.patch(url(segment), {"base_revision": 1, "text": "mine"})
    reviewer.post(url(segment, "lease/"))
    assert annotator.post(url(segment, "undo/")).code == "leased"
    reviewer.delete(url(segment, "lease/"))
    reviewer.post(url(segment, "lock/"))
    assert annotator.post(url(segment, "undo/")).code == "locked"


def test_only_the_last_twenty_decisions_can_be_undone(
    annotator: Caller, cast: Cast, recording: Recording
) -> None:
    rows = [
        make_segment(
            cast.project, recording=recording, start_ms=n * 1000, text="a", revision=1, state="draft"
        )
        for n in range(21)
    ]
    for row in rows:
        annotator.patch(url(row), {"base_revision": 1, "decision": "accept"})
    assert annotator.post(url(rows[0], "undo/")).code == "too_old"
    listed = annotator.get(f"/api/me/decisions/?project={cast.project.pk}").json["results"]
    assert [d["segment"] for d in listed] == [str(row.pk) for row in reversed(rows[1:])]
    assert all(d["undoable"] for d in listed)
    assert annotator.post(url(rows[1], "undo/"), {"decision": listed[-1]["id"]}).status == 200


def test_an_undo_sent_twice_takes_one_step_back(annotator: Caller, segment: Segment) -> None:
    annotator.patch(url(segment), {"base_revision": 1, "text": "one"})
    annotator.patch(url(segment), {"base_revision": 2, "text": "two"})
    body = {"operation_id": str(uuid.uuid4())}
    first, again = (annotator.post(url(segment, "undo/"), body) for _ in range(2))
    assert first.json["undone"]["id"] == again.json["undone"]["id"]
    assert Segment.objects.get(pk=segment.pk).text == "one"


def test_a_save_whose_answer_was_lost_is_answered_though_the_row_was_split_since(
    annotator: Caller, reviewer: Caller, segment: Segment
) -> None:
    body = {"text": "typed in time", "base_revision": 1, "operation_id": str(uuid.uuid4())}
    first = annotator.patch(url(segment), body)
    half = (segment.start_ms + segment.end_ms) // 2
    assert (
        reviewer.post(url(segment, "split/"), {"at_ms": half, "offset": 5, "base_revision": 2}).status == 200
    )
    again = annotator.patch(url(segment), body)
    assert (first.status, again.status) == (200, 200)
    assert again.json["decision"]["id"] == first.json["decision"]["id"]
    late = annotator.patch(url(segment), {"text": "too late", "base_revision": 2})
    assert (late.status, late.code, late.detail["mine"]) == (410, "reshaped", "too late")
    assert len(late.detail["into"]) == 2
    assert annotator.get(url(segment, "audio")).status == 410
