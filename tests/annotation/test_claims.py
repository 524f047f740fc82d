"""A claim costs the same at any length of the queue, mixes nothing that cannot be decoded together."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from django.db import connection

from annotation.models import Decoding, Project, Recording
from annotation.services import claims, decodings, turns
from annotation.services.decodings import Fit
from annotation.services.models import card_of
from annotation.states import Pass, Priority
from tests.factories import make_decoding, make_job, make_recording, make_segment
from transcription.types import DecodingOptions

pytestmark = pytest.mark.django_db

QUEUED = 100_000

FILL = """
INSERT INTO annotation_decoding (project_id, recording_id, job_id, pass_name, model, options, options_digest,
       channel, start_ms, end_ms, priority, state, claim, attempts, claimed_by, cause, cause_code, created_at)
SELECT d.project_id, d.recording_id, d.job_id, CASE n %% 2 WHEN 0 THEN 'draft' ELSE 'refine' END, d.model,
       d.options, md5((n %% 7)::text), 0, n * 1000, n * 1000 + 900, 0, 'queued', 0, 0, '', '', '', now()
  FROM annotation_decoding d, generate_series(10, %s) AS n WHERE d.id = %s
"""


@pytest.fixture
def queue(cast: Any) -> Decoding:
    recording = make_recording(cast.project)
    job = make_job(recording)
    return make_decoding(job, make_segment(cast.project, recording=recording))


def test_a_claim_looks_at_the_head_of_the_queue_and_not_at_the_queue(queue: Decoding) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FILL, [QUEUED, queue.pk])
    assert Decoding.objects.count() > 99_000
    for _ in range(15):
        assert decodings.claim_batch(passes=(Pass.DRAFT, Pass.REFINE), worker="w", fit=Fit(8)) is not None
    with connection.cursor() as cursor:
        limits = [turns.bounds(haste) for haste in turns.HASTE]
        values: dict[str, Any] = {
            "passes": ["draft", "refine"],
            "hastes": [haste.value for haste in turns.HASTE],
            "least": [least for least, _ in limits],
            "below": [below for _, below in limits],
            "without": [],
        }
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {claims.HEADS}", values)
        (plan,) = cursor.fetchone()[0]
    nodes = list(_nodes(plan["Plan"]))
    scans = [node for node in nodes if node.get("Relation Name") == "annotation_decoding"]
    assert [node.get("Index Name") for node in scans] == ["decoding_queue"]
    read = sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in scans)
    assert read <= 2, "a row for each class that has one"


def _nodes(plan: dict[str, Any]) -> Any:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def test_a_batch_is_as_long_as_fits_and_never_empty(cast: Any) -> None:
    recording = make_recording(cast.project)
    job = make_job(recording)
    for number in range(5):
        start = number * 10_000
        make_decoding(
            job, make_segment(cast.project, recording=recording, start_ms=start, end_ms=start + 4_000)
        )
    lengths = []
    for fit in (Fit(8, 9_000), Fit(8, 1_000), Fit(1), Fit(8)):
        batch = decodings.claim_batch(passes=(Pass.DRAFT,), worker="w", fit=fit)
        assert batch is not None
        lengths.append(len(batch.decodings))
    assert lengths == [2, 1, 1, 1]


def test_a_fresh_batch_is_filled_with_bulk_and_a_kept_turn_is_not_filled_at_all(cast: Any) -> None:
    recording = make_recording(cast.project)
    job = make_job(recording)
    for number in range(6):
        segment = make_segment(cast.project, recording=recording, start_ms=number * 1000)
        make_decoding(job, segment, priority=Priority.FRESH if number % 2 else Priority.BULK)
    behind = decodings.claim_batch(
        passes=(Pass.DRAFT,), worker="w", fit=Fit(8), choose=lambda heads: turns.behind(heads, 0)
    )
    assert behind is not None
    assert behind.is_behind
    assert [c.start_ms for c in behind.decodings] == [0, 2000, 4000]
    decodings.hand_back(behind.decodings)
    filled = decodings.claim_batch(passes=(Pass.DRAFT,), worker="w", fit=Fit(4))
    assert filled is not None
    assert sorted(c.start_ms for c in filled.decodings) == [0, 1000, 3000, 5000]


def test_only_who_goes_before_a_batch_that_lies_ready_is_claimed_past_it(cast: Any) -> None:
    recording = make_recording(cast.project)
    job = make_job(recording)
    bulk, person = (make_segment(cast.project, recording=recording, start_ms=n * 1000) for n in range(2))
    make_decoding(job, bulk)
    past = turns.ahead_of(turns.rank(Pass.DRAFT, Priority.BULK))

    def claim() -> decodings.Batch | None:
        return decodings.claim_batch(passes=(Pass.DRAFT,), worker="w", fit=Fit(8), choose=past)

    assert claim() is None
    make_decoding(job, person, priority=Priority.PERSON)
    batch = claim()
    assert batch is not None
    assert [c.start_ms for c in batch.decodings] == [1000]


def test_without_suspects_nothing_is_claimed_beside_one_that_failed_before(cast: Any) -> None:
    recording = make_recording(cast.project)
    job = make_job(recording)
    for number in range(2):
        segment = make_segment(cast.project, recording=recording, start_ms=number * 1000)
        make_decoding(job, segment, attempts=1 - number)
    asked = {"passes": (Pass.DRAFT,), "worker": "w", "fit": Fit(8)}
    assert decodings.claim_batch(**asked, suspects=False) is None  # type: ignore[arg-type]
    batch = decodings.claim_batch(**asked)  # type: ignore[arg-type]
    assert batch is not None
    assert (batch.suspect, len(batch.decodings)) == (True, 1)


def test_options_follow_the_project_the_recording_and_the_card(cast: Any) -> None:
    project: Project = cast.project
    project.language = ""
    assert decodings.options_for(project, "small").language is None
    assert decodings.options_for(project, "small", "de").language == "de"
    demo = decodings.options_for(project, "demo-draft", "de")
    assert (demo.language, demo.context) == ("en", "fit"), "an English model hears English"
    assert isinstance(demo, DecodingOptions)


def test_a_draft_that_is_refined_takes_one_beam_and_a_single_pass_takes_five(cast: Any) -> None:
    recording = make_recording(cast.project)
    make_segment(cast.project, recording=recording)
    decodings.plan(job=make_job(recording), recording=recording)
    beams = {d.pass_name: d.options["beam_size"] for d in Decoding.objects.filter(recording=recording)}
    assert beams == {Pass.DRAFT: 1, Pass.REFINE: 5}

    Project.objects.filter(pk=cast.project.pk).update(refine_model=None)
    recording = Recording.objects.get(pk=make_recording(cast.project).pk)
    make_segment(recording.project, recording=recording)
    decodings.plan(job=make_job(recording), recording=recording)
    assert [d.options["beam_size"] for d in Decoding.objects.filter(recording=recording)] == [5]


def test_the_card_of_a_model_has_the_last_word_on_beams(cast: Any, monkeypatch: Any) -> None:
    card = card_of("demo-draft")
    assert card is not None
    wider = dataclasses.replace(card, decoding={"beam_size": 3})
    monkeypatch.setattr("annotation.services.decodings.card_of", lambda name: wider)
    assert decodings.options_for(cast.project, "demo-draft", preliminary=True).beam_size == 3


def test_work_that_can_be_done_here_is_found_behind_any_amount_that_cannot(queue: Decoding) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FILL, [2_000, queue.pk])
    reachable = Decoding.objects.filter(state="queued").order_by("-pk").first()
    assert reachable is not None
    Decoding.objects.exclude(pk=reachable.pk).update(model="broken-here")
    batch = decodings.claim_batch(
        passes=(Pass.DRAFT, Pass.REFINE), worker="w", fit=Fit(8), without=("broken-here",)
    )
    assert batch is not None
    assert [claimed.id for claimed in batch.decodings] == [reachable.pk]


def test_where_each_segment_may_have_its_language_each_is_a_window(cast: Any) -> None:
    Project.objects.filter(pk=cast.project.pk).update(
        language="", language_scope="segment", draft_model="small", refine_model=None
    )
    recording = make_recording(Project.objects.get(pk=cast.project.pk))
    for number in range(3):
        make_segment(
            recording.project, recording=recording, start_ms=number * 3_000, end_ms=number * 3_000 + 2_500
        )
    decodings.plan(job=make_job(recording), recording=recording)
    assert Decoding.objects.filter(recording=recording).count() == 3


def test_the_glossary_reaches_whisper_but_not_a_model_of_bare_sentences(cast: Any) -> None:
    cast.project.glossary = ["Bosch", "Rotos"]
    assert decodings.options_for(cast.project, "small.en").hotwords == "Bosch, Rotos"
    assert decodings.options_for(cast.project, "demo-draft").hotwords is None
