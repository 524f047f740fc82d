"""Find and replace: what is shown is what is done; finished and held rows stay; the whole is taken back."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.errors import Conflict, Denied, Invalid
from annotation.models import AuditEvent, Job, ReplacedRow, Replacement, Revision, Segment
from annotation.services import filejobs, leases, replacing, segments
from annotation.services.replacing import Wish, applying, wishes
from annotation.states import SegmentState
from tests.factories import make_recording, make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db


def rows(cast: Cast, *texts: str, **values: Any) -> list[Segment]:
    recording = make_recording(cast.project, duration_ms=100_000)
    values = {"state": SegmentState.DRAFT, "source": "draft", "revision": 1, **values}
    return [
        make_segment(cast.project, recording=recording, start_ms=n * 1000, text=text, **values)
        for n, text in enumerate(texts)
    ]


def replace(cast: Cast, find: str, put: str, who: str = "reviewer", **options: Any) -> Replacement:
    wish = Wish(find, put, **options)
    seen = replacing.preview(user=cast.named(who), project=cast.project, wish=wish)
    return replacing.apply(user=cast.named(who), project=cast.project, wish=wish, expected=seen.changes)


def texts(found: list[Segment]) -> list[str]:
    now = dict(Segment.everything.filter(pk__in=[row.pk for row in found]).values_list("pk", "text"))
    return [now[row.pk] for row in found]


@pytest.mark.parametrize(
    ("find", "put", "options", "wanted"),
    [
        ("posch", "Bosch", {}, ["Bosch and Bosch", "Posch", "poschung"]),
        ("posch", "Bosch", {"match_case": False}, ["Bosch and Bosch", "Bosch", "Boschung"]),
        ("posch", "Bosch", {"whole_words": True}, ["Bosch and Bosch", "Posch", "poschung"]),
        (
            "posch", "Bosch", {"whole_words": True, "match_case": False},
            ["Bosch and Bosch", "Bosch", "poschung"],
        ),
        (" and ", " & ", {}, ["posch & posch", "Posch", "poschung"]),
        ("posch", "", {"query": "-ung"}, ["and", "Posch", "poschung"]),
        ("p", "\\1$&", {"query": "ung"}, ["posch and posch", "Posch", "\\1$&oschung"]),
    ],
)  # fmt: skip
def test_letters_case_and_words_are_as_asked(
    cast: Cast, find: str, put: str, options: dict[str, Any], wanted: list[str]
) -> None:
    found = rows(cast, "posch and posch", "Posch", "poschung")
    if find == "posch" and options == {}:
        wanted = ["Bosch and Bosch", "Posch", "Boschung"]
    replace(cast, find, put, **options)
    assert texts(found) == wanted


@pytest.mark.parametrize(
    ("find", "put"), [("  ", " "), ("ข้าว", "rice "), ("绿", "红"), ("[nois]", "[noise]")]
)
def test_blanks_and_scripts_without_spaces_are_found(cast: Cast, find: str, put: str) -> None:
    found = rows(cast, f"a{find}b", "a b")
    replace(cast, find, put)
    assert texts(found) == [f"a{put}b", "a b"]


def test_what_is_shown_is_what_is_done_and_who_did_it_is_known(cast: Cast) -> None:
    a, b = rows(cast, "old one", "old two old")
    seen = replacing.preview(user=cast.reviewer, project=cast.project, wish=Wish("old", "new"))
    assert (seen.changes, seen.places, seen.skipped, seen.more) == (2, 3, {}, False)
    shown = [(e.before, e.after) for e in seen.examples]
    assert shown == [("old one", "new one"), ("old two old", "new two new")]
    assert texts([a, b]) == ["old one", "old two old"]
    done = replace(cast, "old", "new")
    assert (done.changed, done.skipped, done.job) == (2, 0, None)
    assert done.finished_at is not None
    assert texts([a, b]) == ["new one", "new two new"]
    row = Segment.objects.get(pk=a.pk)
    assert (row.revision, row.source, row.state) == (2, "human", "draft")  # nobody has decided about it
    revision = Revision.objects.get(segment=a, number=2)
    assert (revision.author, revision.base, revision.text) == (cast.reviewer, 1, "new one")
    events = AuditEvent.objects.filter(segment_id=a.pk, table_name="annotation_segment", action="update")
    moved = [((event.before or {})["text"], (event.after or {})["text"]) for event in events]
    assert moved == [("old one", "new one")]


def test_finished_accepted_and_held_rows_are_left_and_named(cast: Cast) -> None:
    free, locked, held = rows(cast, *["old"] * 3)
    (accepted,) = rows(cast, "old", state=SegmentState.ACCEPTED)
    Segment.objects.filter(pk=locked.pk).update(locked=True, locked_at="2026-01-01T00:00:00Z")
    leases.acquire(user=cast.annotator, segment=held, client="tab")
    seen = replacing.preview(user=cast.reviewer, project=cast.project, wish=Wish("old", "new"))
    assert (seen.changes, seen.skipped) == (1, {"locked": 1, "leased": 1, "accepted": 1})
    assert {e.standing for e in seen.examples} == {"", "locked", "leased", "accepted"}
    done = replace(cast, "old", "new")
    assert texts([free, locked, held, accepted]) == ["new", "old", "old", "old"]
    assert (done.changed, done.skipped) == (1, 3)
    named = dict(ReplacedRow.objects.filter(replacement=done).values_list("segment", "outcome"))
    assert named == {free.pk: "changed", locked.pk: "locked", held.pk: "leased", accepted.pk: "accepted"}


def test_rows_that_moved_since_they_were_read_are_not_overwritten(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = rows(cast, "old a", "old b")
    plain = applying._batch

    def somebody_saves_first(*args: Any) -> None:
        segments.save_text(user=cast.annotator, segment=a, text="old a by hand", base_revision=1)
        plain(*args)

    monkeypatch.setattr(applying, "_batch", somebody_saves_first)
    done = replace(cast, "old", "new")
    assert texts([a, b]) == ["old a by hand", "new b"]
    assert ReplacedRow.objects.get(replacement=done, segment=a).outcome == "moved"


def test_others_than_were_shown_are_not_changed(cast: Cast) -> None:
    rows(cast, "old a", "old b")
    with pytest.raises(Conflict) as refused:
        replacing.apply(user=cast.reviewer, project=cast.project, wish=Wish("old", "new"), expected=1)
    assert (refused.value.code, refused.value.detail["changes"]) == ("preview_outdated", 2)
    with pytest.raises(Conflict):
        replacing.apply(user=cast.reviewer, project=cast.project, wish=Wish("nowhere", "new"), expected=1)
    assert not Replacement.objects.exists()


def test_the_whole_is_taken_back_but_for_what_changed_since(cast: Cast) -> None:
    a, b, c, d = rows(cast, *["old"] * 4)
    segments.save_text(user=cast.annotator, segment=b, text="old too", base_revision=1)
    done = replace(cast, "old", "new")
    segments.save_text(user=cast.annotator, segment=c, text="by hand since", base_revision=2)
    Segment.objects.filter(pk=d.pk).update(locked=True, locked_at="2026-01-01T00:00:00Z")
    back = replacing.undo(user=cast.manager, replacement=done)
    assert texts([a, b, c, d]) == ["old", "old too", "by hand since", "new"]
    assert (back.put_back, back.kept, back.undone_by) == (2, 2, cast.manager)
    kept = ReplacedRow.objects.filter(replacement=done, outcome="kept")
    assert set(kept.values_list("segment", flat=True)) == {c.pk, d.pk}
    assert [Segment.objects.get(pk=row.pk).source for row in (a, b)] == ["draft", "human"]
    assert Revision.objects.get(segment=a, number=3).author == cast.manager
    with pytest.raises(Conflict):
        replacing.undo(user=cast.manager, replacement=back)


def test_many_rows_are_a_job_that_another_worker_goes_on_with(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "AT_ONCE", 1)
    monkeypatch.setattr("annotation.services.replacing.undoing.AT_ONCE", 1)
    monkeypatch.setattr(wishes.rows_of, "__kwdefaults__", {"after": 0, "batch": 2})
    found = rows(cast, *[f"old {n}" for n in range(5)])
    done = replace(cast, "old", "new")
    assert done.job is not None
    assert (done.job.kind, done.job.total_items) == ("replace", 5)
    assert texts(found)[0] == "old 0"

    class Died(Exception):
        pass

    def dies(finished: int, total: int, phase: str = "") -> None:
        if finished >= 2:
            raise Died

    claimed = filejobs.claim_next(worker="first")
    assert claimed is not None
    with pytest.raises(Died):
        replacing.run(claimed, dies)
    assert texts(found) == ["new 0", "new 1", "old 2", "old 3", "old 4"]
    Job.objects.filter(pk=claimed.id).update(claim_expires_at="2026-01-01T00:00:00Z")
    filejobs.reclaim_expired()
    with pytest.raises(filejobs.Lost):
        replacing.run(claimed, lambda *_: None)
    again = filejobs.claim_next(worker="second")
    assert again is not None
    ticks: list[tuple[int, int]] = []
    replacing.run(again, lambda *now: ticks.append(now[:2]))
    filejobs.finish(again)
    assert texts(found) == [f"new {n}" for n in range(5)]
    assert ticks[-1] == (5, 5)
    assert [Revision.objects.filter(segment=row).count() for row in found] == [2] * 5
    done.refresh_from_db()
    back = replacing.undo(user=cast.reviewer, replacement=done)
    claimed = filejobs.claim_next(worker="third")
    assert claimed is not None
    assert claimed.id == back.job_id
    replacing.run(claimed, lambda *_: None)
    assert texts(found) == [f"old {n}" for n in range(5)]


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (Wish("", "x"), "find"),
        (Wish("a", "a"), "put"),
        (Wish("a" * 501, "x"), "find"),
        (Wish("a\x00", "x"), "find"),
        (Wish("a", "x", query="colour:red"), "q"),
        (Wish("a", "x", query="project:Calls"), "query"),
        (Wish(" ", "x", whole_words=True), "whole_words"),
    ],
)
def test_what_cannot_be_meant_is_refused(cast: Cast, wish: Wish, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        replacing.preview(user=cast.reviewer, project=cast.project, wish=wish)
    assert field in refused.value.detail


def test_annotators_replace_nothing(cast: Cast) -> None:
    rows(cast, "old")
    with pytest.raises(Denied):
        replacing.preview(user=cast.annotator, project=cast.project, wish=Wish("old", "new"))
