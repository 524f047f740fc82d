"""Correcting by plain forms: save, stale save, lock, unlock; nothing typed is ever dropped."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest

from annotation.models import Revision, Segment
from annotation.services import leases, segments
from tests.annotation.ui.conftest import SignedIn, words_of
from tests.factories import make_decoding, make_job, make_recording, make_segment
from tests.personas import Cast


@pytest.fixture
def segment(cast: Cast) -> Segment:
    return make_segment(cast.project, text="the bosh invoice", revision=1, state="draft", source="draft")


def save(client: Any, segment: Segment, text: str, base: int, **more: str) -> Any:
    return client.post(f"/segments/{segment.pk}/save/", {"text": text, "base_revision": str(base), **more})


def test_a_form_saves_a_new_revision_and_leads_back_to_the_row(
    cast: Cast, signed_in: SignedIn, segment: Segment
) -> None:
    back = f"/recordings/{segment.recording_id}/?page=2"
    answer = save(signed_in("annotator"), segment, "the Bosch invoice\r\nline two", 1, back=back)
    assert answer.headers["Location"] == f"{back}#s{segment.pk}"
    segment.refresh_from_db()
    assert (segment.text, segment.revision, segment.state) == ("the Bosch invoice\nline two", 2, "corrected")
    page = words_of(signed_in("annotator").get(f"/recordings/{segment.recording_id}/"))
    assert "the Bosch invoice\nline two" in page
    assert 'name="base_revision" value="2"' in page


def test_going_back_leads_nowhere_else(cast: Cast, signed_in: SignedIn, segment: Segment) -> None:
    for target in ("//evil.example/", "https://evil.example/", "/\\evil.example/"):
        answer = save(signed_in("annotator"), segment, target, segment.revision, back=target)
        assert answer.headers["Location"] == f"/recordings/{segment.recording_id}/#s{segment.pk}"
        segment.refresh_from_db()


def test_a_stale_save_shows_both_texts_and_can_be_saved_on_top(
    cast: Cast, signed_in: SignedIn, segment: Segment
) -> None:
    segments.save_text(user=cast.reviewer, segment=segment, text="theirs <b>bold</b>", base_revision=1)
    answer = save(signed_in("annotator"), segment, "mine & mine", 1)
    page = words_of(answer)
    assert answer.status_code == 409
    assert "reviewer" in page
    assert "theirs &lt;b&gt;bold&lt;/b&gt;" in page
    assert "mine &amp; mine</textarea>" in page
    assert 'name="base_revision" value="2"' in page
    assert save(signed_in("annotator"), segment, "mine & mine", 2).status_code == 302
    texts = list(Revision.objects.filter(segment=segment).order_by("number").values_list("text", flat=True))
    assert texts == ["the bosh invoice", "theirs <b>bold</b>", "mine & mine"]


def test_the_button_pressed_twice_is_one_revision(cast: Cast, signed_in: SignedIn, segment: Segment) -> None:
    client = signed_in("annotator")
    assert [save(client, segment, "once", 1).status_code for _ in range(2)] == [302, 302]
    assert Revision.objects.filter(segment=segment).count() == 2


def test_saving_a_machines_text_as_it_is_accepts_it_and_a_persons_changes_nothing(
    cast: Cast, signed_in: SignedIn, segment: Segment
) -> None:
    client = signed_in("annotator")
    save(client, segment, segment.text, 1)
    segment.refresh_from_db()
    assert (segment.state, segment.revision) == ("corrected", 2)
    save(client, segment, segment.text, 2)
    segment.refresh_from_db()
    assert segment.revision == 2


def test_a_row_held_by_somebody_says_by_whom_and_gives_the_text_back(
    cast: Cast, signed_in: SignedIn, segment: Segment
) -> None:
    leases.acquire(user=cast.reviewer, segment=segment)
    answer = save(signed_in("annotator"), segment, "typed <in> vain", 1)
    assert answer.status_code == 423
    assert "reviewer is editing" in words_of(answer)
    assert "typed &lt;in&gt; vain</textarea>" in words_of(answer)
    row = words_of(signed_in("annotator").get(f"/recordings/{segment.recording_id}/"))
    assert "is editing" in row


def test_locking_saves_what_was_typed_first(cast: Cast, signed_in: SignedIn, segment: Segment) -> None:
    client = signed_in("annotator")
    answer = client.post(f"/segments/{segment.pk}/lock/", {"text": "finished text", "base_revision": "1"})
    assert answer.status_code == 302
    segment.refresh_from_db()
    assert (segment.text, segment.locked, segment.locked_by) == ("finished text", True, cast.annotator)
    again = save(client, segment, "too late", 2)
    assert again.status_code == 423
    assert "locked by annotator" in words_of(again) and "too late</textarea>" in words_of(again)


def test_locking_a_row_that_changed_meanwhile_shows_both_texts(
    cast: Cast, signed_in: SignedIn, segment: Segment
) -> None:
    segments.save_text(user=cast.reviewer, segment=segment, text="newer", base_revision=1)
    answer = signed_in("annotator").post(
        f"/segments/{segment.pk}/lock/", {"text": "mine", "base_revision": "1"}
    )
    assert answer.status_code == 409
    segment.refresh_from_db()
    assert not segment.locked and segment.text == "newer"


def test_unlocking_asks_for_a_reason_and_a_role(cast: Cast, signed_in: SignedIn, segment: Segment) -> None:
    segments.lock(user=cast.manager, segment=segment)
    unlock = f"/segments/{segment.pk}/unlock/"
    page = f"/recordings/{segment.recording_id}/"
    assert unlock not in words_of(signed_in("annotator").get(page))
    assert "needs manager or reviewer" in words_of(
        signed_in("annotator").post(unlock, {"reason": "x"}, follow=True)
    )
    reviewer = signed_in("reviewer")
    assert unlock in words_of(reviewer.get(page))
    assert "Say why" in words_of(reviewer.post(unlock, {"reason": " "}, follow=True))
    assert Segment.objects.filter(pk=segment.pk, locked=True).exists()
    reviewer.post(unlock, {"reason": "wrong name"})
    assert Segment.objects.filter(pk=segment.pk, locked=False).exists()
    history = words_of(reviewer.get(f"/segments/{segment.pk}/history/"))
    assert "wrong name" in history


def test_a_suggestion_is_taken_with_one_button(cast: Cast, signed_in: SignedIn, segment: Segment) -> None:
    segments.save_text(user=cast.annotator, segment=segment, text="the Bosh invoice", base_revision=1)
    decoding = make_decoding(make_job(segment.recording), segment, pass_name="refine", model="better")
    heard = segment.hypotheses.create(
        decoding=decoding, pass_name="refine", model="better", text="the Bosch invoice"
    )
    page = words_of(signed_in("annotator").get(f"/recordings/{segment.recording_id}/"))
    assert "better heard" in page and "<del>Bosh</del><ins>Bosch</ins>" in page
    save(signed_in("annotator"), segment, "whatever the box held", 2, take=str(heard.pk))
    segment.refresh_from_db()
    assert segment.text == "the Bosch invoice"
    other = make_segment(cast.project)
    assert save(signed_in("annotator"), other, "x", 0, take=str(heard.pk)).status_code == 400, (
        "of another segment"
    )


def test_history_shows_versions_as_differences(cast: Cast, signed_in: SignedIn, segment: Segment) -> None:
    segments.save_text(user=cast.annotator, segment=segment, text="the Bosch invoice", base_revision=1)
    page = words_of(signed_in("reviewer").get(f"/segments/{segment.pk}/history/"))
    assert "<del>bosh</del><ins>Bosch</ins>" in page
    assert "annotator" in page


@pytest.mark.parametrize("base", ["", "x", "-1", "1e3", "99999999999999999999"])
def test_a_form_without_a_base_changes_nothing(
    cast: Cast, signed_in: SignedIn, segment: Segment, base: str
) -> None:
    answer = signed_in("annotator").post(
        f"/segments/{segment.pk}/save/", {"text": "x", "base_revision": base}
    )
    assert answer.status_code in (400, 409)
    segment.refresh_from_db()
    assert segment.revision == 1


@pytest.mark.parametrize("text", ["a\x00b", "\x07", "x" * 20_001])
def test_text_that_cannot_be_kept_is_refused_in_words(
    cast: Cast, signed_in: SignedIn, segment: Segment, text: str
) -> None:
    answer = save(signed_in("annotator"), segment, text, 1)
    assert answer.status_code == 400
    segment.refresh_from_db()
    assert segment.revision == 1


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</textarea><script>alert(1)</script>",
    "{{ 7|add:7 }}{% csrf_token %}",
    "javascript:alert(1)",
    "\u202egnp.exe",
)


def test_hostile_text_is_shown_as_text_wherever_it_appears(cast: Cast, signed_in: SignedIn) -> None:
    for number, payload in enumerate(HOSTILE):
        cast.project.name = cast.project.description = payload
        cast.project.glossary = [payload[:100]]
        cast.project.save()
        recording = make_recording(cast.project, name=payload, warnings=[{"code": "x", "message": payload}])
        make_job(recording, state="failed", error=payload)
        segment = make_segment(
            cast.project,
            recording=recording,
            start_ms=number * 1000,
            text=payload,
            revision=1,
            state="draft",
            speaker=payload,
        )
        decoding = make_decoding(make_job(recording, state="completed"), segment, state="done")
        segment.hypotheses.create(
            decoding=decoding, pass_name="draft", model=payload, text=f"{payload} heard"
        )
        pages = (
            "/",
            f"/projects/{cast.project.pk}/?q={payload}",
            f"/projects/{cast.project.pk}/settings/",
            f"/projects/{cast.project.pk}/upload/",
            f"/recordings/{recording.pk}/",
            f"/recordings/{recording.pk}/?q={payload}",
            f"/segments/{segment.pk}/history/",
        )
        for path in pages:
            answer = signed_in("manager").get(path)
            page = words_of(answer)
            assert answer.status_code == 200, path
            for live in ("<script>alert", "<img src=x", "</textarea><script", ">14<"):
                assert live not in page, (path, payload)
        assert payload in unescape(words_of(signed_in("manager").get(f"/recordings/{recording.pk}/")))
