"""Saving, leasing and locking: nobody's words are lost, and refusals say who and why."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.errors import Conflict, Denied, Invalid, Leased, Locked, NotFound, StaleRevision
from annotation.models import Lease, Revision, Segment
from annotation.services import leases, segments
from annotation.states import SegmentState
from tests.factories import make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def segment(cast: Cast) -> Segment:
    return make_segment(cast.project, text="machine text", revision=1, state=SegmentState.DRAFT)


def test_a_save_makes_the_next_revision(cast: Cast, segment: Segment) -> None:
    saved = segments.save_text(
        user=cast.annotator, segment=segment, text="  cafe\u0301 \r\n ", base_revision=1
    )
    assert (saved.text, saved.revision, saved.state, saved.source) == ("caf\u00e9", 2, "corrected", "human")
    revision = Revision.objects.get(segment=segment, number=2)
    assert (revision.base, revision.author, revision.text) == (1, cast.annotator, "caf\u00e9")


def test_a_stale_save_is_refused_with_both_texts(cast: Cast, segment: Segment) -> None:
    segments.save_text(user=cast.reviewer, segment=segment, text="theirs", base_revision=1)
    with pytest.raises(StaleRevision) as refused:
        segments.save_text(user=cast.annotator, segment=segment, text="mine", base_revision=1)
    detail = refused.value.detail
    assert (detail["mine"], detail["theirs"], detail["base"]) == ("mine", "theirs", "machine text")
    assert (detail["base_revision"], detail["revision"], detail["by"]) == (1, 2, "reviewer")
    assert Revision.objects.filter(segment=segment).count() == 2


def test_the_same_operation_sent_twice_is_one_revision(cast: Cast, segment: Segment) -> None:
    operation = uuid.uuid4()

    def save() -> Segment:
        return segments.save_text(
            user=cast.annotator, segment=segment, text="once", base_revision=1, operation_id=operation
        )

    first, again = save(), save()
    assert (first.revision, again.revision) == (2, 2)
    assert Revision.objects.filter(segment=segment).count() == 2


@pytest.mark.parametrize(
    "text",
    [None, 7, ["a"], "nul\x00byte", "lone \ud800", "bell\x07", "x" * 20_001],
    ids=["null", "number", "list", "nul", "surrogate", "control", "long"],
)
def test_unsafe_text_is_refused_by_name(cast: Cast, segment: Segment, text: object) -> None:
    with pytest.raises(Invalid) as refused:
        segments.save_text(user=cast.annotator, segment=segment, text=text, base_revision=1)
    assert "text" in refused.value.detail
    assert Segment.objects.get(pk=segment.pk).revision == 1


@pytest.mark.parametrize(
    "text", ["שלום עולם", "สวัสดี", "你好，世界", "👩‍👩‍👧 ok", "=1+1", "a\u0301\u0323", "‮x", "line\nbreak\ttab"]
)
def test_every_script_is_kept(cast: Cast, segment: Segment, text: str) -> None:
    saved = segments.save_text(user=cast.annotator, segment=segment, text=text, base_revision=1)
    again = segments.save_text(user=cast.annotator, segment=segment, text=saved.text, base_revision=2)
    assert saved.text == again.text
    assert saved.text.strip() == saved.text


def test_an_outsider_knows_of_nothing(cast: Cast, segment: Segment) -> None:
    for act in (
        lambda: segments.save_text(user=cast.outsider, segment=segment, text="x", base_revision=1),
        lambda: segments.lock(user=cast.outsider, segment=segment),
        lambda: segments.unlock(user=cast.outsider, segment=segment, reason="x"),
        lambda: leases.acquire(user=cast.outsider, segment=segment),
    ):
        with pytest.raises(NotFound):
            act()


# -- leases -------------------------------------------------------------------------------------------------


def expire(segment: Segment) -> None:
    Lease.objects.filter(segment=segment).update(expires_at=timezone.now() - timedelta(seconds=1))


def test_a_lease_is_renewed_by_its_holder_and_refused_to_others(cast: Cast, segment: Segment) -> None:
    first = leases.acquire(user=cast.annotator, segment=segment)
    renewed = leases.acquire(user=cast.annotator, segment=segment)
    assert renewed.token == first.token
    assert renewed.expires_at >= first.expires_at
    with pytest.raises(Leased) as refused:
        leases.acquire(user=cast.reviewer, segment=segment)
    assert refused.value.detail["holder"] == "annotator"
    with pytest.raises(Leased):
        segments.save_text(user=cast.reviewer, segment=segment, text="mine", base_revision=1)


def test_a_new_holder_gets_a_higher_token_and_the_old_one_writes_no_more(
    cast: Cast, segment: Segment
) -> None:
    old = leases.acquire(user=cast.annotator, segment=segment)
    expire(segment)
    new = leases.acquire(user=cast.reviewer, segment=segment)
    assert new.token > old.token
    with pytest.raises(Leased):
        segments.save_text(
            user=cast.annotator, segment=segment, text="late", base_revision=1, lease=old.token
        )
    saved = segments.save_text(
        user=cast.reviewer, segment=segment, text="mine", base_revision=1, lease=new.token
    )
    assert saved.text == "mine"


def test_an_expired_lease_never_discards_text(cast: Cast, segment: Segment) -> None:
    held = leases.acquire(user=cast.annotator, segment=segment)
    expire(segment)
    saved = segments.save_text(
        user=cast.annotator, segment=segment, text="typed", base_revision=1, lease=held.token
    )
    assert saved.text == "typed"


def test_a_lease_given_back_is_free_at_once(cast: Cast, segment: Segment) -> None:
    held = leases.acquire(user=cast.annotator, segment=segment)
    assert leases.release(user=cast.annotator, segment=segment)
    assert not leases.release(user=cast.reviewer, segment=segment)
    assert leases.acquire(user=cast.reviewer, segment=segment).token > held.token


# -- locks --------------------------------------------------------------------------------------------------


def test_a_locked_row_refuses_saves_and_leases_and_says_who(cast: Cast, segment: Segment) -> None:
    locked = segments.lock(user=cast.annotator, segment=segment)
    assert locked.locked_at is not None
    for act in (
        lambda: segments.save_text(user=cast.reviewer, segment=locked, text="x", base_revision=1),
        lambda: leases.acquire(user=cast.reviewer, segment=locked),
    ):
        with pytest.raises(Locked) as refused:
            act()
        assert refused.value.detail["locked_by"] == "annotator"


def test_locking_a_text_one_has_not_seen_is_refused(cast: Cast, segment: Segment) -> None:
    segments.save_text(user=cast.reviewer, segment=segment, text="newer", base_revision=1)
    with pytest.raises(StaleRevision):
        segments.lock(user=cast.annotator, segment=segment, base_revision=1)
    assert not Segment.objects.get(pk=segment.pk).locked


def test_unlocking_needs_a_reason_and_the_right(cast: Cast, segment: Segment) -> None:
    locked = segments.lock(user=cast.reviewer, segment=segment)
    with pytest.raises(Denied):
        segments.unlock(user=cast.annotator, segment=locked, reason="please")
    for reason in ("", "   ", None, "x" * 501):
        with pytest.raises(Invalid):
            segments.unlock(user=cast.reviewer, segment=locked, reason=reason)
    assert not segments.unlock(user=cast.manager, segment=locked, reason="a typo").locked
    with pytest.raises(Conflict):
        segments.unlock(user=cast.manager, segment=locked, reason="again")


def test_people_may_reopen_what_they_locked_themselves(cast: Cast, segment: Segment) -> None:
    locked = segments.lock(user=cast.annotator, segment=segment)
    assert not segments.unlock(user=cast.annotator, segment=locked, reason="one more word").locked
