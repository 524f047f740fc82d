"""Search: words and parts of them, every script, other forms, machines' texts, filters, pages, rights."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from annotation.errors import Invalid
from annotation.models import Hypothesis, Recording, Segment
from annotation.search import engine
from annotation.search.grams import fold, with_name, with_text
from annotation.search.hits import hits_of
from annotation.search.query import read
from annotation.services import segments as saving
from annotation.states import Pass, SegmentState
from tests.factories import make_decoding, make_job, make_project, make_recording, make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return make_recording(cast.project, name="call_0193.mp3", duration_ms=60_000)


def said(recording: Recording, *texts: str, **values: Any) -> list[Segment]:
    """Put texts of a model into a recording, one after the other."""
    at = Segment.everything.filter(recording=recording).count() * 1000
    values = {"state": SegmentState.DRAFT, "source": "draft", "revision": 1, **values}
    return [
        make_segment(recording.project, recording=recording, start_ms=at + n * 1000, text=text, **values)
        for n, text in enumerate(texts)
    ]


def heard(segment: Segment, text: str, pass_name: Pass = Pass.DRAFT, model: str = "demo-draft") -> Hypothesis:
    job = make_job(segment.recording)
    decoding = make_decoding(job, segment, pass_name=pass_name, model=model)
    return Hypothesis.objects.create(
        decoding=decoding, segment=segment, pass_name=pass_name, model=model, text=text
    )


def found(cast: Cast, asked: str, who: str = "annotator", **options: Any) -> list[str]:
    page = engine.find(cast.named(who), read(asked), **options)
    texts = dict(Segment.objects.filter(pk__in=page.segments).values_list("pk", "text"))
    return [texts[pk] for pk in page.segments]


TEXTS = (
    "The invoice from Bosch is forty-eight euros",
    "we were running through the rain",
    "die Rechnung von Müller",
    "ฉันชอบกินข้าวผัดมาก",
    "我喜欢喝绿茶",
    "東京へ行きたいです",
    "ok",
    "50% off_season \\ it's [noise] <b>",
    "שלום עולם",
)


@pytest.mark.parametrize(
    ("asked", "which"),
    [
        ("invoice", [0]),
        ("INVOICE bosch", [0]),
        ("nvoic", [0]),
        ("run", [1]),  # the stem of running, and a part of it
        ("runs", [1]),  # another form
        ('"runs"', []),  # these letters alone
        ("rain -through", []),
        ("rain -bosch", [1]),
        ("müller", [2]),
        ("MÜLLER", [2]),
        ('"von müller"', [2]),
        ("กินข้าว", [3]),
        ("ข้าว", [3]),
        ("绿茶", [4]),
        ("茶", [4]),
        ("喝绿", [4]),
        ("東京", [5]),
        ("行きたい", [5]),
        ("ok", [6]),
        ('"50% off_"', [7]),
        ('"% off"', [7]),
        ("it's", [7]),
        ("\\", [7]),
        ("tag:noise", [7]),
        ("<b>", [7]),
        ("עולם", [8]),
        ("nothing-like-this", []),
    ],
)
def test_words_parts_and_scripts_are_found(
    cast: Cast, recording: Recording, asked: str, which: list[int]
) -> None:
    said(recording, *TEXTS)
    assert found(cast, asked) == [TEXTS[n] for n in which]


def test_each_way_finds_the_same(cast: Cast, recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"row {n} with {'gold' if n % 3 else 'silver'} in it" for n in range(30)]
    said(recording, *texts)
    wanted = [text for text in texts if "gold" in text]
    assert found(cast, "gold row", limit=15) == wanted[:15]  # among the newest rows
    monkeypatch.setattr(engine, "NEWEST", 2)
    assert found(cast, "gold row", limit=15) == wanted[:15]  # in several goes
    monkeypatch.setattr(engine, "SOON", 0)
    assert found(cast, "gold row", limit=50) == wanted  # by the index
    assert engine.find(cast.annotator, read("gold row"), limit=5).total == len(wanted)
    monkeypatch.setattr(engine, "CANDIDATES", 3)
    monkeypatch.setattr(engine, "AT_ONCE", 7)
    assert found(cast, "gold row", limit=19) == wanted[:19]  # further on among the newest
    monkeypatch.setattr(engine, "FURTHEST", 5)
    assert found(cast, "gold row", limit=50) == wanted  # as PostgreSQL plans it
    assert engine.find(cast.annotator, read("gold row"), limit=5).total is None


def test_one_hit_too_few_for_the_page_is_counted_by_the_index(
    cast: Cast, recording: Recording, django_assert_max_num_queries: Any
) -> None:
    said(recording, *(f"gold in row {n}" for n in range(25)), *(f"row {n}" for n in range(5)))
    with django_assert_max_num_queries(8):
        page = engine.find(cast.annotator, read("gold"), limit=25)
    assert (len(page.segments), page.total, page.next) == (25, 25, None)


@pytest.mark.parametrize("newest", [5000, 2])
def test_pages_follow_each_other_both_ways(
    cast: Cast, recording: Recording, monkeypatch: pytest.MonkeyPatch, newest: int
) -> None:
    monkeypatch.setattr(engine, "NEWEST", newest)
    monkeypatch.setattr(engine, "SOON", newest)
    older = make_recording(cast.project)
    rows = [*said(older, *[f"same {n}" for n in range(4)])]
    newer = make_recording(cast.project)
    wanted = [row.pk for row in (*said(newer, *[f"same again {n}" for n in range(4)]), *rows)]
    cursor, pages = "", []
    while True:
        page = engine.find(cast.annotator, read("same"), cursor=cursor, limit=3)
        pages.append(page)
        if page.next is None:
            break
        cursor = page.next
    assert [pk for page in pages for pk in page.segments] == wanted
    back = engine.find(cast.annotator, read("same"), cursor=pages[2].previous or "", limit=3)
    assert back.segments == pages[1].segments
    assert engine.find(cast.annotator, read("same"), cursor=back.previous or "", limit=3).previous is None


def test_what_machines_heard_is_found_and_named(cast: Cast, recording: Recording) -> None:
    (row,) = said(recording, "von posch")
    heard(row, "von posch")
    heard(row, "von Bosch", Pass.REFINE, "demo-refine")
    saving.save_text(user=cast.annotator, segment=row, text="von Busch", base_revision=1)
    for asked, kind, model in (
        ("busch", "current", ""), ("posch", "heard", "demo-draft"), ("bosch", "heard", "demo-refine"),
        ("von", "current", ""),
    ):  # fmt: skip
        page = engine.find(cast.annotator, read(asked))
        (hit,) = hits_of(page.segments, page.needles)
        assert (hit.version.kind, hit.version.model) == (kind, model), asked
        assert [part.text.lower() for part in hit.snippet if part.hit] == [asked]
    assert len(hit.also) == 2  # "von" is in all three
    assert found(cast, "posch in:text") == []
    assert found(cast, "posch in:heard") == ["von Busch"]
    assert found(cast, "busch in:heard") == []


def test_the_database_keeps_it_whatever_writes(cast: Cast, recording: Recording) -> None:
    (row,) = said(recording, "first words")
    Segment.objects.filter(pk=row.pk).update(text="second words")
    assert found(cast, "first") == []
    assert found(cast, "second") == ["second words"]
    Segment.objects.filter(pk=row.pk).update(retired_at="2026-01-01T00:00:00Z")
    assert found(cast, "second") == []
    Segment.everything.filter(pk=row.pk).update(retired_at=None)
    assert found(cast, "second") == ["second words"]
    Segment.objects.bulk_create(
        Segment(project=cast.project, recording=recording, start_ms=n, end_ms=n + 1, text=f"bulk {n}")
        for n in range(20_000, 20_010)
    )
    assert len(found(cast, "bulk")) == 10


def test_filters_narrow(cast: Cast, recording: Recording) -> None:
    a, b, c = said(recording, "red apple", "red pear", "red plum", speaker="Anna")
    heard(a, "red apple")
    heard(b, "red bear")
    Segment.objects.filter(pk=a.pk).update(risk=0.8)
    Segment.objects.filter(pk=b.pk).update(risk=0.2, speaker="Ben")
    saving.save_text(user=cast.annotator, segment=a, text="red apple", base_revision=1)
    saving.save_text(user=cast.reviewer, segment=b, text="red pear", base_revision=1)
    Segment.objects.filter(pk=c.pk).update(locked=True, locked_at="2026-01-01T00:00:00Z")
    Recording.objects.filter(pk=recording.pk).update(language="de")
    for asked, wanted in {
        "status:corrected": [a, b], "status:draft": [c], "status:locked": [c],
        "status:draft,corrected": [a, b, c],
        "status:open": [], "conf:<0.5": [a], "conf:>=0.5": [b], "risk:>0.5": [a], "conf:<50%": [a],
        "changed:yes": [b], "changed:no": [a], "by:annotator": [a], "by:Reviewer": [b], "by:me": [a],
        "speaker:ben": [b], "speaker:Anna": [a, c], "project:calls": [a, b, c], "project:Calls plum": [c],
        "recording:0193": [a, b, c], "recording:nope": [], "language:de": [a, b, c], "lang:fr": [],
    }.items():  # fmt: skip
        for words in ("", "red "):
            assert found(cast, words + asked) == [row.text for row in wanted], words + asked


@pytest.mark.parametrize(
    "asked",
    [
        "colour:red", "conf:0.5", "conf:<2", "conf:abc", "status:happy", "changed:maybe", 'a "b', "speaker:",
        "-status:draft", "-only", "in:nowhere", "project:Elsewhere", "x" * 501,
        " ".join(f"w{n}" for n in range(13)),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_said(cast: Cast, asked: str) -> None:
    with pytest.raises(Invalid) as refused:
        found(cast, asked)
    assert refused.value.detail["q"]
    assert len(refused.value.message) > 20


def test_only_what_a_person_may_see_is_found(cast: Cast, recording: Recording) -> None:
    said(recording, "secret plans")
    elsewhere = make_project("Third")
    said(make_recording(elsewhere), "secret plans elsewhere")
    assert found(cast, "secret") == ["secret plans"]
    for who in ("outsider", "supervisor"):
        assert found(cast, "secret", who) == []
    cast.manager.is_superuser = True
    cast.manager.save()
    assert len(found(cast, "secret", "manager")) == 2


def test_trash_is_not_searched(cast: Cast, recording: Recording) -> None:
    said(recording, "in the bin")
    Recording.objects.filter(pk=recording.pk).update(trashed_at="2026-01-01T00:00:00Z")
    assert found(cast, "bin") == []


def test_names_are_found_by_their_parts(cast: Cast) -> None:
    for name in ("call_0193.mp3", "Interview Müller – final.wav", "会議録音.m4a", "100%.wav"):
        make_recording(cast.project, name=name)
    for asked, count in {
        "0193": 1,
        "ALL_": 1,
        "müller wav": 1,
        "会議": 1,
        "%": 1,
        ".": 4,
        "": 4,
        "zzz": 0,
    }.items():
        assert with_name(Recording.objects.all(), asked).count() == count, asked


def test_the_list_of_segments_asks_the_same_index(cast: Cast, recording: Recording) -> None:
    said(recording, *TEXTS)
    rows = with_text(Segment.objects.filter(project=cast.project), "VOIC", [cast.project.pk])
    assert [row.text for row in rows] == [TEXTS[0]]
    assert list(with_text(Segment.objects.all(), "绿茶")) == [Segment.objects.get(text=TEXTS[4])]


def test_folding_is_the_database_s(db: None) -> None:
    for said_ in ("ΣΑΣ  ὈΔΥΣΣΕΎΣ", "İstanbul\u00a0ışık", "  A\n\tB\u3000c ", "Straße ẞ", "ÅÄÖ", "ФЫВА"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT annotation_fold(%s)", [said_])
            assert cursor.fetchone() == (fold(said_),), said_
