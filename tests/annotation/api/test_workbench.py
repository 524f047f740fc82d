"""What the review workbench asks of the server: decide, draft, undo, reshape, page through, go on."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.models import (
    AuditEvent,
    Decision,
    Draft,
    Hypothesis,
    Lease,
    Project,
    Recording,
    Revision,
    Segment,
)
from annotation.services import exports
from annotation.states import Pass
from tests.annotation.api.calling import Caller
from tests.factories import make_decoding, make_job, make_recording, make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db

PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)//",
    "{{constructor.constructor('alert(1)')()}}",
    "</textarea><svg/onload=alert(1)>",
    "${alert(1)}`",
)


def url(segment: Segment | str, tail: str = "") -> str:
    return f"/api/segments/{segment if isinstance(segment, str) else segment.pk}/{tail}"


def hear(segment: Segment, text: str, pass_name: Pass = Pass.DRAFT, job: Any = None) -> Hypothesis:
    """Give a segment a hypothesis whose words lie evenly in it."""
    decoding = make_decoding(
        job or make_job(segment.recording),
        segment,
        pass_name=pass_name,
        state="done",
        model=f"demo-{pass_name}",
    )
    spoken = text.split()
    step = (segment.end_ms - segment.start_ms) // len(spoken)
    words = [
        [segment.start_ms + n * step, segment.start_ms + (n + 1) * step, f" {word}", 0.9]
        for n, word in enumerate(spoken)
    ]
    return Hypothesis.objects.create(
        decoding=decoding, segment=segment, pass_name=pass_name, model=f"demo-{pass_name}", text=text,
        words=words, risk=0.4,
    )  # fmt: skip


# -- Decisions ----------------------------------------------------------------------------------------------


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
    Segment.objects.filter(pk=segment.pk).update(return_reason="listen again" if state == "returned" else "")
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


# -- Rows ---------------------------------------------------------------------------------------------------


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


def test_settings_are_a_persons_own_and_have_defaults(annotator: Caller, reviewer: Caller) -> None:
    sent = {
        "keys": {"preset": "otranscribe", "own": {"play": {"box": ["F8"], "list": ["Space"]}}},
        "playback": {"speed": 1.25, "auto_pause": "loop"},
    }
    answer = annotator.put("/api/me/settings/", sent)
    assert answer.status == 200, answer.body
    assert answer.json["keys"] == sent["keys"]
    assert answer.json["playback"]["speed"] == 1.25
    assert answer.json["playback"]["rewind_ms"] == 1000
    assert annotator.get("/api/me/settings/").json == answer.json
    assert reviewer.get("/api/me/settings/").json["keys"] == {"preset": "default", "own": {}}


@pytest.mark.parametrize(
    "sent",
    [
        {"theme": "dark"},
        {"keys": {"preset": "mine"}},
        {"keys": {"own": {"fly": {"box": ["F8"]}}}},
        {"keys": {"own": {"play": {"floor": ["F8"]}}}},
        {"keys": {"own": {"play": {"box": ["<script>"]}}}},
        {"keys": {"own": {"play": {"box": "F8"}}}},
        {"keys": {"own": {"play": {"box": [7]}}}},
        {"keys": {"own": {"play": {"box": ["F8"]}, "loop": {"box": ["F8"]}}}},
        {"keys": {"own": {"play": {"box": ["F8", "F8"]}}}},
        {"keys": {"own": {"play": {"box": [f"F{n}" for n in range(1, 12)]}}}},
        {"keys": {"own": {"play": {"box": ["Shift+Mod+KeyA"]}}}},
        {"keys": []},
        {"playback": {"speed": 3}},
        {"playback": {"speed": True}},
        {"playback": {"rewind_ms": 1.5}},
        {"editor": {"font_px": "18"}},
        {"editor": None},
    ],
    ids=str,
)
def test_settings_that_are_none_are_refused_by_name(annotator: Caller, sent: dict[str, Any]) -> None:
    before = annotator.get("/api/me/settings/").json
    answer = annotator.put("/api/me/settings/", sent)
    assert (answer.status, answer.code) == (400, "invalid"), answer.body
    assert answer.detail
    assert annotator.get("/api/me/settings/").json == before


def test_the_same_key_may_do_different_things_in_different_places(annotator: Caller) -> None:
    own = {"play": {"box": ["F8"]}, "loop": {"list": ["F8"]}}
    assert annotator.put("/api/me/settings/", {"keys": {"own": own}}).status == 200


def test_who_is_there_comes_and_goes(
    annotator: Caller, reviewer: Caller, recording: Recording, segment: Segment
) -> None:
    path = f"/api/recordings/{recording.pk}/presence/"
    alone = annotator.post(path, {"client": "a", "segment": str(segment.pk)}).json["people"]
    assert [(p["username"], p["you"], p["segment"]) for p in alone] == [("annotator", True, str(segment.pk))]
    annotator.post(path, {"client": "b"})
    both = reviewer.post(path, {"client": "c"}).json["people"]
    assert {p["username"]: p["tabs"] for p in both} == {"annotator": 2, "reviewer": 1}
    for tab in "ab":
        annotator.delete(f"{path}?client={tab}")
    assert [p["username"] for p in reviewer.get(path).json["people"]] == ["reviewer"]


def test_progress_counts_what_was_done_and_not_undone(
    annotator: Caller, reviewer: Caller, cast: Cast, recording: Recording
) -> None:
    rows = [
        make_segment(
            cast.project, recording=recording, start_ms=n * 1000, text="a", revision=1, state="draft"
        )
        for n in range(6)
    ]
    for row in rows[:3]:
        annotator.patch(url(row), {"base_revision": 1, "text": "b", "active_ms": 2000})
    annotator.patch(url(rows[0]), {"base_revision": 2, "text": "c", "active_ms": 500})
    reviewer.patch(url(rows[3]), {"base_revision": 1, "decision": "skip", "reason": "music"})
    annotator.post(url(rows[2], "undo/"))
    found = annotator.get(f"/api/projects/{cast.project.pk}/progress/").json
    assert found["today"]["mine"] == {"decisions": 3, "segments": 2, "audio_ms": 2000, "active_ms": 4500}
    assert found["today"]["all"] == {"decisions": 4, "segments": 3, "audio_ms": 3000, "active_ms": 4500}
    assert found["segments"]["done"] == 3
    assert found["segments"]["draft"] == 3
    assert found["audio_ms"] == {"total": 6000, "done": 3000, "left": 3000}
    # Four decisions are no pace, and a day that is not over is no day's work.
    assert found["eta"]["hours_at_this_pace"] is None
    assert found["eta"]["working_days"] is None
    # What was done yesterday is.
    earlier = Decision.objects.filter(segment=rows[1]).get()
    earlier.pk, earlier.operation_id, earlier.segment_id = None, None, rows[4].pk
    earlier.created_at, earlier.audio_ms = earlier.created_at - timedelta(days=1), 3000
    earlier.save(force_insert=True)
    found = annotator.get(f"/api/projects/{cast.project.pk}/progress/").json
    assert found["pace"]["audio_ms_per_day"] == 3000
    assert found["eta"]["working_days"] == 1.0


@pytest.mark.parametrize("since", ["yesterday", "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "2026-13-01"])
def test_a_day_that_cannot_be_is_400(annotator: Caller, cast: Cast, since: str) -> None:
    assert annotator.get(f"/api/projects/{cast.project.pk}/progress/?since={since}").status == 400


def test_tags_are_a_setting_of_the_project(
    manager: Caller, annotator: Caller, cast: Cast, segment: Segment
) -> None:
    path = f"/api/projects/{cast.project.pk}/"
    assert "foreign:xx" in annotator.get(path).json["tags"]
    assert manager.patch(path, {"tags": ["шум", "foreign:xx"]}).json["tags"] == ["шум", "foreign:xx"]
    assert annotator.get(url(segment)).json["tags"] == ["шум", "foreign:xx"]
    for bad in (
        ["[noise]"],
        ["a", "a"],
        ["<b>"],
        "noise",
        [""],
        ["a b"],
        [None],
        [f"t{n}" for n in range(41)],
    ):
        assert manager.patch(path, {"tags": bad}).status == 400, bad
    assert Project.objects.get(pk=cast.project.pk).tags == ["шум", "foreign:xx"]


# -- What is typed comes back as it was typed, and junk is refused ------------------------------------------


@pytest.mark.parametrize("payload", PAYLOADS)
def test_markup_in_any_text_is_data(
    annotator: Caller, cast: Cast, recording: Recording, payload: str
) -> None:
    segment = make_segment(cast.project, recording=recording, text="a", revision=1, state="draft")
    annotator.put(url(segment, "draft/"), {"text": payload, "base_revision": 1})
    assert annotator.get(url(segment)).json["draft"]["text"] == payload
    annotator.post(url(segment, "speaker/"), {"speaker": payload, "base_revision": 1})
    skipped = annotator.patch(
        url(segment), {"text": payload, "decision": "skip", "reason": payload, "base_revision": 2}
    )
    assert (skipped.json["text"], skipped.json["speaker"], skipped.json["decision"]["reason"]) == (
        payload,
    ) * 3
    rows = annotator.get(f"/api/recordings/{recording.pk}/rows/")
    assert rows.headers["Content-Type"].startswith("application/json")
    assert (rows.json["rows"][0]["head"], rows.json["rows"][0]["speaker"]) == (payload[:80], payload)
    assert rows.json["facets"]["speakers"] == [payload]


JUNK: Any = [
    None, [], "x", 7, {"text": 7}, {"text": None, "base_revision": None}, {"base_revision": 10**17},
    {"base_revision": -1}, {"base_revision": "1; DROP"}, {"exclude": ["x"] * 51},
    {"lease": 10**17, "base_revision": 1, "text": "x", "x": 1},
    {"client": 7}, {"client": ["a"]}, {"segment": {}}, {"next": []}, {"exclude": [None]},
    {"order": 7}, {"operation_id": 7}, {"heard_share": "NaN"}, {"usernames": [7]}, {"usernames": None},
    {"keys": {"own": {"play": {"box": [{}]}}}}, {"decision": []}, {"speaker": 7, "base_revision": 1},
    {"at_ms": 1.5, "offset": "a", "base_revision": 1}, {"start_ms": 10**18, "end_ms": -5, "base_revision": 1},
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "tail"),
    [("PATCH", ""), ("PUT", "draft/"), ("POST", "checks/"), ("POST", "undo/"), ("POST", "split/"),
     ("POST", "merge/"), ("POST", "edges/"), ("POST", "speaker/"), ("POST", "lease/"),
     ("POST", "next"), ("POST", "presence"), ("PUT", "settings"), ("PUT", "assignees")],
)  # fmt: skip
def test_no_body_is_answered_with_500(
    manager: Caller, cast: Cast, recording: Recording, segment: Segment, method: str, tail: str
) -> None:
    path = {
        "next": f"/api/projects/{cast.project.pk}/next/",
        "presence": f"/api/recordings/{recording.pk}/presence/",
        "assignees": f"/api/recordings/{recording.pk}/assignees/",
        "settings": "/api/me/settings/",
    }.get(tail, url(segment, tail))
    for junk in JUNK:
        answer = manager.send(method, path, b"null" if junk is None else junk)
        assert answer.status in (200, 400, 409, 423), (junk, answer.status, answer.body)
    for raw in (
        b"{",
        b"\xff\xfe",
        b'{"text": "\\ud800"}',
        b'{"text": "a\\u0000b", "base_revision": 1}',
        b"[" * 99,
    ):
        answer = manager.send(method, path, raw)
        assert (answer.status, answer.code[:7]) == (400, "invalid"), raw


def test_a_lease_row_is_never_left_behind_by_a_refusal(annotator: Caller, segment: Segment) -> None:
    annotator.patch(url(segment), {"base_revision": 9, "text": "x"})
    assert not Lease.objects.exists()


def test_assignees_are_members(manager: Caller, recording: Recording) -> None:
    path = f"/api/recordings/{recording.pk}/assignees/"
    assert manager.send("PUT", path, {"usernames": ["annotator", "reviewer"]}).status == 200
    assert manager.send("PUT", path, {"usernames": ["outsider"]}).status == 400
    assert manager.send("PUT", path, {"usernames": ["reviewer"]}).json == {"usernames": ["reviewer"]}
    assert manager.get(path).json == {"usernames": ["reviewer"]}


def test_the_words_of_a_neighbour_are_in_view(annotator: Caller, cast: Cast, recording: Recording) -> None:
    rows = [
        make_segment(
            cast.project, recording=recording, start_ms=n * 2000, text=f"t{n}", revision=1, state="draft"
        )
        for n in range(3)
    ]
    other = make_recording(cast.project)
    make_segment(cast.project, recording=other, start_ms=2000, text="elsewhere", revision=1)
    found = annotator.get(url(rows[1])).json
    assert (found["neighbours"]["previous"]["text"], found["neighbours"]["next"]["text"]) == ("t0", "t2")
    assert found["index"] == 1
    assert found["edges"] == {"earliest_ms": 1000, "latest_ms": 4000, "shortest_ms": 200, "longest_ms": 30000}
    assert annotator.get(url(rows[0])).json["neighbours"]["previous"] is None
