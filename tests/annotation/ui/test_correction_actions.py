"""What supervisors do with many corrections: judged through the services, locked, sampled, exported."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from annotation.errors import Invalid
from annotation.models import (
    Assignment,
    AuditEvent,
    AuditSample,
    Correction,
    Review,
    Segment,
)
from annotation.services import corrections, samples, segments
from annotation.services.reviews import judge
from annotation.states import Verdict
from tests.annotation.ui.conftest import SignedIn, words_of
from tests.annotation.ui.supervising import LIST, MACHINE, correct, press, whole
from tests.personas import Cast


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
