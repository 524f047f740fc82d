"""Corrections of a table as gold: people meet what the machine heard, and are scored by them."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.models import Gold, GoldScore, Revision, Segment
from annotation.services import segments
from annotation.states import SegmentState, Source
from tests.annotation.imports.dropping import bring, faults_of, sound, table

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

SHEET = table(
    "id,file,start_ms,end_ms,transcript,correct_transcripts,locked",
    "u1,a.wav,0,2000,hallo welt,Hallo Welt,",
    "u2,a.wav,2000,4000,guten tak,,",
    "u3,a.wav,4000,5000,das war es,Das war es,yes",
)
FILES = {"calls.csv": SHEET, "a.wav": sound(5)}


def row(cast: Any, name: str) -> Segment:
    return Segment.objects.get(project=cast.project, external_id=name)


def test_corrections_are_gold_where_they_are_said_to_be(cast: Any) -> None:
    assert bring(cast.manager, cast.project, FILES, corrections="gold").counts["added"] == 3
    first = row(cast, "u1")
    assert (first.text, first.source, first.state) == ("hallo welt", Source.IMPORT, SegmentState.DRAFT)
    assert [r.text for r in Revision.objects.filter(segment=first)] == ["hallo welt"], "nobody can read it"
    gold = Gold.objects.get(project=cast.project)
    assert (gold.segment, gold.text, gold.author) == (first, "Hallo Welt", cast.manager)
    assert (row(cast, "u3").text, row(cast, "u3").locked) == ("Das war es", True), "nobody meets a locked row"
    segments.save_text(user=cast.annotator, segment=first, text="Hallo Welt!", base_revision=1)
    assert GoldScore.objects.get(gold=gold).annotator == cast.annotator
    # The same drop again changes nothing, though people have decided since.
    again = bring(cast.manager, cast.project, FILES, corrections="gold")
    assert (again.counts["unchanged"], faults_of(again)) == (3, {})
    assert row(cast, "u1").text == "Hallo Welt!"


def test_rows_that_are_here_become_gold_as_long_as_nobody_has_decided(cast: Any) -> None:
    bring(cast.manager, cast.project, {**FILES, "calls.csv": SHEET.replace(b"Hallo Welt", b"")})
    segments.save_text(user=cast.annotator, segment=row(cast, "u2"), text="Guten Tag", base_revision=1)
    mended = SHEET.replace(b"guten tak,", b"guten tak,Guten Tag!")
    done = bring(cast.manager, cast.project, {"calls.csv": mended}, corrections="gold")
    assert (done.counts["updated"], faults_of(done)) == (1, {3: ["decided_here"]})
    assert Gold.objects.get().segment == row(cast, "u1")
    assert (row(cast, "u1").text, row(cast, "u2").text) == ("hallo welt", "Guten Tag")
