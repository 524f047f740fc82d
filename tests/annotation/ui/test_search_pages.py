"""What can be done with what a search finds: replaced as it was narrowed, and many at once."""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from annotation.models import Assignment, Decoding, Recording
from annotation.states import JobKind, SegmentState
from tests.annotation.ui.conftest import SignedIn, words_of
from tests.factories import make_recording, make_segment

if TYPE_CHECKING:
    from tests.personas import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls(cast: Cast) -> list[Recording]:
    """Make two recordings, each with two rows that have the word and one that has not."""
    made = []
    for name in ("one.wav", "two.wav"):
        recording = make_recording(cast.project, name=name)
        for n, text in enumerate(("posch drill", "posch saw", "nothing")):
            make_segment(
                cast.project, recording=recording, start_ms=n * 2000, text=text, revision=1, source="draft",
                state=SegmentState.DRAFT,
            )  # fmt: skip
        made.append(recording)
    return made


def search(page: Any, cast: Cast, asked: str) -> str:
    return words_of(page.get(f"/projects/{cast.project.pk}/search/", {"q": asked}))


def act(page: Any, cast: Cast, **sent: Any) -> str:
    answer = page.post(f"/projects/{cast.project.pk}/bulk/", {"query": "posch", **sent}, follow=True)
    assert answer.status_code == 200
    assert answer.redirect_chain[-1][0].endswith("/search/?q=posch"), answer.redirect_chain
    return words_of(answer)


def test_replacing_begins_with_the_whole_search(
    cast: Cast, signed_in: SignedIn, calls: list[Recording]
) -> None:
    page = signed_in("reviewer")

    def link(asked: str) -> dict[str, list[str]]:
        (found,) = [part for part in search(page, cast, asked).split('"') if "/replace/?" in part]
        return parse_qs(urlsplit(unescape(found)).query)

    assert link("posch") == {"find": ["posch"]}
    asked = f'posch "saw" -nothing status:draft project:{cast.project.pk} recording:one'
    assert link(asked) == {"find": ["posch"], "query": ['posch "saw" -nothing status:draft recording:one']}
    sent = {"find": "posch", "query": link(asked)["query"][0], "put": "Bosch", "looked": "1", "do": "look"}
    assert "Replace in 1 row<" in words_of(page.post(f"/projects/{cast.project.pk}/replace/", sent))


def test_hits_are_chosen_or_all_that_is_found(
    cast: Cast, signed_in: SignedIn, calls: list[Recording]
) -> None:
    page = signed_in("manager")
    shown = search(page, cast, "posch")
    assert shown.count('name="segment"') == 4
    assert 'name="found"' in shown
    hit = calls[0].segments.order_by("start_ms")[0].pk
    assert "1 recording: assigned to annotator" in act(
        page, cast, do="assign", assignee="annotator", segment=hit
    )
    assert Assignment.objects.get().recording == calls[0]
    assert "2 recordings: assigned to reviewer" in act(
        page, cast, do="assign", assignee="reviewer", found="1"
    )
    # A model hears the hits again, and not all of their recordings.
    assert "1 segment is heard again" in act(page, cast, do="retranscribe", model="demo-refine", segment=hit)
    windows = Decoding.objects.filter(job__kind=JobKind.RETRANSCRIBE).values_list("recording", "start_ms")
    assert list(windows) == [(calls[0].pk, 0)]
    assert "4 segments are heard again" in act(page, cast, do="retranscribe", model="demo-refine", found="1")
    export = page.post(f"/projects/{cast.project.pk}/bulk/", {"do": "export", "segment": hit})
    assert export.headers["Location"].endswith(f"/exports/?recordings={calls[0].pk}")
    assert "1 in the trash" in act(page, cast, do="trash", segment=hit)
    assert search(page, cast, "posch").count('name="segment"') == 2


def test_who_may_do_none_of_it_is_offered_none_and_refused(
    cast: Cast, signed_in: SignedIn, calls: list[Recording]
) -> None:
    page = signed_in("annotator")
    assert 'name="segment"' not in search(page, cast, "posch")
    act(page, cast, do="trash", found="1")
    assert not Recording.objects.exclude(trashed_at=None).exists()
    # Rows of another project are none of this one.
    assert "Choose recordings first" in act(signed_in("manager"), cast, do="trash", segment=10**9)
