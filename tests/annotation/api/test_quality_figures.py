"""The quality figures: counts pooled, equal to what an export says, ready before anybody asks."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import jiwer
import pytest
from django.utils import timezone

from annotation.models import (
    MachineScore,
    Recording,
    Segment,
    User,
)
from annotation.quality import catalogue
from annotation.quality.catalogue import FIGURES, figure
from annotation.quality.scope import Scope
from annotation.quality.triage import curve
from annotation.services import scoring
from annotation.services.error_estimate import estimate
from annotation.states import SegmentState
from tests.annotation.api.calling import Caller
from tests.annotation.api.figures import another, fill, quality
from tests.annotation.exporting import content, make_sound, make_version
from tests.annotation.test_scoring import hear
from tests.factories import make_recording
from tests.personas import Cast
from transcription.text.normalize import normalize

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(cast: Cast) -> User:
    return another(cast)


@pytest.fixture
def filled(cast: Cast, second: User) -> Cast:
    return fill(cast, second)


def exported(cast: Cast) -> list[dict[str, Any]]:
    response: Any = Caller(cast.manager).client.get(f"/api/projects/{cast.project.pk}/export/?format=jsonl")
    body = b"".join(_whole(response))
    return [json.loads(line) for line in body.decode().splitlines()]


def _whole(response: Any) -> list[bytes]:
    from asgiref.sync import async_to_sync

    async def read() -> list[bytes]:
        return [piece async for piece in response.streaming_content]

    return async_to_sync(read)() if response.is_async else list(response.streaming_content)


def test_the_page_says_what_the_exports_rows_say(filled: Cast) -> None:
    rows = [row for row in exported(filled) if normalize(row.get("correct_transcripts", ""), "spoken-1")]
    references = [normalize(row.get("correct_transcripts", ""), "spoken-1") for row in rows]
    texts = [normalize(row["asr_text"], "spoken-1") for row in rows]
    whole = quality(filled.reviewer, filled, "wer/?by=language")["summary"]
    assert whole["segments"] == len(rows)
    assert whole["wer"] == pytest.approx(jiwer.wer(references, texts))
    assert whole["cer"] == pytest.approx(jiwer.cer(references, texts))
    measured = jiwer.process_words(references, texts)
    assert (whole["substitutions"], whole["deletions"], whole["insertions"]) == (
        measured.substitutions, measured.deletions, measured.insertions,
    )  # fmt: skip
    by_model = {row["model"] for row in rows}
    assert by_model == {"demo-draft", "demo-refine"}


def test_a_frozen_export_counts_the_same_errors(cast: Cast, media_root: Path) -> None:
    recording = make_recording(cast.project)
    make_sound(recording)
    for reference, text in (
        ("heard 0", "heard 0"),
        ("[noise] heard one", "heard 1"),
        ("all other words", "heard 2"),
        ("heard 3, yes", "Heard 3"),
        ("nothing", ""),
    ):
        hear(cast.project, reference, text, recording=recording, author=cast.annotator)
    scoring.score(cast.project)
    export = make_version(cast, "csv")
    rows = list(csv.DictReader(io.StringIO(content(export).decode("utf-8-sig"))))
    whole = quality(cast.manager, cast, "wer/")["summary"]
    assert len(rows) == whole["segments"] == 5
    assert sum(int(row["edit_distance"]) for row in rows) == (
        whole["substitutions"] + whole["deletions"] + whole["insertions"]
    )
    assert whole["wer"] == pytest.approx(6 / 11)


def test_breakdowns_add_up_to_the_whole(filled: Cast) -> None:
    for by in ("language", "speaker", "week", "annotator"):
        found = quality(filled.manager, filled, f"wer/?by={by}")
        for key in ("segments", "words", "substitutions", "deletions", "insertions", "characters"):
            assert sum(row[key] for row in found["rows"]) == found["summary"][key]
        assert found["profile"]["name"] == "spoken-1"
        assert "Cochran" in found["method"]
        for row in found["rows"]:
            assert row["wer_low"] <= row["wer"] <= row["wer_high"]
            assert row["wer"] == pytest.approx(
                (row["substitutions"] + row["deletions"] + row["insertions"]) / row["words"]
            )


def test_the_second_pass_is_compared_on_the_same_words(filled: Cast) -> None:
    (row,) = quality(filled.manager, filled, "passes/")["rows"]
    assert (row["segments"], row["draft_ms"], row["refine_ms"]) == (30, 3_000, 12_000)
    assert row["refine_errors"] == 0
    assert row["saved"] == pytest.approx(row["draft_wer"])
    assert row["saved_low"] <= row["saved"] <= row["saved_high"]
    assert row["mended_per_hour"] == pytest.approx(row["draft_errors"] / (12 / 3600))
    assert row["refine_rtf"] == pytest.approx(12 / 60)


def test_substitutions_are_counted_and_known_to_the_glossary(filled: Cast) -> None:
    first = quality(filled.manager, filled, "substitutions/")["rows"][0]
    assert (first["heard"], first["written"], first["in_glossary"]) == ("posch", "Bosch", False)
    drafted = MachineScore.objects.filter(best=True)
    assert first["times"] == sum(["posch", "Bosch"] in row.replaced for row in drafted)
    filled.project.glossary = ["bosch"]
    filled.project.save(update_fields=["glossary"])
    assert quality(filled.manager, filled, "substitutions/")["rows"][0]["in_glossary"] is True


def test_a_row_that_moved_on_is_not_counted_until_it_is_scored(filled: Cast) -> None:
    before = quality(filled.manager, filled, "wer/")["summary"]["segments"]
    one, two, three = Segment.objects.order_by("pk")[:3]
    Segment.objects.filter(pk=one.pk).update(revision=3)
    Segment.objects.filter(pk=two.pk).update(retired_at=timezone.now())
    assert quality(filled.manager, filled, "wer/")["summary"]["segments"] == before - 2
    Recording.objects.filter(pk=three.recording_id).update(trashed_at=timezone.now())
    inside = Segment.objects.filter(recording=three.recording_id, revision=2).count()
    assert quality(filled.manager, filled, "wer/")["summary"]["segments"] == before - 2 - inside


def test_filters_narrow_every_figure(filled: Cast, second: User) -> None:
    reviewer = filled.reviewer
    mine = quality(reviewer, filled, f"wer/?annotator={second.pk}")["summary"]["segments"]
    assert mine == 20
    recording = Recording.objects.filter(project=filled.project).earliest("pk")
    assert quality(reviewer, filled, f"wer/?recording={recording.pk}")["summary"]["segments"] == 5
    rows = quality(reviewer, filled, "wer/?model=demo-refine")["rows"]
    assert [(row["pass"], row["model"], row["segments"]) for row in rows] == [("refine", "demo-refine", 30)]
    assert quality(reviewer, filled, "wer/?since=2000-01-01&until=2000-12-31")["rows"] == []
    assert quality(reviewer, filled, "people/?until=2000-12-31")["rows"] == []
    for query in ("since=yesterday", "until=2026-02-30", "annotator=x", "recording=-1", "model=%00", "by=sex",
                  "format=png", "since=2026-02-02&until=2026-02-01", "colour=red"):  # fmt: skip
        answer = Caller(reviewer).get(f"/api/projects/{filled.project.pk}/quality/wer/?{query}")
        assert answer.status == 400, query
        assert answer.json["error"]["detail"]


def test_riskiest_first_finds_planted_errors_sooner(cast: Cast) -> None:
    """Errors are planted where the risk is higher; the curve must show it, and time order not."""
    dice = random.Random(23)
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    for _ in range(300):
        risk = dice.random() ** 2
        heard = [word if dice.random() > 0.5 * risk else "wrong" for word in words]
        hear(cast.project, " ".join(words), " ".join(heard), author=cast.annotator, risk=risk)
    scoring.score(cast.project)
    found = curve(Scope(cast.project))
    fifth = found.at(0.2)
    assert fifth is not None
    assert fifth.ideal >= fifth.riskiest > 0.45
    assert fifth.by_time == pytest.approx(0.2, abs=0.06)
    assert all(s.riskiest >= s.by_time - 0.02 for s in found.steps)
    assert (found.steps[-1].riskiest, found.steps[-1].by_time, found.steps[-1].ideal) == (1.0, 1.0, 1.0)
    bins = quality(cast.manager, cast, "reliability/")
    assert sum(row["rows"] for row in bins["rows"]) == 300
    assert bins["summary"]["brier"] < 0.25
    assert all(row["observed_low"] <= row["observed"] <= row["observed_high"] for row in bins["rows"])


def test_a_large_projects_figures_are_ready_before_anybody_asks(
    filled: Cast, redis_emptied: str, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    plain = {name: figure(Scope(filled.project), name) for name in FIGURES}
    monkeypatch.setattr(catalogue, "MANY", 1)
    estimate(filled.project)
    catalogue.make_ready(filled.project)
    for name in FIGURES:
        with django_assert_num_queries(1):
            assert figure(Scope(filled.project), name) == plain[name]
    assert figure(Scope(filled.project, author=filled.annotator.pk, own=True), "people").rows != plain[
        "people"
    ].rows  # fmt: skip
    filled.project.glossary = ["Bosch"]
    assert figure(Scope(filled.project), "substitutions").rows[0]["in_glossary"] is True


def test_nothing_yet_is_said_and_no_error(cast: Cast) -> None:
    hear(cast.project, "heard", "heard", state=SegmentState.DRAFT)
    for name in FIGURES:
        assert quality(cast.manager, cast, f"{name}/")["rows"] == []
    whole = quality(cast.manager, cast)
    assert (whole["estimate"], whole["scored_at"], whole["machine"]["summary"]) == (None, None, {})


def test_queries_do_not_grow_with_rows(filled: Cast, django_assert_max_num_queries: Any) -> None:
    caller = Caller(filled.manager)
    for name in ("", *FIGURES):
        with django_assert_max_num_queries(20 if not name else 16):
            quality(caller, filled, f"{name}/" if name else "")
