"""What the tests of workers share: audio with known words, uploads, and waiting for what must happen."""

from __future__ import annotations

import itertools
import shutil
import uuid
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from annotation import storage
from annotation.models import Decoding, Hypothesis, Job, Membership, Project, Recording, Segment, User
from annotation.services.recordings import StoredFile, add_recording
from annotation.states import LIVE_JOBS, DecodingState, Role
from tests.factories import make_project, make_user
from tests.waiting import until
from transcription.catalog import file_sha256
from transcription.dealing import deal
from transcription.engines.base import WindowAudio
from transcription.engines.fake import FakeEngine
from transcription.pcm import read_pcm
from transcription.types import SAMPLE_RATE, DecodingOptions, Span

QUIET: Final = 0.3
MARKED: Final = 0.95
"""Peak of a window that the faulty engine is told to stumble over; see `workers.faults`."""

FAST: Final = {
    "EARMARK_CLAIM_LEASE_S": "2",
    "EARMARK_RECONCILE_INTERVAL_S": "1",
    "EARMARK_RETRY_DELAY_S": "0",
}
"""Times of the fault tests: a claim of two seconds, a round of the reconciler each second."""


def tones(
    path: Path, peaks: Sequence[float], *, seed: int, tone_s: float = 1.2, pause_s: float = 0.6
) -> None:
    """Write a 16 kHz WAV with one tone for each of `peaks`, no two alike, and pauses between them."""
    rng = np.random.default_rng(seed)
    pause = np.zeros(int(pause_s * SAMPLE_RATE))
    parts: list[NDArray[np.float64]] = [pause]
    time_axis = np.arange(int(tone_s * SAMPLE_RATE)) / SAMPLE_RATE
    for peak in peaks:
        parts += [peak * np.sin(2 * np.pi * rng.uniform(150, 3000) * time_axis), pause]
    whole = np.concatenate(parts)
    # A room's noise at -60 dBFS: in digital silence, tones 10 dB apart are taken for pause and speech.
    whole += rng.normal(0.0, 0.001, len(whole))
    samples = np.clip(whole * 32767, -32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())


def make_team(**values: object) -> tuple[Project, User]:
    """Make a project with segments of one tone each, and its manager."""
    values = {"segment_target_ms": 1000, "segment_max_ms": 2500, **values}
    project = make_project("Faults", **values)
    manager = make_user(f"manager-{uuid.uuid4().hex[:8]}")
    Membership.objects.create(project=project, user=manager, role=Role.MANAGER)
    return project, manager


def upload(project: Project, user: User, source: Path, name: str = "") -> tuple[Recording, Job]:
    """Bring a file in as an upload does: bytes on the media disk, hashed, then the one service."""
    incoming = storage.upload_path(uuid.uuid4())
    incoming.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, incoming)
    stored = StoredFile(incoming, file_sha256(source), source.stat().st_size)
    return add_recording(user=user, project=project, name=name or source.name, file=stored)


def all_over() -> bool:
    """Tell whether no job is pending or running."""
    return not Job.objects.filter(state__in=LIVE_JOBS).exists()


def wait_over() -> None:
    """Wait until no job is pending or running."""
    until(all_over, standing)


def holder() -> int | None:
    """Return the process that decodes a window just now, by the name it claimed the window under."""
    name = (
        Decoding.objects.filter(state=DecodingState.RUNNING)
        .order_by("pk")
        .values_list("claimed_by", flat=True)
        .first()
    )
    return int(name.rpartition(":")[2]) if name else None


def standing() -> str:
    """Describe how all work stands, for a failing test."""
    lines = [
        f"{job} {job.phase} {job.processed_items}/{job.total_items} {job.error}" for job in Job.objects.all()
    ]
    lines += [
        f"recording {r.pk} {r.state} attempts={r.attempts} {r.cause_code} {r.claimed_by}"
        for r in Recording.objects.all()
    ]
    lines += [
        f"{d} {d.state} claim={d.claim} attempts={d.attempts} {d.cause_code} {d.claimed_by}"
        for d in Decoding.objects.exclude(state="done")[:20]
    ]
    return "\n".join(lines)


def expected_text(hypothesis: Hypothesis) -> str:
    """Return what the fake engine hears in a hypothesis' segment, from the audio of the window it came of."""
    decoding, segment = hypothesis.decoding, hypothesis.segment
    window = Span(decoding.start_ms, decoding.end_ms)
    beside = Segment.everything.filter(
        recording=decoding.recording,
        channel=decoding.channel,
        start_ms__gte=window.start_ms,
        end_ms__lte=window.end_ms,
    ).order_by("start_ms")
    path = settings.EARMARK.media_root / "recordings" / str(decoding.recording_id) / "audio.wav"
    options = DecodingOptions.from_json(decoding.options)
    (heard,) = FakeEngine().decode([WindowAudio(read_pcm(path, window))], options)
    shares = deal(heard.words, window, [Span(s.start_ms, s.end_ms) for s in beside])
    mine = [share for s, share in zip(beside, shares, strict=True) if s.pk == segment.pk]
    return "".join(word.text for word in mine[0]).strip()


def assert_whole(recording: Recording, *, passes: int = 2) -> list[Segment]:
    """Assert that nothing of a recording was lost, doubled or altered; return its segments.

    Segments do not overlap, each pass heard each of them once, and every machine text is the one that its
    samples give.
    """
    segments = list(Segment.objects.filter(recording=recording).order_by("start_ms"))
    assert segments
    for left, right in itertools.pairwise(segments):
        assert left.end_ms <= right.start_ms
    for segment in segments:
        hypotheses = list(segment.hypotheses.order_by("pk"))
        assert len(hypotheses) == passes, f"{segment}: {[h.pass_name for h in hypotheses]}"
        assert len({h.pass_name for h in hypotheses}) == passes
        for hypothesis in hypotheses:
            assert hypothesis.text == expected_text(hypothesis)
        numbers = sorted(segment.revisions.values_list("number", flat=True))
        assert numbers == list(range(1, segment.revision + 1))
        newest = segment.revisions.get(number=segment.revision)
        assert newest.text == segment.text
    return segments
