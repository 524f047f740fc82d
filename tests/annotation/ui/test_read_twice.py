"""Segments that two people read without seeing each other's text, as supervisors find them in the admin."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotation.models import AuditEvent, Correction, Pair, Reading, Segment, User
from annotation.services import disputes, segments
from annotation.states import Choice, DecisionKind
from tests.annotation.ui.conftest import SignedIn, words_of
from tests.factories import make_segment
from tests.personas import Cast

LIST = "/admin/annotation/correction/"

Read = Callable[[User, str], None]


@pytest.fixture
def row(cast: Cast) -> Segment:
    """Return a segment that a machine has heard, in a project where all is read twice."""
    cast.project.double_percent = 100
    cast.project.dispute_above = 0.1
    cast.project.save()
    return make_segment(
        cast.project, text="the machine heard this", revision=1, state="draft", source="draft"
    )


@pytest.fixture
def read(row: Segment) -> Read:
    """Return a function that lets a person read the segment."""

    def decide(user: User, text: str) -> None:
        fresh = Segment.objects.get(pk=row.pk)
        segments.decide(user=user, segment=fresh, kind=DecisionKind.SAVE, text=text, base_revision=1)

    return decide


def test_a_supervisor_does_not_become_a_reader_by_restoring(
    cast: Cast, signed_in: SignedIn, row: Segment, read: Read
) -> None:
    client, path = signed_in("supervisor"), f"/admin/annotation/segment/{row.pk}"
    Segment.objects.filter(pk=row.pk).update(revision=2)  # so that there is an earlier version
    for reader in (None, cast.annotator):
        if reader is not None:
            Segment.objects.filter(pk=row.pk).update(revision=1)
            read(reader, "what I heard")
            Segment.objects.filter(pk=row.pk).update(revision=2)
        assert "/restore/" not in words_of(client.get(f"{path}/history/"))
        said = words_of(client.post(f"{path}/restore/1/", {"base": "2"}, follow=True))
        assert "Not restored. Two people read this segment" in said
        assert "is the text again" not in said
        assert not Reading.objects.filter(author=cast.supervisor).exists()


def test_their_texts_are_shown_once_they_are_settled(
    cast: Cast, signed_in: SignedIn, row: Segment, read: Read
) -> None:
    client = signed_in("supervisor")
    read(cast.annotator, "what I heard at first")
    read(cast.annotator, "the machine heard this well")
    read(cast.manager, "something quite different")
    hidden = words_of(client.get(LIST))
    assert hidden.count("shown once both readers are done") == 2
    assert "<ins> well</ins>" not in hidden and "quite" not in hidden

    disputes.settle(user=cast.reviewer, pair=Pair.objects.get(), choice=Choice.SECOND)
    shown = words_of(client.get(LIST))
    assert "<ins> well</ins>" in shown and "<ins>quite different</ins>" in shown
    assert "at first" not in shown, "a reading is what its author decided last"

    # Only the text that was taken can be accepted; of the other one that would be a verdict unseen.
    for author, said in ((cast.annotator, "1 not accepted"), (cast.manager, "1 segment accepted.")):
        line = Correction.objects.filter(author=author).latest("id")
        form = {"action": "accept", "_selected_action": [str(line.pk)], "select_across": "0"}
        assert said in words_of(client.post(LIST, form, follow=True))


def test_readings_are_listed_without_their_texts_while_others_read(
    cast: Cast, signed_in: SignedIn, row: Segment, read: Read
) -> None:
    client = signed_in("supervisor")
    read(cast.annotator, "the machine heard this well")
    reading = Reading.objects.get()
    for path in ("", f"{reading.pk}/change/"):
        page = words_of(client.get(f"/admin/annotation/reading/{path}"))
        assert "annotator" in page and "this well" not in page
    read(cast.manager, "the machine heard this well")
    for path in ("", f"{reading.pk}/change/"):
        assert "this well" in words_of(client.get(f"/admin/annotation/reading/{path}"))


def test_no_history_shows_a_reading_before_its_pair_is_closed(
    cast: Cast, signed_in: SignedIn, row: Segment, read: Read
) -> None:
    client = signed_in("supervisor")
    read(cast.annotator, "what I heard at first")
    read(cast.annotator, "the machine heard this well")
    event = AuditEvent.objects.filter(table_name="annotation_reading").latest("id")
    pages = (
        f"/admin/annotation/reading/{Reading.objects.get().pk}/history/",
        f"/admin/annotation/segment/{row.pk}/history/",
        f"/admin/annotation/pair/{Pair.objects.get().pk}/history/",
        "/admin/annotation/auditevent/?table=annotation_reading",
        f"/admin/annotation/auditevent/{event.pk}/change/",
    )
    for path in pages:
        page = words_of(client.get(path))
        assert "at first" not in page and "this well" not in page
        assert "shown once both readers are done" in page or "/pair/" in path
    read(cast.manager, "the machine heard this well")
    for path in pages:
        page = words_of(client.get(path))
        assert "well" in page or "/pair/" in path
        assert "shown once both readers are done" not in page
