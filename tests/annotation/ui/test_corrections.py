"""Corrections in the admin: shown truly, filtered, judged through the services, sampled, exported."""

from __future__ import annotations

import csv
import importlib
import io
import itertools
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Permission
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotation.audit import Actor, acting_as
from annotation.errors import Invalid
from annotation.models import (
    Assignment,
    AuditEvent,
    AuditSample,
    Comment,
    Correction,
    Decision,
    Export,
    Gold,
    Hypothesis,
    Import,
    Membership,
    Pair,
    Reading,
    Review,
    Segment,
    User,
)
from annotation.services import corrections, samples, seals, segments
from annotation.services.assignments import assign
from annotation.services.decisions import Evidence
from annotation.services.reviews import judge
from annotation.states import DecisionKind, Verdict
from tests import services
from tests.annotation.ui.conftest import SignedIn, words_of
from tests.factories import make_decoding, make_job, make_segment, make_user
from tests.personas import Cast, make_cast

LIST = "/admin/annotation/correction/"
MACHINE = "we ship from bosh on friday"
NUMBERS = itertools.count()


def correct(
    cast: Cast, text: str = "we ship from Bosch on friday", *, by: User | None = None, **evidence: Any
) -> Decision:
    """Let a person correct a segment that a machine has heard."""
    segment = make_segment(cast.project, text=MACHINE, revision=1, state="draft", source="draft")
    decoding = make_decoding(make_job(segment.recording), segment)
    Hypothesis.objects.create(
        decoding=decoding, segment=segment, pass_name="draft", model="demo-draft", text=MACHINE
    )
    _, decision = segments.decide(
        user=by or cast.annotator,
        segment=segment,
        kind=DecisionKind.SAVE,
        text=text,
        base_revision=1,
        evidence=Evidence(**evidence),
    )
    return decision


def whole(answer: Any) -> bytes:
    """Return all that a response streams."""

    async def read() -> bytes:
        return b"".join([part async for part in answer])

    return async_to_sync(read)()


def press(client: Client, action: str, *rows: Decision, query: str = "", **form: str) -> Any:
    """Choose an action for some rows and confirm what it asks."""
    data: dict[str, Any] = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(f"{LIST}{query}", {**data, "select_across": "0", **form}, follow=True)


def test_the_errors_of_the_machine_are_counted_with_the_decision(cast: Cast) -> None:
    decision = correct(cast, "we ship from Bosch on [noise] Friday morning")
    decision.refresh_from_db()
    counts = (decision.substitutions, decision.deletions, decision.insertions, decision.reference_length)
    assert counts == (1, 1, 0, 7)
    assert decision.wer == pytest.approx(2 / 7)
    assert (decision.profile, decision.hypothesis.text if decision.hypothesis else "") == (
        "spoken-1",
        MACHINE,
    )
    nothing = correct(cast, "[noise]")
    nothing.refresh_from_db()
    assert (nothing.reference_length, nothing.insertions, nothing.wer) == (0, 6, 1.0)


def test_decisions_made_before_errors_were_counted_are_counted_by_the_migration(committed_db: None) -> None:
    decision = correct(make_cast(), "we ship from Bosch on Friday morning")
    with services.superuser() as own:
        own.execute(
            "UPDATE annotation_decision SET substitutions = NULL, deletions = NULL, insertions = NULL,"
            " reference_length = NULL, hypothesis_id = NULL, profile = ''"
        )
    fresh = Decision.objects.get()
    assert (fresh.wer, fresh.hypothesis) == (None, None)
    migration = importlib.import_module("annotation.migrations.0010_seals")
    with connections["owner"].schema_editor() as editor:
        migration.count(None, editor)
    fresh = Decision.objects.get()
    assert (fresh.hypothesis_id, fresh.wer) == (decision.hypothesis_id, decision.wer or fresh.wer)
    assert (fresh.deletions, fresh.reference_length, fresh.profile) == (1, 7, "spoken-1")


def test_a_text_far_too_long_to_compare_is_saved_and_not_counted(cast: Cast) -> None:
    segment = make_segment(cast.project, text="x", revision=1, state="draft", source="draft")
    decoding = make_decoding(make_job(segment.recording), segment)
    Hypothesis.objects.create(
        decoding=decoding, segment=segment, pass_name="draft", model="m", text="a " * 5000
    )
    _, decision = segments.decide(
        user=cast.annotator, segment=segment, kind=DecisionKind.SAVE, text="b " * 9000, base_revision=1
    )
    assert (decision.substitutions, decision.hypothesis is not None) == (None, True)


def test_a_line_shows_the_words_the_error_rate_the_listening_and_the_checks(
    cast: Cast, signed_in: SignedIn
) -> None:
    decision = correct(cast, heard_share=0.41, active_ms=200, overrode=("not_heard",))
    page = words_of(signed_in("supervisor").get(LIST))
    assert "<del>bosh</del><ins>Bosch</ins>" in page
    assert "17\u00a0%" in page
    assert '<span class="odd">41\u00a0%</span>' in page
    assert '<span class="odd">0.2\u00a0\u00d7</span>' in page
    assert '<span class="check over" title="overridden">not heard</span>' in page
    assert f'data-src="/admin/annotation/segment/{decision.segment_id}/audio/"' in page
    detail = words_of(signed_in("supervisor").get(f"{LIST}{decision.pk}/change/"))
    assert "<del>bosh</del><ins>Bosch</ins>" in detail and "demo-draft" in detail


def test_texts_are_escaped(cast: Cast, signed_in: SignedIn) -> None:
    decision = correct(cast, "<script>alert(1)</script> <b>x")
    client = signed_in("supervisor")
    history = f"/admin/annotation/segment/{decision.segment_id}/history/"
    for path in (LIST, f"{LIST}{decision.pk}/change/", history):
        page = words_of(client.get(path))
        assert "<script>alert" not in page and "<b>x" not in page
        assert "&lt;script&gt;alert" in page


def test_a_page_costs_as_many_queries_with_fifty_rows_as_with_five(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in("supervisor")
    asked: list[list[str]] = []
    for _ in range(2):
        for _ in range(8):
            correct(cast)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(LIST).status_code == 200
        asked.append([query["sql"] for query in queries])
    few, many = asked
    assert len(many) == len(few) <= 17, many
    assert all("LIMIT" in sql for sql in many if "COUNT(" in sql)


LISTS = (
    "assignment/", "auditevent/", "auditevent/?at__from=2026-01-01", "auditsample/", "comment/", "decoding/",
    "export/", "gold/", "import/", "job/", "membership/", "pair/", "reading/", "recording/", "review/",
    "revision/", "seal/", "segment/",
)  # fmt: skip


def test_no_list_asks_row_by_row_or_counts_all(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in("supervisor")
    asked: list[dict[str, list[str]]] = []
    for number in range(2):
        for _ in range(4):
            supervised(cast, correct(cast), f"member-{next(NUMBERS)}")
        seals.seal()
        sample = samples.draw(user=cast.supervisor, among=Correction.objects.all())
        filtered = (
            f"correction/?{query}"
            for query in (
                *("flag=untold", "flag=returned", f"sample={sample.pk}", "created_at__from=2026-01-01"),
                f"reviewer={cast.reviewer.pk}",
            )
        )
        asked.append({})
        for path in (*LISTS, *filtered):
            with CaptureQueriesContext(connection) as queries:
                answer = client.get(f"/admin/annotation/{path}")
            assert answer.status_code == 200, path
            rows = len(answer.context["cl"].result_list)
            assert rows > number, f"{path} lists nothing to ask about"
            asked[-1][path.split("sample=")[0]] = [query["sql"] for query in queries]
    for path, many in asked[1].items():
        assert len(many) == len(asked[0][path]) <= (17 if path.startswith("correction") else 10), many
        assert all("LIMIT" in sql for sql in many if "COUNT(" in sql), many


def supervised(cast: Cast, decision: Decision, name: str) -> None:
    """Give a decision's segment everything that the admin lists."""
    segment = decision.segment
    member = make_user(name)
    Membership.objects.create(project=cast.project, user=member, role="annotator")
    assign(user=cast.manager, recording=segment.recording, usernames=[name])
    judge(user=cast.reviewer, segment=segment, verdict=Verdict.RETURN, base_revision=2, reason="words")
    pair = Pair.objects.create(project=cast.project, segment=segment)
    Reading.objects.create(
        pair=pair, segment=segment, place=1, author=member, kind="save", text="a", base_revision=1
    )
    Gold.objects.create(project=cast.project, segment=segment, text="a", author=cast.manager)
    Comment.objects.create(project=cast.project, segment=segment, author=member, text="a")
    Import.objects.create(project=cast.project, created_by=cast.manager)
    job, number = make_job(segment.recording, kind="export"), Export.objects.count() + 1
    Export.objects.create(project=cast.project, created_by=cast.manager, number=number, job=job, format="csv")


FILTERS = {
    "flag=unheard": {0}, "flag=fast": {0, 1}, "flag=overrode": {1}, "flag=returned": {2},
    "flag=unlocked": {3},
    "flag=gold": set(), "flag=nonsense": {0, 1, 2, 3}, "wer=0-0": {3}, "wer=10-20": {0, 1}, "wer=50-": {2},
    "wer=16.6-16.7": {0, 1}, "wer=": set(), "wer=x-y": set(), "wer=-1-5": set(), "kind=save": {0, 1, 2},
    "kind=accept": {3}, "state=returned": {2}, "state=corrected": {0, 1, 3}, "state=locked": set(),
    "sample=1": set(), "annotator=x": set(), "project=99999999999999999999": set(), "flag=untold": {3},
    f"annotator={'9' * 5000}": set(), f"sample={'9' * 5000}": set(),
}  # fmt: skip


@pytest.mark.parametrize("query", FILTERS)
def test_the_list_is_filtered(cast: Cast, signed_in: SignedIn, query: str) -> None:
    rows = [
        correct(cast, heard_share=0.59, active_ms=299),
        correct(cast, heard_share=0.6, active_ms=10, overrode=("repetition",)),
        correct(cast, "nothing like it at all", heard_share=1.0),
        correct(cast, MACHINE),
    ]
    client = signed_in("supervisor")
    press(client, "send_back", rows[2], confirmed="yes", reason="words")
    locked = segments.lock(user=cast.annotator, segment=rows[3].segment)
    segments.unlock(user=cast.annotator, segment=locked, reason="once more")
    answer = client.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    found = {row.pk for row in answer.context["cl"].result_list}
    assert found == {rows[n].pk for n in FILTERS[query]}


def test_a_list_that_is_not_counted_to_its_end_says_so(
    cast: Cast, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotation.admin.paging.DEEPEST", 2)
    monkeypatch.setattr("annotation.admin.corrections.CorrectionAdmin.list_per_page", 2)
    client = signed_in("supervisor")
    for _ in range(4):
        correct(cast)
    page = words_of(client.get(LIST))
    assert "Select all 4 corrections" in page and "more than" not in page
    correct(cast)
    page = words_of(client.get(LIST))
    assert "Select all more than 4 corrections" in page
    assert "All more than 4 selected" in page
    assert client.get(f"{LIST}?p=2").status_code == 200


def test_whoever_judged_or_decided_is_offered_whether_a_member_or_not(
    cast: Cast, signed_in: SignedIn
) -> None:
    client = signed_in("supervisor")
    decision = correct(cast)
    offered = f'annotator={cast.supervisor.pk}"', f'reviewer={cast.supervisor.pk}"'
    assert not any(link in words_of(client.get(LIST)) for link in offered)
    client.post(f"/admin/annotation/segment/{decision.segment_id}/restore/1/", {"base": "2"})
    press(client, "accept", correct(cast))
    page = words_of(client.get(LIST))
    assert all(link in page for link in offered)


def test_the_list_is_filtered_by_people_and_project(cast: Cast, signed_in: SignedIn) -> None:
    mine, theirs = correct(cast), correct(cast, by=cast.manager)
    client = signed_in("supervisor")
    press(client, "accept", theirs)
    press(signed_in("supervisor"), "send_back", mine, confirmed="yes", reason="other", comment="x")

    def found(query: str) -> set[int]:
        return {row.pk for row in client.get(f"{LIST}?{query}").context["cl"].result_list}

    assert found(f"annotator={cast.manager.pk}") == {theirs.pk}
    assert found(f"project={cast.project.pk}") == {mine.pk, theirs.pk}
    assert found(f"project={cast.outsider.memberships.get().project_id}") == set()
    assert found(f"reviewer={cast.supervisor.pk}") == {mine.pk, theirs.pk}
    assert found(f"reviewer={cast.reviewer.pk}") == set()
    assert found(f"q={mine.segment_id}") == {mine.pk}
    assert found("q=abc") == set()
    assert found("created_at__gte=2030-01-01T00:00:00Z") == set()


def test_verdicts_go_through_the_review_and_the_audit_says_from_where(
    cast: Cast, signed_in: SignedIn
) -> None:
    good, bad = correct(cast), correct(cast)
    client = signed_in("supervisor")
    assert "1 segment accepted." in words_of(press(client, "accept", good))
    asked = press(client, "send_back", bad)
    assert "Chosen: 1 correction." in words_of(asked)
    assert "This field is required" in words_of(press(client, "send_back", bad, confirmed="yes"))
    assert not Review.objects.filter(segment=bad.segment_id).exists()
    said = words_of(press(client, "send_back", bad, confirmed="yes", reason="words", comment="the name"))
    assert "1 segment returned." in said
    states = dict(Segment.objects.values_list("pk", "state"))
    assert (states[good.segment_id], states[bad.segment_id]) == ("accepted", "returned")
    event = AuditEvent.objects.filter(segment_id=good.segment_id, table_name="annotation_segment").latest(
        "id"
    )
    assert (event.actor_name, event.source) == ("supervisor", "admin")
    again = words_of(press(client, "accept", good))
    assert "1 not accepted: supervisor has accepted this segment already." in again


def test_nobody_judges_their_own_work_from_the_admin_either(cast: Cast, signed_in: SignedIn) -> None:
    decision = correct(cast)
    client = signed_in("supervisor")
    history = f"/admin/annotation/segment/{decision.segment_id}"
    client.post(f"{history}/restore/1/", {"base": "2"})
    own = Correction.objects.latest("id")
    assert own.author == cast.supervisor
    assert "1 not accepted: This is your own work" in words_of(press(client, "accept", own))
    assert Segment.objects.get(pk=own.segment_id).state == "corrected"


def test_a_rows_own_button_is_the_action_on_that_row(cast: Cast, signed_in: SignedIn) -> None:
    one, other = correct(cast), correct(cast)
    client = signed_in("supervisor")
    page = words_of(client.get(LIST))
    assert f'value="accept:{one.pk}"' in page
    # Another row is ticked: the button is meant all the same.
    data = {"one": f"accept:{one.pk}", "action": "", "index": "0", "_selected_action": [str(other.pk)]}
    assert "1 segment accepted." in words_of(client.post(LIST, data, follow=True))
    assert Segment.objects.get(pk=one.segment_id).state == "accepted"
    assert Segment.objects.get(pk=other.segment_id).state == "corrected"
    asked = client.post(LIST, {"one": f"send_back:{other.pk}", "index": "0"})
    assert f'name="_selected_action" value="{other.pk}"' in words_of(asked)
    own = words_of(client.get(f"{LIST}{other.pk}/change/"))
    assert f'value="send_back:{other.pk}" class="mini" formaction="{LIST}"' in own
    lead = client.get(f"{LIST}{other.pk}/history/")
    assert lead.headers["Location"] == f"/admin/annotation/segment/{other.segment_id}/history/"
    assert client.get(f"{LIST}999999/history/").status_code == 404


def test_rows_are_locked_and_unlocked_with_a_reason(cast: Cast, signed_in: SignedIn) -> None:
    decision = correct(cast)
    client = signed_in("supervisor")
    press(client, "finish", decision)
    segment = Segment.objects.get(pk=decision.segment_id)
    assert (segment.locked, segment.locked_by) == (True, cast.supervisor)
    assert "This field is required" in words_of(
        press(client, "reopen", decision, confirmed="yes", reason=" ")
    )
    press(client, "reopen", decision, confirmed="yes", reason="a name is wrong")
    segment.refresh_from_db()
    assert (segment.locked, segment.unlock_reason) == (False, "a name is wrong")
    said = words_of(press(client, "reopen", decision, confirmed="yes", reason="again"))
    assert "1 not unlocked: This segment is not locked any more" in said


def test_recordings_are_reassigned_to_members_only(cast: Cast, signed_in: SignedIn) -> None:
    decision = correct(cast)
    client = signed_in("supervisor")
    press(client, "reassign", decision, confirmed="yes", usernames="manager, annotator")
    assigned = Assignment.objects.filter(recording=decision.segment.recording_id)
    assert {a.assignee.username for a in assigned} == {"manager", "annotator"}
    said = words_of(press(client, "reassign", decision, confirmed="yes", usernames="outsider"))
    assert "Not a member of this project: outsider" in said
    assert assigned.count() == 2


@pytest.mark.parametrize(
    ("population", "margin", "size"),
    # Cochran: 384.16 of endlessly many for 5 %; checked by hand for the finite ones.
    [(10**9, 0.05, 385), (1000, 0.05, 278), (100, 0.05, 80), (1, 0.05, 1), (0, 0.05, 0), (10_000, 0.1, 96),
     (20_000, 0.01, 6489)],
)  # fmt: skip
def test_a_sample_is_as_large_as_its_margin_needs(population: int, margin: float, size: int) -> None:
    assert samples.sample_size(population, margin) == size


def test_a_sample_is_kept_and_can_be_drawn_again(cast: Cast, signed_in: SignedIn) -> None:
    for _ in range(12):
        correct(cast)
    client = signed_in("supervisor")
    query = f"?project={cast.project.pk}"
    answer = press(
        client, "draw_sample", Correction.objects.latest("id"), query=query, confirmed="yes", margin="20"
    )
    sample = AuditSample.objects.get()
    assert (sample.population, sample.size, sample.drawn_by) == (12, 9, cast.supervisor)
    assert sample.filters == query[1:]
    assert answer.redirect_chain[-1][0] == f"{LIST}?sample={sample.pk}"
    assert len(answer.context["cl"].result_list) == 9
    drawn = set(sample.decisions.values_list("pk", flat=True))
    again = samples.draw(user=cast.supervisor, among=Correction.objects.all(), margin=0.2, seed=sample.seed)
    other = samples.draw(user=cast.supervisor, among=Correction.objects.all(), margin=0.2, seed=7)
    assert set(again.decisions.values_list("pk", flat=True)) == drawn
    assert set(other.decisions.values_list("pk", flat=True)) != drawn
    listed = words_of(client.get("/admin/annotation/auditsample/"))
    assert f"?sample={sample.pk}" in listed
    with pytest.raises(Invalid):
        samples.draw(user=cast.supervisor, among=Correction.objects.none())


def test_a_sample_is_drawn_from_the_whole_list_whatever_is_ticked(cast: Cast, signed_in: SignedIn) -> None:
    rows = [correct(cast) for _ in range(3)]
    client = signed_in("supervisor")
    assert "whatever is ticked: 3 corrections" in words_of(press(client, "draw_sample", rows[0]))
    nothing = {"query": f"?annotator={cast.outsider.pk}", "index": "0"}
    asked = press(client, "draw_sample", confirmed="yes", margin="5", **nothing)
    assert "There is nothing to draw from." in words_of(asked)
    press(client, "draw_sample", rows[0], confirmed="yes", margin="5")
    assert AuditSample.objects.get().population == 3


def test_a_samples_page_tells_what_was_found_on_it(cast: Cast, signed_in: SignedIn) -> None:
    rows = [correct(cast) for _ in range(10)]
    other = correct(cast, by=cast.manager)
    client = signed_in("supervisor")
    of_one = Correction.objects.filter(author=cast.annotator)
    sample = samples.draw(user=cast.supervisor, among=of_one, margin=0.01)
    path = f"/admin/annotation/auditsample/{sample.pk}/change/"
    assert "0 of 10: 0 accepted" in words_of(client.get(path))
    press(client, "send_back", rows[0], other, confirmed="yes", reason="words")
    press(client, "accept", *rows[1:9])
    judge(user=cast.reviewer, segment=rows[9].segment, verdict=Verdict.FIX, base_revision=2, text="else")
    page = words_of(client.get(path))
    assert "10 of 10: 8 accepted, 1 fixed, 1 returned" in page
    # Wilson (1927), by hand: 1 of 10 and 2 of 10.
    assert "10.0\u00a0% (95\u00a0% interval by Wilson: 1.8 to 40.4\u00a0%)" in page
    assert "20.0\u00a0% (95\u00a0% interval by Wilson: 5.7 to 51.0\u00a0%)" in page
    # What comes of a later text is no finding about this one.
    segments.save_text(user=cast.annotator, segment=rows[0].segment, text="once more", base_revision=2)
    press(client, "accept", Correction.objects.latest("id"))
    assert "8 accepted, 1 fixed, 1 returned" in words_of(client.get(path))


def test_only_the_text_that_is_shown_is_judged(cast: Cast, signed_in: SignedIn) -> None:
    shown = correct(cast)
    segments.save_text(user=cast.annotator, segment=shown.segment, text="not seen", base_revision=2)
    client = signed_in("supervisor")
    for action, form in (
        ("accept", {}),
        ("finish", {}),
        ("send_back", {"confirmed": "yes", "reason": "words"}),
    ):
        said = words_of(press(client, action, shown, **form))
        assert "This segment was changed" in said, action
    segment = Segment.objects.get(pk=shown.segment_id)
    assert (segment.state, segment.locked, Review.objects.count()) == ("corrected", False, 0)
    # Both lines were chosen: the newer one is what was looked at.
    assert "1 segment accepted." in words_of(press(client, "accept", shown, Correction.objects.latest("id")))


def test_what_is_left_undone_of_many_is_told(
    cast: Cast, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotation.admin.actions.MOST", 2)
    monkeypatch.setattr("annotation.services.corrections.BATCH", 2)
    rows = [correct(cast) for _ in range(3)]
    text = "we ship"
    for base in range(2, 7):  # many corrections of one segment, and few segments
        text += " on"
        segments.save_text(user=cast.annotator, segment=rows[2].segment, text=text, base_revision=base)
    client = signed_in("supervisor")
    everything = {"select_across": "1"}
    said = words_of(press(client, "accept", rows[0], **everything))
    assert "2 segments accepted." in said and "the rest is as it was" in said
    assert Segment.objects.get(pk=rows[0].segment_id).state == "corrected"
    said = words_of(press(client, "reassign", rows[0], confirmed="yes", usernames="manager", **everything))
    assert "2 recordings reassigned." in said and "the rest is as it was" in said
    said = words_of(press(client, "accept", rows[0]))
    assert "1 segment accepted." in said and "the rest is as it was" not in said


def test_the_export_is_read_as_it_is_sent(
    cast: Cast, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotation.services.corrections.BATCH", 2)
    rows = [correct(cast, f"text {number}") for number in range(5)]
    answer = press(signed_in("supervisor"), "export_csv", *rows)
    details, asked = corrections.details, list[int]()

    def counted(page: Any) -> Any:
        asked.append(len(page))
        return details(page)

    monkeypatch.setattr(corrections, "details", counted)
    assert answer.is_async, "anything else is gathered whole by Django before its first byte"

    async def read() -> list[bytes]:
        parts = aiter(answer)
        first = [await anext(parts) for _ in range(2)]
        assert asked == [2], "a page is asked for once the one before it was taken"
        return first + [part async for part in parts]

    parts = async_to_sync(read)()
    assert asked == [2, 2, 1]
    assert [row["after"] for row in csv.DictReader(io.StringIO(b"".join(parts).decode("utf-8-sig")))] == [
        f"text {number}" for number in (4, 3, 2, 1, 0)
    ]


def test_the_export_is_whole_and_runs_in_no_spreadsheet(cast: Cast, signed_in: SignedIn) -> None:
    rows = [correct(cast, "=HYPERLINK(1)"), correct(cast, 'plain, "quoted"\nand two lines')]
    answer = press(signed_in("supervisor"), "export_csv", *rows)
    assert answer.headers["Content-Type"].startswith("text/csv")
    text = whole(answer).decode("utf-8-sig")
    found = list(csv.DictReader(io.StringIO(text)))
    assert [row["after"] for row in found] == ['plain, "quoted"\nand two lines', "'=HYPERLINK(1)"]
    assert found[0]["machine_text"] == MACHINE and found[0]["annotator"] == "annotator"


def test_history_shows_versions_and_brings_one_back_as_a_new_one(cast: Cast, signed_in: SignedIn) -> None:
    with acting_as(Actor(cast.annotator.pk, "annotator", "api", "req-9", "10.1.2.3")):
        decision = correct(cast)
    client = signed_in("supervisor")
    path = f"/admin/annotation/segment/{decision.segment_id}"
    page = words_of(client.get(f"{path}/history/"))
    assert "10.1.2.3" in page and "req-9" in page and f"{path}/restore/1/" in page
    assert f"{path}/restore/2/" not in page
    assert client.get(f"{path}/restore/1/").status_code == 405
    said = words_of(client.post(f"{path}/restore/1/", {"base": "2"}, follow=True))
    assert "Version 1 is the text again, as version 3." in said
    segment = Segment.objects.get(pk=decision.segment_id)
    assert (segment.text, segment.revision, segment.annotator) == (MACHINE, 3, cast.supervisor)
    newest = Decision.objects.latest("id")
    assert (newest.author, newest.reason) == (cast.supervisor, "Version 1 restored")
    stale = words_of(client.post(f"{path}/restore/2/", {"base": "2"}, follow=True))
    assert "Not restored. This segment was changed" in stale
    segments.lock(user=cast.annotator, segment=segment)
    assert "/restore/" not in words_of(client.get(f"{path}/history/"))
    assert "Not restored." in words_of(client.post(f"{path}/restore/2/", {"base": "3"}, follow=True))
    for bad in ({"base": "x"}, {}, {"base": "9" * 30}):
        assert client.post(f"{path}/restore/2/", bad).status_code == 404
    assert client.post(f"{path}/restore/77/", {"base": "3"}).status_code == 404


@pytest.mark.parametrize("name", ["annotator", "reviewer", "manager"])
def test_only_supervisors_reach_any_of_it(cast: Cast, signed_in: SignedIn, name: str) -> None:
    decision = correct(cast)
    client = signed_in(name)
    path = f"/admin/annotation/segment/{decision.segment_id}"
    for address in (LIST, f"{path}/history/", f"{path}/audio/", "/admin/annotation/liveworker/"):
        assert client.get(address).status_code == 302
    assert client.post(f"{path}/restore/1/", {"base": "2"}).status_code == 302
    press(client, "finish", decision)
    assert not Segment.objects.get(pk=decision.segment_id).locked


def test_what_a_supervisor_may_do_in_the_admin_opens_nothing_elsewhere(
    cast: Cast, signed_in: SignedIn
) -> None:
    decision = correct(cast)
    client = signed_in("supervisor")
    press(client, "finish", decision)
    assert client.get(f"/api/segments/{decision.segment_id}/").status_code == 404
    assert client.post(f"/api/segments/{decision.segment_id}/unlock/", {"reason": "x"}).status_code == 404
    assert client.get(f"/projects/{cast.project.pk}/").status_code == 404


def test_a_supervisor_with_every_right_there_is_gains_none(cast: Cast, signed_in: SignedIn) -> None:
    cast.supervisor.user_permissions.set(Permission.objects.all())
    decision = correct(cast)
    client = signed_in("supervisor")
    me, group = cast.supervisor.pk, make_user("other")
    tables = {
        "user": me, "correction": decision.pk, "segment": decision.segment_id,
        "revision": decision.segment.revisions.latest("id").pk, "project": cast.project.pk,
        "membership": cast.annotator.memberships.get().pk, "auditevent": AuditEvent.objects.latest("id").pk,
    }  # fmt: skip
    form = {"username": "supervisor", "is_superuser": "on", "is_staff": "on", "role": "manager", "text": "x"}
    for table, pk in tables.items():
        base = f"/admin/annotation/{table}"
        assert client.post(f"{base}/{pk}/change/", form).status_code == 403, table
        assert client.post(f"{base}/add/", form).status_code == 403, table
        assert client.post(f"{base}/{pk}/delete/", {"post": "yes"}).status_code == 403, table
    assert client.post(f"/admin/annotation/user/{me}/password/", {"password1": "x"}).status_code == 403
    assert client.post("/admin/auth/group/add/", {"name": "mine"}).status_code == 403
    assert client.get("/admin/auth/permission/").status_code == 404
    fresh = User.objects.get(pk=me)
    assert (fresh.is_superuser, fresh.groups.count(), group.is_staff) == (False, 0, False)


def test_the_workers_are_listed_as_they_say_themselves(
    cast: Cast, signed_in: SignedIn, redis_emptied: str
) -> None:
    from annotation import presence

    client = signed_in("supervisor")
    path = "/admin/annotation/liveworker/"
    assert "No worker has given a sign of life" in words_of(client.get(path))
    presence.announce(
        presence.Worker("draft@here", "here", 77, ("draft",), doing="decodes 4", models=("demo-draft",))
    )
    page = words_of(client.get(path))
    assert "draft@here" in page and "decodes 4" in page and "demo-draft" in page
    assert client.get(f"{path}1/change/").status_code == 404
