"""Corrections in the admin: shown truly, filtered, with the way back to each version; and to whom."""

from __future__ import annotations

import importlib
import itertools

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from annotation.audit import Actor, acting_as
from annotation.models import (
    AuditEvent,
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
    Segment,
    User,
)
from annotation.services import samples, seals, segments
from annotation.services.assignments import assign
from annotation.services.reviews import judge
from annotation.states import DecisionKind, Verdict
from tests import services
from tests.annotation.ui.conftest import SignedIn, words_of
from tests.annotation.ui.supervising import LIST, MACHINE, correct, press
from tests.factories import make_decoding, make_job, make_segment, make_user
from tests.personas import Cast, make_cast

NUMBERS = itertools.count()


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
