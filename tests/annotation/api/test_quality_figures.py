"""The quality figures: counts pooled, equal to what an export says, and nobody else's for annotators."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jiwer
import pytest
from django.utils import timezone

from annotation.models import (
    Decision,
    Gold,
    GoldScore,
    MachineScore,
    Membership,
    Pair,
    Reading,
    Recording,
    SampleCount,
    Segment,
    User,
)
from annotation.quality import catalogue
from annotation.quality.catalogue import BY, FIGURES, figure
from annotation.quality.scope import Scope
from annotation.quality.triage import curve
from annotation.services import scoring
from annotation.services.error_estimate import estimate
from annotation.states import DecisionKind, Role, SegmentState
from tests.annotation.api.calling import Caller
from tests.annotation.exporting import content, make_sound, make_version
from tests.annotation.test_scoring import hear, pairs, review
from tests.factories import make_recording, make_user
from tests.personas import Cast
from transcription.text.normalize import normalize

pytestmark = pytest.mark.django_db


def quality(person: User | Caller, cast: Cast, rest: str = "") -> Any:
    caller = person if isinstance(person, Caller) else Caller(person)
    answer = caller.get(f"/api/projects/{cast.project.pk}/quality/{rest}")
    assert answer.status == 200, answer.json
    return answer.json


@pytest.fixture
def second(cast: Cast) -> User:
    """Return another annotator of the project."""
    person = make_user("second")
    Membership.objects.create(project=cast.project, user=person, role=Role.ANNOTATOR)
    return person


def decide(segment: Segment, author: User, **values: Any) -> Decision:
    return Decision.objects.create(
        project=segment.project, segment=segment, kind=values.pop("kind", DecisionKind.SAVE), author=author,
        audio_ms=segment.end_ms - segment.start_ms, **values,
    )  # fmt: skip


@pytest.fixture
def filled(cast: Cast, second: User) -> Cast:
    """Fill a project: two annotators, two models, a planted word, twelve recordings, three languages."""
    dice = random.Random(17)
    for number, (reference, text) in enumerate(pairs(60, seed=2)):
        author = cast.annotator if number % 3 else second
        if number % 5 == 0:
            recording = make_recording(cast.project, duration_ms=10_000_000)
        planted = number % 10 == 0
        segment = hear(
            cast.project, f"{reference} Bosch".strip(), f"{text} {'posch' if planted else 'bosch'}",
            refined=f"{reference} bosch" if number % 2 else None, author=author, recording=recording,
            risk=round(dice.random(), 3), language=("en", "de", "")[number % 3], speaker="AB"[number % 2],
        )  # fmt: skip
        decide(segment, author, active_ms=1_000, heard_share=1.0 if number % 2 else 0.5)
    scoring.score(cast.project)
    return cast


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


def names_in(said: Any) -> set[str]:
    """Return the people that an answer's rows name."""
    if isinstance(said, list):
        return set().union(*map(names_in, said))
    if not isinstance(said, dict):
        return set()
    here = {said[key] for key in ("annotator", "reviewer") if isinstance(said.get(key), str)}
    return here.union(*map(names_in, said.values()))


def test_annotators_see_their_own_at_every_address(filled: Cast, second: User) -> None:
    judged = Segment.objects.filter(annotator=second).earliest("pk")
    review(judged, filled, revision=2, result=2, verdict="accept", text=judged.text)
    scoring.score(filled.project)
    base = f"/api/projects/{filled.project.pk}/quality/"
    callers = {person.pk: Caller(person) for person in (filled.annotator, second)}
    for name in ("", *FIGURES):
        for by in BY.get(name, ("",)):
            path = f"{name}/?by={by}" if by else f"{name}/?" if name else "?"
            for person, other in ((filled.annotator, second), (second, filled.annotator)):
                caller = callers[person.pk]
                said = quality(caller, filled, path)
                assert names_in(said) <= {person.username}, path
                assert said == quality(caller, filled, f"{path}&annotator={person.pk}")
                for form in ("", "&format=csv", "&format=svg") if name else ("",):
                    refused = caller.get(f"{base}{path}&annotator={other.pk}{form}")
                    assert (refused.status, refused.code) == (403, "denied")
    for path in ("wer/?by=annotator", "people/"):
        (own,) = quality(second, filled, path)["rows"]
        assert (own["annotator"], own["segments"]) == ("second", 20)
        everybody = quality(filled.reviewer, filled, path)
        assert {row["annotator"] for row in everybody["rows"]} == {"annotator", "second"}


def test_an_annotators_figures_are_counted_from_their_texts_alone(filled: Cast, second: User) -> None:
    own = quality(second, filled, "triage/")
    assert own["summary"]["segments"] == 20
    assert quality(filled.manager, filled, "triage/")["summary"]["segments"] == 60
    assert quality(second, filled)["estimate"] is None
    assert quality(second, filled)["own"] is True


def test_people_have_their_pace_returns_agreement_and_gold(filled: Cast, second: User) -> None:
    rows = list(Segment.objects.filter(annotator=second).order_by("pk")[:6])
    for number, segment in enumerate(rows[:4]):
        if number == 0:
            from annotation.models import Review

            Review.objects.create(
                project=filled.project, segment=segment, revision=2, result=2, verdict="return",
                reason_code="words", reviewer=filled.reviewer, annotator=second,
            )  # fmt: skip
        else:
            review(segment, filled, revision=2, result=2, verdict="accept", text=segment.text)
    pair = Pair.objects.create(
        project=filled.project, segment=rows[4], substitutions=1, deletions=0, insertions=0,
        first_words=10, second_words=10, compared_at=timezone.now(),
    )  # fmt: skip
    for place, author in ((1, second), (2, filled.annotator)):
        Reading.objects.create(
            pair=pair, segment=rows[4], place=place, author=author, kind="save", text="x", base_revision=1
        )
    gold = Gold.objects.create(project=filled.project, segment=rows[5], text="gold")
    GoldScore.objects.create(
        gold=gold, project=filled.project, annotator=second, profile="spoken-1", substitutions=0, deletions=0,
        insertions=0, words=1, character_errors=0, characters=4, passed=True, limit=0.1,
    )  # fmt: skip
    # A decision that was taken back, and one more on the same row: neither is work twice.
    decide(rows[0], second, active_ms=500, heard_share=1.0)
    undone = decide(rows[1], second, active_ms=9_000)
    decide(rows[1], second, kind=DecisionKind.UNDO, undoes=undone)
    scoring.score(filled.project)
    found = {row["annotator"]: row for row in quality(filled.manager, filled, "people/")["rows"]}["second"]
    assert (found["segments"], found["audio_ms"], found["active_ms"]) == (20, 40_000, 20_500)
    assert found["effort"] == pytest.approx(20_500 / 40_000)
    assert found["heard"] == pytest.approx((10 * 1.0 + 10 * 0.5 + 0.5) / 20, abs=0.03)
    assert (found["reviewed"], found["returned"]) == (4, 0.25)
    assert found["returned_low"] == pytest.approx(0.0456, abs=1e-3)
    assert (found["pairs"], found["gold"], found["gold_passed"]) == (1, 1, 1.0)
    (own,) = quality(second, filled, "people/")["rows"]
    # Gold is unseen: its figure would tell which rows are.
    assert {**own, "gold": 1, "gold_passed": 1.0, "gold_passed_low": 0, "gold_passed_high": 0} == {
        **found, "gold_passed_low": 0, "gold_passed_high": 0,
    }  # fmt: skip
    assert "gold" not in [column["key"] for column in quality(second, filled, "people/")["columns"]]
    assert quality(filled.manager, filled, "review/")["rows"][0]["wer"] == 0.0


def test_effort_is_of_the_segments_whose_time_was_told(filled: Cast, second: User) -> None:
    row = Segment.objects.filter(annotator=second).earliest("pk")
    untold = hear(filled.project, "no page", "no page", author=second)
    # Saved again without a word of time: what was told before is still its time, and its audio counts.
    decide(row, second, heard_share=1.0)
    decide(untold, second, heard_share=1.0)
    found = {one["annotator"]: one for one in quality(filled.manager, filled, "people/")["rows"]}["second"]
    assert (found["audio_ms"], found["active_ms"]) == (42_000, 20_000)
    assert found["effort"] == pytest.approx(20_000 / 40_000)


def test_the_interval_of_agreement_is_by_recordings(filled: Cast, second: User) -> None:
    """Twelve recordings, each with readers who agree on all of it or on nothing."""
    for number in range(12):
        recording = make_recording(filled.project, duration_ms=100_000)
        for _ in range(4):
            segment = hear(filled.project, "x", "x", recording=recording)
            pair = Pair.objects.create(
                project=filled.project, segment=segment, substitutions=5 * (number % 2), deletions=0,
                insertions=0, first_words=5, second_words=5, compared_at=timezone.now(),
            )  # fmt: skip
            for place, author in ((1, second), (2, filled.annotator)):
                Reading.objects.create(
                    pair=pair, segment=segment, place=place, author=author, kind="save", text="x",
                    base_revision=1,
                )  # fmt: skip
    (found,) = (r for r in quality(filled.manager, filled, "people/")["rows"] if r["annotator"] == "second")
    assert (found["pairs"], found["agreement"]) == (48, 0.5)
    # As wide as twelve recordings make it (t = 2.2 of 11), not as narrow as 48 pairs would.
    assert found["agreement_low"] == pytest.approx(0.5 - 2.2 * 0.5 / 11**0.5, abs=0.01)


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


def test_every_figure_comes_as_csv_and_svg(filled: Cast) -> None:
    for name in FIGURES:
        comes_as_csv_and_svg(filled, name)


def test_review_and_people_are_plotted_and_not_told_to_whom_they_examine(filled: Cast, second: User) -> None:
    row = Segment.objects.filter(annotator=second).earliest("pk")
    pair = Pair.objects.create(
        project=filled.project, segment=row, substitutions=1, deletions=0, insertions=0,
        first_words=4, second_words=4, character_edits=2, first_characters=10, second_characters=10,
        compared_at=timezone.now(),
    )  # fmt: skip
    for place, author in ((1, second), (2, filled.annotator)):
        Reading.objects.create(
            pair=pair, segment=row, place=place, author=author, kind="save", text="x", base_revision=1
        )
    Pair.objects.update(state="agreed", revision=2)
    GoldScore.objects.create(
        gold=Gold.objects.create(project=filled.project, segment=row, text="gold"), project=filled.project,
        annotator=second, profile="spoken-1", substitutions=0, deletions=0, insertions=1, words=4,
        character_errors=1, characters=4, passed=False, limit=0.1,
    )  # fmt: skip
    SampleCount.objects.create(project=filled.project, annotator=second, decided=20, drawn=2)
    rows = quality(filled.manager, filled, "agreement/")["rows"]
    assert [(r["annotator"], r["pairs"], r["agreed"], r["wer"], r["cer"]) for r in rows] == [
        (name, 1, 1.0, 0.25, 0.2) for name in ("everybody", "annotator", "second")
    ]
    assert [r["annotator"] for r in quality(second, filled, "agreement/")["rows"]] == ["second"]
    (told,) = quality(filled.manager, filled, "gold/")["rows"]
    assert (told["annotator"], told["pass_rate"], told["wer"], told["cer"]) == ("second", 0.0, 0.25, 0.25)
    (told,) = quality(filled.manager, filled, "drawn/")["rows"]
    assert (told["decided"], told["drawn"], told["share"]) == (20, 2, 0.1)
    for name in ("gold", "drawn"):
        assert quality(second, filled, f"{name}/")["rows"] == []
    address = f"/api/projects/{filled.project.pk}/quality/"
    seen = {
        by: Caller(filled.manager).get(f"{address}people/?by={by}&format=svg").body.decode()
        for by in BY["people"]
    }
    # Nothing was returned or reviewed here, and one pair says nothing about a person.
    drawn = {by: svg for by, svg in seen.items() if "second" in svg}
    assert drawn.keys() == {"moved", "effort", "heard", "gold"}
    assert len(set(drawn.values())) == 4
    for name in ("agreement", "gold", "drawn"):
        assert "second" in Caller(filled.manager).get(f"{address}{name}/?format=svg").body.decode()


def test_the_estimate_and_the_refine_rule_come_as_files(cast: Cast) -> None:
    for number in range(120):
        hear(cast.project, "a b c d", "a b c x" if number % 2 else "a b c d", author=cast.annotator)
    scoring.score(cast.project)
    told = quality(cast.manager, cast, "estimate/")
    assert [(r["part"], r["segments"], r["wer"]) for r in told["rows"]] == [
        ("all", 120, 0.125), ("decided", 120, 0.125),
    ]  # fmt: skip
    assert quality(cast.annotator, cast, "estimate/")["rows"] == []
    page = Caller(cast.manager).get(f"/projects/{cast.project.pk}/quality/").body.decode()
    assert f"/api/projects/{cast.project.pk}/quality/estimate/?format=csv" in page


def comes_as_csv_and_svg(filled: Cast, name: str) -> None:
    path = f"/api/projects/{filled.project.pk}/quality/{name}/"
    shown = quality(filled.manager, filled, f"{name}/")
    client = Caller(filled.manager).client
    sheet: Any = client.get(f"{path}?format=csv")
    assert sheet.status_code == 200
    assert "attachment" in sheet["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(sheet.content.decode())))
    assert len(rows) == len(shown["rows"])
    for column in shown["columns"]:
        assert column["key"] in (rows[0] if rows else sheet.content.decode())
    drawn: Any = client.get(f"{path}?format=svg")
    svg = ElementTree.fromstring(drawn.content)  # noqa: S314 - our own
    assert svg.tag.endswith("svg")
    assert svg.find("{http://www.w3.org/2000/svg}title") is not None
    assert b"<script" not in drawn.content
    assert b"style=" not in drawn.content


def test_names_cannot_break_a_plot_or_run_in_a_spreadsheet(cast: Cast) -> None:
    for number, name in enumerate(("<script>alert(1)</script>", "=1+1", "a\x0bb", "x" * 90)):
        hear(cast.project, f"text {number}", "text", author=cast.annotator, speaker=name)
    scoring.score(cast.project)
    client = Caller(cast.manager).client
    path = f"/api/projects/{cast.project.pk}/quality/wer/?by=speaker"
    svg: Any = client.get(f"{path}&format=svg")
    ElementTree.fromstring(svg.content)  # noqa: S314 - our own
    assert b"<script" not in svg.content
    sheet: Any = client.get(f"{path}&format=csv")
    assert "\n'=1+1," in sheet.content.decode()


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
