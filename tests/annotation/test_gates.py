"""A gate opens on evidence alone, closes on evidence, and decides in which context windows are heard."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from annotation.models import ContextGate, Decision, Project, Segment
from annotation.services import gates, references
from annotation.services.clock import ClockTimestamp
from annotation.services.decodings import options_for
from annotation.services.gates import MIN_REFERENCES, Evaluation
from annotation.services.models import card_of
from annotation.states import DecisionKind, SegmentState, Source
from tests.factories import make_project, make_recording
from transcription.text.metrics import ErrorCounts

pytestmark = pytest.mark.django_db

MARGIN_MS = 2_900


def evaluation(
    fit_errors: int, *, references: int = MIN_REFERENCES, full_errors: int = 100, words: int = 2_000
) -> Evaluation:
    return Evaluation(
        model="stock",
        references=references,
        full=ErrorCounts(substitutions=full_errors, reference_length=words),
        fit=ErrorCounts(deletions=fit_errors, reference_length=words),
        full_ms=9_000,
        fit_ms=2_000,
    )


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Project:
    real = card_of
    made = card_of("demo-refine")
    assert made is not None
    stock = replace(made, context="full", margin_ms=MARGIN_MS)
    for module in ("gates", "references", "decodings"):
        monkeypatch.setattr(
            f"annotation.services.{module}.card_of", lambda name: stock if name == "stock" else real(name)
        )
    return make_project(draft_model="stock", refine_model="demo-refine")


def corrected(project: Project, count: int, **values: object) -> list[Segment]:
    recording = make_recording(project, duration_ms=10_000_000)
    return Segment.objects.bulk_create(
        Segment(
            **{
                "project": project,
                "recording": recording,
                "start_ms": 1_000 * n,
                "end_ms": 1_000 * n + 900,
                "text": f"sentence {n}",
                "state": SegmentState.CORRECTED,
                "source": Source.HUMAN,
                "revision": 2,
                **values,
            }
        )
        for n in range(count)
    )


@pytest.mark.parametrize(
    ("fit_errors", "opens"), [(90, True), (100, True), (106, True), (107, False), (400, False)]
)
def test_it_opens_at_a_loss_of_at_most_three_tenths_of_a_point(
    project: Project, fit_errors: int, opens: bool
) -> None:
    gate = gates.record_evaluation(project, evaluation(fit_errors))
    assert gate.open is opens
    assert "5.00 % in full" in gate.reason
    assert f"{100 * fit_errors / 2000:.2f} % in fitted" in gate.reason
    assert gate.normalisation == "plain-1"
    assert (gate.full_errors, gate.fit_errors, gate.reference_words) == (100, fit_errors, 2_000)
    assert (gate.full_ms, gate.fit_ms) == (9_000, 2_000)


def test_it_stays_shut_without_enough_references(project: Project) -> None:
    gate = gates.record_evaluation(project, evaluation(0, references=MIN_REFERENCES - 1))
    assert not gate.open
    assert gate.reason == "Full context: 199 corrected segments were compared, at least 200 are needed."
    assert not gates.record_evaluation(project, evaluation(0, words=0)).open


def test_what_is_planned_follows_the_gate_of_the_project_and_the_model(project: Project) -> None:
    other = make_project("Other", draft_model="stock")
    assert options_for(project, "stock").context == "full"
    gates.record_evaluation(project, evaluation(100))
    assert options_for(project, "stock").context == "fit"
    assert options_for(project, "stock").margin_ms == MARGIN_MS
    assert options_for(other, "stock").context == "full"
    gates.record_evaluation(project, evaluation(200))
    assert options_for(project, "stock").context == "full"
    assert ContextGate.objects.filter(project=project).count() == 1


def test_a_model_made_for_it_needs_no_gate(project: Project) -> None:
    assert gates.context_for(project, "demo-refine") == "fit"


def test_references_are_the_newest_texts_of_people(project: Project) -> None:
    rows = corrected(project, 6)
    Segment.objects.filter(pk=rows[0].pk).update(state=SegmentState.REFINED, source=Source.REFINE)
    Segment.objects.filter(pk=rows[1].pk).update(retired_at=ClockTimestamp())
    Segment.objects.filter(pk=rows[2].pk).update(updated_at=ClockTimestamp() - timedelta(days=1))
    corrected(make_project("Other"), 3)
    found = references.newest(project, 3)
    assert [r.text for r in found] == ["sentence 3", "sentence 4", "sentence 5"]
    assert references.newest(project, 3) == found
    assert references.newest(project)[0].text == "sentence 2"


def test_a_check_is_due_once_there_is_enough_and_weekly_while_people_correct(project: Project) -> None:
    corrected(project, MIN_REFERENCES - 1)
    assert references.due() == []
    corrected(project, 1)
    assert references.due() == [(project, "stock")]
    gates.record_evaluation(project, evaluation(100))
    assert references.due() == []
    week = timedelta(days=7, seconds=1)
    ContextGate.objects.update(checked_at=ClockTimestamp() - week)
    Segment.objects.update(updated_at=ClockTimestamp() - 2 * week)
    assert references.due() == []
    corrected(project, references.NEW_FOR_CHECK)
    assert references.due() == [(project, "stock")]


def test_texts_that_do_not_say_all_that_was_spoken_are_no_references(project: Project) -> None:
    rows = corrected(project, 8)
    texts = ["[unintelligible]", "[noise] [laughter].", "so [unintelligible] then", "[foreign:fr]",
             "[noise] hello there", "", "half of a split", "decided after a merge"]  # fmt: skip
    for row, text in zip(rows, texts, strict=True):
        row.text = text
    Segment.objects.bulk_update(rows, ["text"])
    whole = Segment.objects.create(
        project=project,
        recording=rows[0].recording,
        start_ms=6_000,
        end_ms=8_000,
        retired_at=ClockTimestamp(),
    )
    for part in rows[6:]:
        part.parents.add(whole)
    Decision.objects.create(project=project, segment=rows[7], kind=DecisionKind.SAVE)
    found = references.newest(project)
    assert [r.text for r in found] == ["hello there", "", "decided after a merge"]
