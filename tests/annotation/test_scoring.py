"""Scores: what people left against what machines heard, counted once, anew where either has moved on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import jiwer
import pytest

from annotation.models import (
    Hypothesis,
    MachineScore,
    Project,
    ProjectQuality,
    Recording,
    Review,
    ReviewScore,
    Revision,
    Segment,
    User,
)
from annotation.quality.intervals import Interval, Moments, ratio, student, wilson
from annotation.services import error_estimate, scoring
from annotation.services.error_estimate import Example, fit
from annotation.states import DecodingState, Pass, SegmentState, Source
from tests.factories import make_decoding, make_job, make_recording
from tests.personas import Cast
from transcription.text.alignment import align, replaced_words
from transcription.text.metrics import count_edits, count_errors
from transcription.text.normalize import normalize

VOCABULARY = {
    "latin": ["a", "the", "cat", "Größe", "naïve", "12", "don't", "Straße", "co-op", "end."],
    "cyrillic": ["мир", "война", "Ёлка", "и", "не", "два"],
    "arabic": ["مرحبا", "كيف", "الحال", "كِتَاب", "نعم"],
    "devanagari": ["नमस्ते", "क्षि", "दुनिया", "हाँ", "१२"],
    "han": ["字", "漢字", "です", "今日は", "한국어"],
}


def spoilt(dice: random.Random, words: Sequence[str], script: str) -> list[str]:
    text = [word for word in words if dice.random() > 0.15]
    for _ in range(dice.randint(0, 4)):
        text.insert(dice.randint(0, len(text)), dice.choice(VOCABULARY[script]))
    return [dice.choice(VOCABULARY[script]) if dice.random() < 0.15 else word for word in text]


def pairs(count: int, seed: int = 41) -> list[tuple[str, str]]:
    """Make references and texts in five scripts; every twelfth text is empty, and some references are."""
    dice, made = random.Random(seed), []
    for number in range(count):
        script = sorted(VOCABULARY)[number % len(VOCABULARY)]
        words = [dice.choice(VOCABULARY[script]) for _ in range(dice.randint(0, 20))]
        text = [] if number % 12 == 0 else spoilt(dice, words, script)
        tags = "[noise] " if number % 7 == 0 else ""
        made.append((tags + " ".join(words), " ".join(text)))
    return made


def hear(
    project: Project,
    reference: str,
    heard: str,
    *,
    recording: Recording | None = None,
    author: User | None = None,
    refined: str | None = None,
    risk: float = 0.5,
    state: str = SegmentState.CORRECTED,
    **values: Any,
) -> Segment:
    """Make a segment that models heard and a person decided about."""
    recording = recording or project.recordings.first() or make_recording(project, duration_ms=10_000_000)
    job = recording.jobs.first() or make_job(recording)
    start = 2_000 * Segment.objects.filter(recording=recording).count()
    segment = Segment.objects.create(
        project=project, recording=recording, start_ms=start, end_ms=start + 2_000, text=reference,
        state=state, source=Source.HUMAN if state in ("corrected", "accepted") else Source.DRAFT,
        revision=2, annotator=author, risk=risk, **values,
    )  # fmt: skip
    Revision.objects.create(segment=segment, number=1, base=0, text=heard, source=Source.DRAFT)
    if state in (SegmentState.CORRECTED, SegmentState.ACCEPTED):
        Revision.objects.create(
            segment=segment, number=2, base=1, text=reference, source=Source.HUMAN, author=author
        )
    for pass_name, text, ms in ((Pass.DRAFT, heard, 100), (Pass.REFINE, refined, 400)):
        if text is None:
            continue
        decoding = make_decoding(
            job, segment, pass_name=pass_name, model=f"demo-{pass_name.value}",
            state=DecodingState.DONE, processing_ms=ms,
        )  # fmt: skip
        Hypothesis.objects.create(
            decoding=decoding, segment=segment, pass_name=pass_name, model=decoding.model, text=text,
            risk=risk, processing_ms=ms,
        )  # fmt: skip
    return segment


def test_counts_equal_jiwers_on_a_thousand_pairs_in_five_scripts() -> None:
    references, texts, words, characters = [], [], [], []
    for reference, text in pairs(1_000):
        ours, theirs = normalize(reference, "spoken-1"), normalize(text, "spoken-1")
        counts = scoring._counts(reference, text)
        if not ours:
            assert (counts["words"], counts["insertions"]) == (0, len(theirs.split()))
            continue
        for measured, prefix, of in (
            (jiwer.process_words(ours, theirs), "", "words"),
            (jiwer.process_characters(ours, theirs), "character_", "characters"),
        ):
            assert counts[f"{prefix}substitutions"] == measured.substitutions
            assert counts[f"{prefix}deletions"] == measured.deletions
            assert counts[f"{prefix}insertions"] == measured.insertions
            assert counts[of] == measured.substitutions + measured.deletions + measured.hits
        references.append(ours)
        texts.append(theirs)
        words.append(count_errors(reference, text, profile="spoken-1"))
        characters.append(count_errors(reference, text, unit="character", profile="spoken-1"))
    assert len(references) > 900
    assert sum(words, type(words[0])()).rate == pytest.approx(jiwer.wer(references, texts))
    assert sum(characters, type(words[0])()).rate == pytest.approx(jiwer.cer(references, texts))


#: Counted by hand: reference, text, substitutions, deletions, insertions, words, edits of characters, length.
BY_HAND = [
    ("The cat sat.", "the cat sat", 0, 0, 0, 3, 0, 11),
    ("the cat sat", "the bat sat", 1, 0, 0, 3, 1, 11),
    ("the cat sat", "cat sat", 0, 1, 0, 3, 4, 11),
    ("the cat sat", "the the cat sat", 0, 0, 1, 3, 4, 11),
    ("[noise] yes", "yes", 0, 0, 0, 1, 0, 3),
    ("", "hello there", 0, 0, 2, 0, 11, 0),
    ("hello there", "", 0, 2, 0, 2, 11, 11),
    ("Straße", "STRASSE", 0, 0, 0, 1, 0, 7),
    ("don\u2019t go", "dont go", 1, 0, 0, 2, 1, 8),
    ("漢字です", "漢子です", 1, 0, 0, 1, 1, 4),
    ("a b c d", "b c d e", 0, 1, 1, 4, 4, 7),
    ("one two three", "won too three four", 2, 0, 1, 3, 8, 13),
]


@pytest.mark.parametrize("row", BY_HAND, ids=lambda row: str(row[0]))
def test_the_hand_checked_table(row: tuple[Any, ...]) -> None:
    reference, text, substitutions, deletions, insertions, words, edits, characters = row
    counts = scoring._counts(reference, text)
    assert (
        counts["substitutions"], counts["deletions"], counts["insertions"], counts["words"],
    ) == (substitutions, deletions, insertions, words)  # fmt: skip
    found = sum(counts[f"character_{kind}"] for kind in ("substitutions", "deletions", "insertions"))
    assert (found, counts["characters"]) == (edits, characters)


def test_the_alignment_is_the_one_that_is_counted() -> None:
    for reference, text in pairs(600, seed=3):
        ours, theirs = reference.split(), text.split()
        found, counts = align(ours, theirs), count_edits(ours, theirs)
        assert [ours[i] for i, _ in found if i is not None] == ours
        assert [theirs[j] for _, j in found if j is not None] == theirs
        wrong = sum(i is not None and j is not None and ours[i] != theirs[j] for i, j in found)
        assert (wrong, sum(j is None for _, j in found)) == (counts.substitutions, counts.deletions)


def test_replaced_words_are_given_as_they_were_spelt() -> None:
    assert replaced_words("Die Rechnung von «Bosch», bitte.", "die rechnung von posch bitte", "spoken-1") == [
        ("posch", "Bosch")
    ]
    assert replaced_words("[noise] well-known", "well none", "spoken-1") == [("none", "known")]
    assert replaced_words("Same, again!", "same again", "spoken-1") == []


@pytest.mark.django_db
def test_it_scores_each_model_once_and_again_when_something_moved(cast: Cast) -> None:
    project = cast.project
    segment = hear(
        project, "the cat sat", "the bat sat", refined="the cat sat", author=cast.annotator, risk=0.7
    )
    assert scoring.score(project).segments == 1
    draft, refine = MachineScore.objects.order_by("pass_name")
    assert (draft.substitutions, draft.words, draft.best, draft.replaced) == (1, 3, False, [["bat", "cat"]])
    assert (refine.substitutions, refine.best, refine.risk, refine.author) == (0, True, 0.7, cast.annotator)
    assert (draft.profile, draft.revision, draft.processing_ms) == ("spoken-1", 2, 100)
    assert scoring.score(project).segments == 0

    Revision.objects.create(segment=segment, number=3, base=2, text="a bat sat", source=Source.HUMAN)
    Segment.objects.filter(pk=segment.pk).update(text="a bat sat", revision=3)
    assert scoring.score(project).segments == 1
    assert set(MachineScore.objects.values_list("revision", "substitutions")) == {(3, 1), (3, 2)}

    decoding = make_decoding(make_job(segment.recording), segment, state=DecodingState.DONE)
    Hypothesis.objects.create(
        decoding=decoding, segment=segment, pass_name="draft", model="demo-draft", text="a bat sat"
    )
    assert scoring.score(project).segments == 1
    assert MachineScore.objects.get(pass_name="draft").substitutions == 0
    assert MachineScore.objects.count() == 2


@pytest.mark.django_db
def test_an_older_score_never_replaces_a_newer_one(cast: Cast) -> None:
    segment = hear(cast.project, "the cat sat", "the bat sat", author=cast.annotator)
    late = Segment.objects.get(pk=segment.pk)
    Revision.objects.create(segment=segment, number=3, base=2, text="the bat sat", source=Source.HUMAN)
    Segment.objects.filter(pk=segment.pk).update(text="the bat sat", revision=3)
    scoring.score(cast.project)
    scoring._score_machines([late])  # a worker that read before the save and writes after it
    score = MachineScore.objects.get()
    assert (score.revision, score.substitutions) == (3, 0)


@pytest.mark.django_db
def test_texts_that_are_no_reference_are_left_alone(cast: Cast) -> None:
    for text in ("[unintelligible]", "la [foreign:fr]", "[noise]"):
        hear(cast.project, text, "something", author=cast.annotator)
    hear(cast.project, "draft", "draft", state=SegmentState.DRAFT)
    assert scoring.score(cast.project).segments == 0
    assert not MachineScore.objects.exists()


@pytest.mark.django_db
def test_a_round_stops_at_its_deadline_and_the_next_goes_on(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "BATCH", 2)
    for number in range(5):
        hear(cast.project, f"text {number}", "text", author=cast.annotator)
    assert scoring.score(cast.project, deadline=0.0) == scoring.Scored(2, False)
    assert not ProjectQuality.objects.exists()
    assert scoring.score_due() == scoring.Scored(3, True)
    assert scoring.score_due() == scoring.Scored(0, True)
    assert ProjectQuality.objects.get(project=cast.project).scored_at is not None


@pytest.mark.django_db
def test_a_quiet_project_is_not_looked_through(cast: Cast, django_assert_max_num_queries: Any) -> None:
    hear(cast.project, "text", "text", author=cast.annotator)
    scoring.score_due()
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE annotation_projectquality SET scored_at = now() - interval '1 hour'")
        cursor.execute("UPDATE annotation_decoding SET finished_at = now() - interval '1 day'")
    with django_assert_max_num_queries(1 + 6 * Project.objects.count()):
        assert scoring.score_due() == scoring.Scored(0, True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT scored_at < now() - interval '50 minutes' FROM annotation_projectquality")
        assert all(row[0] for row in cursor.fetchall())


def test_intervals_hold_what_they_promise() -> None:
    dice, hits, rounds = random.Random(11), 0, 400
    for _ in range(rounds):
        # Recordings with error rates of their own: 10 % on the whole.
        units = []
        for _ in range(30):
            rate, words = min(1.0, dice.gammavariate(2, 0.05)), dice.randint(50, 200)
            units.append((sum(dice.random() < rate for _ in range(words)), words))
        errors, words = sum(e for e, _ in units), sum(w for _, w in units)
        moments = Moments(
            30, sum(e * e for e, _ in units), sum(e * w for e, w in units), sum(w * w for _, w in units)
        )
        found = ratio(errors, words, moments)
        assert found is not None
        hits += found.low <= 0.1 <= found.high
    assert 0.90 <= hits / rounds <= 0.98
    assert ratio(0, 300, Moments(5, 0, 0, 20_000)) == Interval(0.0, 0.0, 0.01)
    assert ratio(1, 0, Moments(5, 0, 0, 0)) is None
    assert ratio(3, 300, Moments(4, 9, 20, 30_000)) is None
    assert student(9) == pytest.approx(2.262, abs=0.002)
    assert student(29) == pytest.approx(2.045, abs=0.001)
    assert wilson(3, 30).high == pytest.approx(0.2562, abs=1e-3)


@pytest.mark.django_db
def test_the_estimate_knows_that_reviewed_work_is_the_riskiest(cast: Cast) -> None:
    dice, project = random.Random(5), cast.project
    recordings = [make_recording(project, duration_ms=10_000_000) for _ in range(12)]
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    for number in range(160):
        # People were given the risky ones; what is left is calm, and every tenth of its words is wrong too.
        risk = dice.uniform(0.4, 1.0) if number % 4 else dice.uniform(0.0, 0.4)
        heard = [w if dice.random() > risk / 2 else "x" for w in words]
        hear(
            project, " ".join(words), " ".join(heard), author=cast.annotator, risk=risk,
            recording=recordings[number % 12],
        )  # fmt: skip
    for _ in range(100):
        hear(project, "a b c d e f g h i j", "-", state=SegmentState.DRAFT, risk=0.2)
    scoring.score(project)
    row = ProjectQuality.objects.get(project=project)
    assert (row.reviewed, row.remaining) == (160, 100)
    assert row.reviewed_rate is not None
    assert row.reviewed_rate == pytest.approx(0.3, abs=0.05)
    assert row.remaining_rate is not None
    assert row.remaining_rate == pytest.approx(0.1, abs=0.05)
    assert row.remaining_low is not None
    assert row.remaining_high is not None
    assert row.remaining_low < row.remaining_rate < row.remaining_high
    assert row.remaining_rate < row.reviewed_low  # type: ignore[operator]
    assert row.remaining_rate < row.overall_rate < row.reviewed_rate  # type: ignore[operator]
    again = error_estimate.estimate(project)
    assert (again.overall_low, again.overall_high) == (row.overall_low, row.overall_high)


@pytest.mark.django_db
def test_what_was_reviewed_has_the_interval_of_all_of_it(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of twelve recordings, of which the map learns from the newest alone."""
    monkeypatch.setattr(error_estimate, "MOST", 100)
    recordings = [make_recording(cast.project, duration_ms=10_000_000) for _ in range(12)]
    for number in range(240):
        wrong = number < 120 and number % 2
        hear(
            cast.project, "a b c d", "a b c x" if wrong else "a b c d", author=cast.annotator,
            recording=recordings[number % 12],
        )  # fmt: skip
    scoring.score(cast.project)
    row = ProjectQuality.objects.get(project=cast.project)
    # Every second recording has ten errors in eighty words, the others none.
    assert row.reviewed_rate == 1 / 16
    known = ratio(60, 960, Moments(12, 6 * 100, 6 * 800, 12 * 6400))
    assert known is not None
    assert (row.reviewed_low, row.reviewed_high) == pytest.approx((known.low, known.high))
    assert (row.overall_rate, row.overall_low) == (row.reviewed_rate, row.reviewed_low)  # nothing is left


@pytest.mark.django_db
def test_nothing_is_estimated_from_few(cast: Cast) -> None:
    for _ in range(error_estimate.LEAST - 1):
        hear(cast.project, "a b", "a c", author=cast.annotator)
    scoring.score(cast.project)
    assert ProjectQuality.objects.get(project=cast.project).overall_rate is None
    hear(cast.project, "a b", "a c", author=cast.annotator)
    scoring.score(cast.project)
    assert error_estimate.estimate(cast.project).overall_rate == pytest.approx(0.5)


def test_the_fit_pools_counts_and_rises() -> None:
    points = fit(
        [Example(1, 0.1, 0, 10)] * 10 + [Example(1, 0.1, 9, 30)] * 10 + [Example(1, 0.9, 5, 10)] * 20
    )
    assert points == [[0.1, 0.225], [0.9, 0.5]]


@pytest.mark.django_db
def test_what_was_handed_in_is_scored_against_what_the_reviewer_left(cast: Cast) -> None:
    segment = hear(
        cast.project, "the bat sat", "a bat sat", author=cast.annotator, state=SegmentState.CORRECTED
    )
    Revision.objects.create(
        segment=segment, number=3, base=2, text="the cat sat", source=Source.HUMAN, author=cast.reviewer
    )
    review(segment, cast, revision=2, result=3, verdict="fix", text="the cat sat")
    scoring.score(cast.project)
    score = ReviewScore.objects.get()
    assert (score.author, score.reviewer, score.authored, score.revision) == (
        cast.annotator,
        cast.reviewer,
        2,
        3,
    )
    assert (score.substitutions, score.words) == (1, 3)
    assert scoring.score(cast.project).segments == 0


def review(segment: Segment, cast: Cast, *, revision: int, result: int, verdict: str, text: str) -> None:
    """Write a verdict as the service does: the review and the segment in one transaction."""
    from django.db import transaction

    with transaction.atomic():
        Review.objects.create(
            project=cast.project, segment=segment, revision=revision, result=result, verdict=verdict,
            reviewer=cast.reviewer, annotator=segment.annotator,
        )  # fmt: skip
        Segment.objects.filter(pk=segment.pk).update(
            text=text, revision=result, state=SegmentState.ACCEPTED, source=Source.HUMAN
        )
