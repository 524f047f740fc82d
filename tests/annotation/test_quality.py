"""What the second pass is worth: counted where it listened, estimated with an interval where it did not."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.models import Decoding, Hypothesis, Project, Segment
from annotation.quality import refining as quality
from annotation.states import DecodingState, Pass, RefineWhen, Role
from tests.annotation.api.calling import Caller
from tests.factories import make_decoding, make_job, make_project, make_recording
from tests.personas import Cast

pytestmark = pytest.mark.django_db

NOTHING = {"substitutions": 0, "deletions": 0, "insertions": 0}


def hear(project: Project, risk: float | None, changed: int | None, *, ms: int = 400) -> Segment:
    """Draft a segment of ten words in 2 s, and refine it with `changed` words; None = skip that."""
    recording = project.recordings.first() or make_recording(project, duration_ms=10_000_000)
    job = recording.jobs.first() or make_job(recording)
    start = 2_000 * Segment.objects.filter(recording=recording).count()
    segment = Segment.objects.create(
        project=project, recording=recording, start_ms=start, end_ms=start + 2_000
    )
    for pass_name in Pass:
        draft = pass_name == Pass.DRAFT
        skipped = not draft and changed is None
        decoding = make_decoding(
            job, segment, pass_name=pass_name, model=f"demo-{pass_name.value}",
            state=DecodingState.SKIPPED if skipped else DecodingState.DONE,
            processing_ms=None if skipped else 100 if draft else ms,
        )  # fmt: skip
        if skipped:
            continue
        counts: dict[str, Any] = {**NOTHING, "substitutions": changed, "reference_length": 10}
        Hypothesis.objects.create(
            decoding=decoding, segment=segment, pass_name=pass_name, model=decoding.model, text="x",
            risk=risk if draft else 0.01, changes=None if draft else counts,
        )  # fmt: skip
    return segment


@pytest.fixture
def project() -> Project:
    """Make a project: 30 calm windows refined with 3 changed, 70 skipped, 50 risky ones with 40 changed."""
    project = make_project(refine_when=RefineWhen.RISKY, refine_above=0.3)
    for number in range(30):
        hear(project, 0.15, 1 if number < 3 else 0)
    for _ in range(70):
        hear(project, 0.15, None)
    for number in range(50):
        hear(project, 0.75, 4 if number < 40 else 0)
    return project


def test_it_counts_cost_and_changes_by_risk(project: Project) -> None:
    effect = quality.refine_effect(project)
    assert (effect.refined, effect.skipped, effect.looked_at) == (80, 70, 150)
    assert (effect.draft_ms, effect.refine_ms) == (15_000, 32_000)
    assert effect.rtf == pytest.approx(0.2)
    assert effect.saved_ms == 28_000
    calm, risky = effect.bands[1], effect.bands[7]
    assert (calm.refined, calm.skipped, calm.changed, calm.words_changed) == (30, 70, 3, 3)
    assert (risky.refined, risky.skipped, risky.changed, risky.words_changed) == (50, 0, 40, 160)
    assert risky.share_changed == pytest.approx(0.8)
    assert sum(band.windows for band in effect.bands) == 150


def test_what_skipping_loses_is_estimated_from_the_sample(project: Project) -> None:
    effect = quality.refine_effect(project)
    assert effect.sample == 30
    assert effect.sample_changed is not None
    assert effect.sample_changed.value == pytest.approx(0.1)
    # Wilson's interval of 3 in 30, by hand.
    assert effect.sample_changed.low == pytest.approx(0.0346, abs=1e-3)
    assert effect.sample_changed.high == pytest.approx(0.2562, abs=1e-3)
    assert effect.missed_words is not None
    assert effect.missed_words.value == pytest.approx(70 * 3 / 30)
    assert 0 <= effect.missed_words.low < 7 < effect.missed_words.high < 40


def test_the_curve_weighs_skipped_windows_like_refined_ones_of_their_band(project: Project) -> None:
    points = {point.above: point for point in quality.refine_effect(project).curve}
    assert (points[0.0].saved, points[0.0].missed) == (0, 0)
    assert (points[1.0].saved, points[1.0].missed) == (1, 1)
    assert points[0.3].saved == pytest.approx(100 / 150)
    assert points[0.3].missed == pytest.approx(10 / 170)


def test_a_sample_without_a_change_still_has_an_upper_bound() -> None:
    project = make_project(refine_when=RefineWhen.RISKY, refine_above=0.5)
    for _ in range(25):
        hear(project, 0.1, 0)
    for _ in range(50):
        hear(project, 0.1, None)
    missed = quality.refine_effect(project).missed_words
    assert missed is not None
    assert (missed.low, missed.value) == (0, 0)
    assert missed.high == pytest.approx(3 / 25 * 50)


def test_little_says_nothing() -> None:
    project = make_project(refine_above=0.5)
    assert quality.refine_effect(project).curve == ()
    hear(project, 0.2, 1)
    hear(project, 0.2, None)
    effect = quality.refine_effect(project)
    assert (effect.sample_changed, effect.missed_words, effect.curve) == (None, None, ())
    assert effect.looked_at == 2


def test_a_window_without_a_draft_and_a_retired_segment_say_nothing() -> None:
    project = make_project()
    hear(project, 0.2, 1)
    retired = hear(project, 0.9, 1)
    Segment.objects.filter(pk=retired.pk).update(retired_at="2026-01-01T00:00:00Z")
    hear(project, None, 1)
    assert quality.refine_effect(project).looked_at == 1


def test_reviewers_and_managers_read_it_and_managers_set_the_rule(cast: Cast) -> None:
    path = f"/api/projects/{cast.project.pk}/"
    hear(cast.project, 0.2, 1)
    told = Caller(cast.reviewer).get(f"{path}refine/").json
    assert (told["refine_when"], told["refined"], told["looked_at"]) == ("always", 1, 1)
    assert told["bands"][2]["words_changed"] == 1
    changed = Caller(cast.manager).patch(path, {"refine_when": "risky", "refine_above": 0.4})
    assert changed.status == 200
    assert (changed.json["refine_when"], changed.json["refine_above"]) == ("risky", 0.4)
    assert Caller(cast.reviewer).get(f"{path}refine/").json["refine_above"] == 0.4
    for wrong in (1.5, -1, "0.3", True, None):
        answer = Caller(cast.manager).patch(path, {"refine_above": wrong})
        assert answer.status == 400, wrong
    assert Caller(cast.manager).patch(path, {"refine_when": "never"}).status == 400
    both = Caller(cast.manager).patch(path, {"language_scope": "segment", "channels_apart": False})
    assert (both.json["language_scope"], both.json["channels_apart"]) == ("segment", False)


def test_the_models_of_a_project_say_how_they_are_used_and_why(cast: Cast) -> None:
    path = f"/api/projects/{cast.project.pk}/models/"
    told = Caller(cast.manager).get(path).json
    assert [(row["model"], row["passes"], row["context"]) for row in told["models"]] == [
        ("demo-draft", ["draft"], "fit"),
        ("demo-refine", ["refine"], "fit"),
    ]
    assert told["models"][0]["reason"] == "Fitted context: the model was trained for it."
    assert (told["references"], told["references_needed"]) == (0, 200)
    Project.objects.filter(pk=cast.project.pk).update(draft_model="not-here")
    cast.project.context_gates.create(
        model="not-here", open=True, references=210, reference_words=2_000, full_errors=100, fit_errors=99,
        normalisation="plain-1", reason="Fitted context: it was as good.",
    )  # fmt: skip
    row = Caller(cast.reviewer).get(path).json["models"][0]
    assert (row["context"], row["reason"]) == ("fit", "Fitted context: it was as good.")
    assert row["gate"]["fit_errors"] == 99
    assert Caller(cast.annotator).get(path).json["error"]["code"] == "denied"
    assert Role.ANNOTATOR.value in Caller(cast.annotator).get(path).json["error"]["message"]
    assert Decoding.objects.count() == 0
