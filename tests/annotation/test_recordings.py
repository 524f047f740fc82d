"""Recordings come in whole or not at all, and are prepared by one worker at a time."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection

from annotation import storage
from annotation.errors import AnnotationError, Conflict, Denied, Duplicate, Gone, Invalid, TooLarge
from annotation.models import Decoding, Job, Recording, Segment, Upload
from annotation.services import cuts, jobs, leases, recordings, segments, uploads
from annotation.services.names import clean_name, download_name
from annotation.services.recordings import ClaimedRecording, StoredFile
from annotation.states import LIVE_DECODINGS, DecodingState, JobState, Pass, RecordingState, UploadState
from tests.personas import Cast
from transcription.types import ChannelSpan, Prepared, Source, Span
from transcription.wav import part_path

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

PREPARED = Prepared(
    source=Source("wav", "pcm_s16le", 16_000, 1, 20_000),
    duration_ms=20_000,
    samples=320_000,
    wav_bytes=640_044,
    wav_sha256="0" * 64,
    silences=(Span(4_000, 5_000), Span(11_000, 12_000)),
    peak_levels_ms=(10, 100, 1000),
    segments=tuple(ChannelSpan(0, s) for s in (Span(0, 4_500), Span(4_500, 11_500), Span(11_500, 20_000))),
)


def stored(tmp_path: Path, content: bytes = b"some audio") -> StoredFile:
    path = storage.upload_path(Upload().pk)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return StoredFile(path, hashlib.sha256(content).hexdigest(), len(content))


def add(cast: Cast, tmp_path: Path, content: bytes = b"some audio") -> tuple[Recording, Job]:
    return recordings.add_recording(
        user=cast.manager, project=cast.project, name="talk.wav", file=stored(tmp_path, content)
    )


def expire_claims() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE annotation_recording SET claim_expires_at = '2000-01-01', available_at = NULL")


def test_a_recording_comes_with_its_job_and_its_bytes(cast: Cast, tmp_path: Path) -> None:
    recording, job = add(cast, tmp_path)
    assert storage.original_path(recording.pk).read_bytes() == b"some audio"
    assert (job.state, recording.state) == (JobState.PENDING, RecordingState.STORED)


def test_the_same_bytes_twice_are_told_not_stored(cast: Cast, tmp_path: Path) -> None:
    recording, _ = add(cast, tmp_path)
    with pytest.raises(Duplicate) as refused:
        add(cast, tmp_path)
    assert refused.value.detail == {"recording": str(recording.pk), "name": "talk.wav"}
    assert Recording.objects.filter(project=cast.project).count() == 1


def test_only_managers_bring_recordings_in(cast: Cast, tmp_path: Path) -> None:
    with pytest.raises(Denied):
        recordings.add_recording(
            user=cast.annotator, project=cast.project, name="x.wav", file=stored(tmp_path)
        )


def test_preparation_cuts_segments_and_queues_both_passes(cast: Cast, tmp_path: Path) -> None:
    recording, job = add(cast, tmp_path)
    claimed = recordings.claim_next(worker="w")
    assert claimed is not None
    assert recordings.claim_next(worker="w") is None
    assert recordings.renew(claimed, 50)
    assert recordings.finish_preparation(claimed, PREPARED)
    recording.refresh_from_db()
    job.refresh_from_db()
    count = Segment.objects.filter(recording=recording).count()
    assert count >= 2
    assert (recording.state, recording.duration_ms) == (RecordingState.READY, 20_000)
    assert (job.state, job.phase, job.total_items) == (JobState.RUNNING, "draft", 2 * count)


def test_fixed_cuts_on_request(cast: Cast, tmp_path: Path) -> None:
    recording, _ = recordings.add_recording(
        user=cast.manager, project=cast.project, name="x", file=stored(tmp_path), segmentation="fixed"
    )
    cutting = cuts.cutting_for(recording)
    assert (cutting.kind, cutting.fixed_ms) == ("fixed", 30_000)


def test_a_paused_preparer_cannot_finish_late(cast: Cast, tmp_path: Path) -> None:
    recording, _ = add(cast, tmp_path)
    zombie = recordings.claim_next(worker="one")
    assert zombie is not None
    expire_claims()
    assert recordings.reclaim_expired() == 1
    successor = recordings.claim_next(worker="two")
    assert successor is not None
    assert not recordings.renew(zombie, 10)
    assert not recordings.finish_preparation(zombie, PREPARED)
    assert not recordings.reject(zombie, code="x", message="x")
    assert Segment.objects.filter(recording=recording).count() == 0
    assert recordings.finish_preparation(successor, PREPARED)


def test_a_file_that_kills_its_worker_is_rejected_after_three_attempts(cast: Cast, tmp_path: Path) -> None:
    recording, job = add(cast, tmp_path)
    for _ in range(3):
        assert recordings.claim_next(worker="w") is not None
        expire_claims()
        recordings.reclaim_expired()
    recording.refresh_from_db()
    job.refresh_from_db()
    assert (recording.state, recording.cause_code) == (RecordingState.REJECTED, "worker_lost")
    assert (job.state, job.error_code) == (JobState.FAILED, "worker_lost")
    assert jobs.retry(user=cast.manager, job=job).state == JobState.PENDING
    assert recordings.claim_next(worker="w") is not None


def test_a_rejected_file_says_why(cast: Cast, tmp_path: Path) -> None:
    recording, job = add(cast, tmp_path)
    claimed = recordings.claim_next(worker="w")
    assert claimed is not None
    recordings.reject(claimed, code="no_audio_track", message="The file has pictures but no sound.")
    recording.refresh_from_db()
    job.refresh_from_db()
    assert recording.cause == job.error == "The file has pictures but no sound."
    assert job.state == JobState.FAILED


def test_cancelling_stops_a_preparation(cast: Cast, tmp_path: Path) -> None:
    _, job = add(cast, tmp_path)
    claimed = recordings.claim_next(worker="w")
    assert claimed is not None
    jobs.cancel(user=cast.manager, job=job)
    assert not recordings.renew(claimed, 60), "renew tells the worker to stop"
    assert recordings.hand_back(claimed)
    assert recordings.claim_next(worker="w") is None, "nobody asks for it any more"


# -- segments while the file is still being decoded --------------------------------------------------------


def begin(cast: Cast, tmp_path: Path) -> tuple[Recording, ClaimedRecording]:
    recording, _ = add(cast, tmp_path)
    claimed = recordings.claim_next(worker="w")
    assert claimed is not None
    return recording, claimed


def again() -> ClaimedRecording:
    """Let the worker die, and another claim its recording."""
    expire_claims()
    assert recordings.reclaim_expired() == 1
    claimed = recordings.claim_next(worker="another")
    assert claimed is not None
    return claimed


def spans_of(recording: Recording) -> list[tuple[int, int, int]]:
    rows = Segment.objects.filter(recording=recording).order_by("channel", "start_ms")
    return list(rows.values_list("channel", "start_ms", "end_ms"))


def cut(*edges: int, channel: int = 0) -> tuple[ChannelSpan, ...]:
    return tuple(ChannelSpan(channel, Span(a, b)) for a, b in itertools.pairwise(edges))


def correct(cast: Cast, segment: Segment, text: str = "by a person") -> None:
    segments.save_text(user=cast.annotator, segment=segment, text=text, base_revision=segment.revision)


FIRST = PREPARED.segments[:2]
ALL = [(0, 0, 4_500), (0, 4_500, 11_500), (0, 11_500, 20_000)]


def test_segments_are_there_and_decoded_before_the_recording_is_ready(cast: Cast, tmp_path: Path) -> None:
    recording, claimed = begin(cast, tmp_path)
    assert recordings.add_segments(claimed, FIRST, 11_500, layout="mixed")
    recording.refresh_from_db()
    assert (recording.state, recording.settled_ms) == (RecordingState.PREPARING, 11_500)
    assert spans_of(recording) == ALL[:2]
    drafts = Decoding.objects.filter(recording=recording, pass_name=Pass.DRAFT, state=DecodingState.QUEUED)
    assert drafts.exists()
    job = Job.objects.get(recording=recording)
    assert (job.state, job.phase) == (JobState.RUNNING, "preparing")
    before = set(Segment.objects.values_list("pk", flat=True))
    assert recordings.finish_preparation(claimed, PREPARED)
    assert spans_of(recording) == ALL
    assert before < set(Segment.objects.values_list("pk", flat=True)), "rows that are there stay"
    job.refresh_from_db()
    assert (job.state, job.phase) == (JobState.RUNNING, "draft")


def test_storing_twice_changes_nothing(cast: Cast, tmp_path: Path) -> None:
    recording, claimed = begin(cast, tmp_path)
    for _ in range(2):
        assert recordings.add_segments(claimed, FIRST, 11_500, layout="mixed")
    planned = Decoding.objects.filter(recording=recording).count()
    assert recordings.add_segments(claimed, FIRST, 11_500, layout="mixed")
    assert spans_of(recording) == ALL[:2]
    assert Decoding.objects.filter(recording=recording).count() == planned


def test_a_preparation_done_again_gives_the_rows_of_a_straight_run(cast: Cast, tmp_path: Path) -> None:
    recording, dead = begin(cast, tmp_path)
    assert recordings.add_segments(dead, FIRST, 11_500, layout="mixed")
    before = {s.pk: (s.start_ms, s.end_ms) for s in Segment.objects.all()}
    claimed = again()
    recording.refresh_from_db()
    assert recording.settled_ms == 0, "windows wait until the sound is there again"
    assert not recordings.add_segments(dead, PREPARED.segments, 20_000, layout="mixed"), "fenced"
    assert spans_of(recording) == ALL[:2]
    assert recordings.add_segments(claimed, FIRST[:1], 4_500, layout="mixed")
    assert recordings.finish_preparation(claimed, PREPARED)
    assert spans_of(recording) == ALL
    assert before.items() <= {s.pk: (s.start_ms, s.end_ms) for s in Segment.objects.all()}.items()


def test_another_decoder_may_cut_differently_and_no_persons_text_is_lost(cast: Cast, tmp_path: Path) -> None:
    recording, dead = begin(cast, tmp_path)
    assert recordings.add_segments(dead, cut(0, 3_000, 6_000, 9_000), 9_000, layout="mixed")
    first, second, third = Segment.objects.order_by("start_ms")
    correct(cast, second)
    held = leases.acquire(user=cast.annotator, segment=third)
    claimed = again()
    assert recordings.finish_preparation(claimed, PREPARED)
    # The touched and the held one stay, what is cut anew fits in between, and the untouched one is retired.
    assert spans_of(recording) == [
        (0, 0, 3_000), (0, 3_000, 6_000), (0, 6_000, 9_000), (0, 9_000, 11_500), (0, 11_500, 20_000),
    ]  # fmt: skip
    second.refresh_from_db()
    assert second.text == "by a person"
    segments.save_text(
        user=cast.annotator, segment=third, text="typed meanwhile", base_revision=0, lease=held.token
    )
    assert Segment.everything.get(pk=first.pk).retired_at is not None
    live = Decoding.objects.filter(recording=recording, state=DecodingState.QUEUED)
    for decoding in live:
        for _, start, end in spans_of(recording):
            meets = start < decoding.end_ms and end > decoding.start_ms
            assert not meets or decoding.start_ms <= start <= end <= decoding.end_ms


def test_a_file_that_is_refused_half_way_takes_its_segments_back(cast: Cast, tmp_path: Path) -> None:
    recording, claimed = begin(cast, tmp_path)
    assert recordings.add_segments(claimed, FIRST, 11_500, layout="mixed")
    touched = Segment.objects.order_by("start_ms")[0]
    correct(cast, touched)
    assert recordings.reject(claimed, code="corrupt", message="Most of it is damaged.")
    assert spans_of(recording) == ALL[:1], "what a person wrote stays"
    live = Decoding.objects.filter(recording=recording, state__in=LIVE_DECODINGS)
    assert all(d.start_ms <= touched.start_ms and touched.end_ms <= d.end_ms for d in live)
    job = Job.objects.get(recording=recording)
    assert job.state == JobState.FAILED
    jobs.retry(user=cast.manager, job=job)
    claimed_again = recordings.claim_next(worker="w")
    assert claimed_again is not None
    assert recordings.finish_preparation(claimed_again, PREPARED)
    assert spans_of(recording) == ALL


def test_a_worker_lost_for_good_takes_its_segments_back(cast: Cast, tmp_path: Path) -> None:
    recording, claimed = begin(cast, tmp_path)
    assert recordings.add_segments(claimed, FIRST, 11_500, layout="mixed")
    again()
    again()
    expire_claims()
    recordings.reclaim_expired()
    recording.refresh_from_db()
    assert recording.state == RecordingState.REJECTED
    assert spans_of(recording) == []
    assert not Decoding.objects.filter(recording=recording, state__in=LIVE_DECODINGS).exists()


def test_channels_heard_apart_have_segments_of_their_own(cast: Cast, tmp_path: Path) -> None:
    recording, claimed = begin(cast, tmp_path)
    both = (*cut(0, 5_000, 20_000, channel=1), *cut(2_000, 9_000, channel=2))
    assert recordings.add_segments(claimed, both[:1], 2_000, layout="apart")
    silences = tuple(ChannelSpan(2, Span(a, b)) for a, b in ((0, 1_900), (9_100, 20_000)))
    assert recordings.finish_preparation(
        claimed, replace(PREPARED, layout="apart", segments=both, channel_silences=silences)
    )
    recording.refresh_from_db()
    assert recording.channel_layout == "apart"
    assert recording.silences == [[0, 1_900, 2], [9_100, 20_000, 2]]
    rows = Segment.objects.filter(recording=recording).order_by("channel", "start_ms")
    assert [(s.channel, s.start_ms, s.end_ms, s.speaker) for s in rows] == [
        (1, 0, 5_000, "Left"), (1, 5_000, 20_000, "Left"), (2, 2_000, 9_000, "Right"),
    ]  # fmt: skip
    channels = Decoding.objects.filter(recording=recording).values_list("channel", flat=True)
    assert set(channels) == {1, 2}


def test_the_growing_file_is_found(media_root: Path) -> None:
    whole = storage.wav_path(7)
    assert storage.readable_wav(7) == whole
    whole.parent.mkdir(parents=True)
    left, now = part_path(whole, "left"), part_path(whole, "claim-2")
    left.write_bytes(bytes(500))
    now.write_bytes(bytes(100))
    assert storage.readable_wav(7) == left, "what a killed worker left, while there is more of it"
    now.write_bytes(bytes(600))
    assert storage.readable_wav(7) == now
    part_path(storage.wav_path(7, 1), "claim-2").write_bytes(bytes(700))
    assert storage.readable_wav(7) == now
    whole.write_bytes(bytes(1))
    assert storage.readable_wav(7) == whole


# -- uploads ------------------------------------------------------------------------------------------------


def send(cast: Cast, upload: Upload, content: bytes, offset: int) -> uploads.Arrived:
    return uploads.append(
        user=cast.manager, upload=upload, offset=offset, length=len(content), body=io.BytesIO(content)
    )


def test_an_upload_in_pieces_becomes_the_same_bytes(cast: Cast) -> None:
    content = os.urandom(300_000)
    upload = uploads.open_upload(
        user=cast.manager, project=cast.project, name="a/b/c.wav", size_bytes=len(content)
    )
    for start in range(0, len(content), 70_000):
        arrived = send(cast, upload, content[start : start + 70_000], start)
    assert arrived.recording is not None
    assert arrived.recording.sha256 == hashlib.sha256(content).hexdigest()
    assert arrived.recording.name == "c.wav"
    assert storage.original_path(arrived.recording.pk).read_bytes() == content
    assert Upload.objects.get(pk=upload.pk).state == UploadState.FINISHED


def test_another_process_may_go_on(cast: Cast) -> None:
    content = os.urandom(50_000)
    upload = uploads.open_upload(user=cast.manager, project=cast.project, name="x.wav", size_bytes=50_000)
    send(cast, upload, content[:20_000], 0)
    uploads._forget(upload.pk)  # what a restart does to the hash state
    with storage.upload_path(upload.pk).open("ab") as torn:
        torn.write(b"bytes that were never acknowledged")
    arrived = send(cast, upload, content[20_000:], 20_000)
    assert arrived.recording is not None
    assert arrived.recording.sha256 == hashlib.sha256(content).hexdigest()


def test_a_wrong_offset_is_answered_with_the_right_one(cast: Cast) -> None:
    upload = uploads.open_upload(user=cast.manager, project=cast.project, name="x.wav", size_bytes=100)
    send(cast, upload, b"a" * 40, 0)
    for offset in (0, 39, 41):
        with pytest.raises(Conflict) as refused:
            send(cast, upload, b"b" * 10, offset)
        assert refused.value.detail == {"offset": 40}
    with pytest.raises(TooLarge):
        send(cast, upload, b"b" * 61, 40)


def test_duplicates_are_told_at_the_end_of_the_upload(cast: Cast, tmp_path: Path) -> None:
    recording, _ = add(cast, tmp_path, b"same bytes")
    upload = uploads.open_upload(user=cast.manager, project=cast.project, name="y.wav", size_bytes=10)
    arrived = send(cast, upload, b"same bytes", 0)
    assert (arrived.duplicate, arrived.recording) == (True, recording)


def test_an_aborted_upload_is_gone(cast: Cast) -> None:
    upload = uploads.open_upload(user=cast.manager, project=cast.project, name="x.wav", size_bytes=100)
    send(cast, upload, b"a" * 40, 0)
    uploads.abort(user=cast.manager, upload=upload)
    assert not storage.upload_path(upload.pk).exists()
    with pytest.raises(Gone):
        send(cast, upload, b"a" * 60, 40)


@pytest.mark.parametrize(("size", "code"), [(0, "empty_file"), (-1, "empty_file"), (10**15, "too_large")])
def test_what_can_never_be_finished_is_refused_at_once(cast: Cast, size: int, code: str) -> None:
    with pytest.raises(AnnotationError) as refused:
        uploads.open_upload(user=cast.manager, project=cast.project, name="x.wav", size_bytes=size)
    assert refused.value.code == code


# -- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\calls\\monday.wav", "monday.wav"),
        ("nul\x00byte.wav", "nul byte.wav"),
        ("line1\nline2.wav", "line1 line2.wav"),
        ("\u202egpj.wav", "gpj.wav"),
        ("zero\u200bwidth.wav", "zerowidth.wav"),
        ("cafe\u0301.wav", "caf\u00e9.wav"),
        ("👩‍👩‍👧.wav", "👩‍👩‍👧.wav"),
        ("<img src=x onerror=alert(1)>.wav", "<img src=x onerror=alert(1)>.wav"),
        ("lone\ud800.wav", "lone?.wav"),
        ("صوت عربي.wav", "صوت عربي.wav"),
        (" spaced . ", "spaced"),
    ],
)
def test_names_are_data(raw: str, shown: str) -> None:
    assert clean_name(raw) == shown
    assert clean_name(shown) == shown


@pytest.mark.parametrize("raw", ["", ".", "..", "/", "\u200b", None, 5])
def test_a_name_must_be_left(raw: object) -> None:
    with pytest.raises(Invalid):
        clean_name(raw)


def test_names_of_scripts_are_refused_and_long_ones_shortened() -> None:
    with pytest.raises(AnnotationError) as refused:
        clean_name("a.wav.php")
    assert refused.value.status == 415
    assert len(clean_name("x" * 400 + ".flac")) == 255
    assert clean_name("x" * 400 + ".flac").endswith("….flac")
    assert download_name("CON.wav") == "_CON.wav"
    assert download_name('a"b/c:d') == "a_b_c_d"


@pytest.mark.corpus
def test_the_corpus_of_hostile_names(corpus: Path) -> None:
    cases = json.loads((corpus / "hostile/names/multipart-filenames.json").read_text("utf-8"))
    for case in cases:
        if case["expected"] == "reject":
            with pytest.raises(AnnotationError):
                clean_name(case["filename"])
        else:
            assert clean_name(case["filename"])
