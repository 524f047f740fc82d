"""Audio over HTTP: ranges, validators, and headers that keep it from being anything but audio."""

from __future__ import annotations

import io
import wave

import pytest

from annotation import storage
from annotation.models import Recording, Segment
from tests.annotation.api.calling import Caller
from tests.factories import make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db

SIZE = 44 + 320_000


@pytest.fixture
def path(with_files: Recording) -> str:
    return f"/api/recordings/{with_files.pk}/audio"


@pytest.fixture
def whole(with_files: Recording) -> bytes:
    return storage.wav_path(with_files.pk).read_bytes()


def test_the_whole_file_is_given_without_a_range(annotator: Caller, path: str, whole: bytes) -> None:
    answer = annotator.get(path)
    assert (answer.status, answer.body) == (200, whole)
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_audio_can_be_nothing_but_audio(annotator: Caller, path: str) -> None:
    headers = annotator.get(path).headers
    assert headers["Content-Type"] == "audio/wav"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"] == 'inline; filename="talk.wav.wav"'
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["Cache-Control"].startswith("private")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, SIZE),
        ("bytes=-100", SIZE - 100, SIZE),
        (f"bytes=-{SIZE * 2}", 0, SIZE),
        (f"bytes=10-{SIZE * 2}", 10, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ("BYTES= 5 - 9 ", 5, 10),
    ],
)
def test_one_range_is_206(
    annotator: Caller, path: str, whole: bytes, asked: str, start: int, end: int
) -> None:
    answer = annotator.get(path, headers={"Range": asked})
    assert (answer.status, answer.body) == (206, whole[start:end])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.headers["Content-Length"] == str(end - start)


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=9-5",
        f"bytes={SIZE}-",
        f"bytes={SIZE + 5}-{SIZE + 9}",
        "bytes=-0",
        "bytes=-",
        "bytes=0-,0-",
        "bytes=" + ",".join("0-0" for _ in range(10_000)),
        "bytes=0-0,5-6",
        "bytes=a-b",
        "bytes=" + "9" * 400 + "-",
        "bytes=\u0661-\u0662",
    ],
)
def test_no_or_many_ranges_are_416(annotator: Caller, path: str, asked: str) -> None:
    answer = annotator.get(path, headers={"Range": asked})
    assert (answer.status, answer.code) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"


def test_other_units_are_ignored(annotator: Caller, path: str) -> None:
    assert annotator.get(path, headers={"Range": "seconds=0-5"}).status == 200


def test_a_range_of_another_version_gets_the_whole(annotator: Caller, path: str) -> None:
    first = annotator.get(path, headers={"Range": "bytes=0-9"})
    tag, date = first.headers["ETag"], first.headers["Last-Modified"]
    for condition, status in [
        (tag, 206),
        (date, 206),
        ('"other"', 200),
        (f"W/{tag}", 200),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 200),
        ("nonsense", 200),
    ]:
        answer = annotator.get(path, headers={"Range": "bytes=0-9", "If-Range": condition})
        assert answer.status == status, condition


def test_what_the_browser_has_is_304(annotator: Caller, path: str) -> None:
    tag = annotator.get(path).headers["ETag"]
    for sent in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        answer = annotator.get(path, headers={"If-None-Match": sent})
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["ETag"] == tag
    assert annotator.get(path, headers={"If-None-Match": '"x"'}).status == 200
    assert annotator.get(path, headers={"If-Match": '"x"'}).status == 412
    assert annotator.get(path, headers={"If-Match": tag}).status == 200


def test_head_tells_the_size_alone(annotator: Caller, path: str) -> None:
    answer = annotator.head(path)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == str(SIZE)
    part = annotator.head(path, headers={"Range": "bytes=0-9"})
    assert (part.status, part.headers["Content-Range"]) == (206, f"bytes 0-9/{SIZE}")


def read_wav(data: bytes) -> tuple[int, int, int, bytes]:
    with wave.open(io.BytesIO(data)) as sound:
        return sound.getframerate(), sound.getnchannels(), sound.getnframes(), sound.readframes(10**9)


def test_a_segment_is_a_wav_of_its_own(
    annotator: Caller, with_files: Recording, cast: Cast, whole: bytes
) -> None:
    segment = make_segment(cast.project, recording=with_files, start_ms=1000, end_ms=3000)
    answer = annotator.get(f"/api/segments/{segment.pk}/audio")
    rate, channels, frames, data = read_wav(answer.body)
    assert (rate, channels, frames) == (16_000, 1, 32_000)
    assert data == whole[44 + 32_000 : 44 + 96_000]
    part = annotator.get(f"/api/segments/{segment.pk}/audio", headers={"Range": "bytes=40-47"})
    assert (part.status, part.body) == (206, answer.body[40:48])


def test_a_segment_can_have_some_sound_around_it(
    annotator: Caller, with_files: Recording, cast: Cast
) -> None:
    segment = make_segment(cast.project, recording=with_files, start_ms=200, end_ms=9900)
    answer = annotator.get(f"/api/segments/{segment.pk}/audio?context_ms=500")
    assert read_wav(answer.body)[2] == 160_000
    assert annotator.get(f"/api/segments/{segment.pk}/audio?context_ms=30001").status == 400


def test_the_original_is_given_as_an_attachment_of_its_probed_type(
    reviewer: Caller, annotator: Caller, with_files: Recording
) -> None:
    path = f"/api/recordings/{with_files.pk}/download"
    Recording.objects.filter(pk=with_files.pk).update(name='a"b<c>\u00e9.wav', container="mov,mp4,m4a")
    answer = reviewer.get(path)
    assert answer.body == b"the original bytes"
    assert answer.headers["Content-Type"] == "audio/mp4"
    assert answer.headers["Content-Disposition"] == "attachment; filename*=utf-8''a_b_c_%C3%A9.wav"
    assert annotator.get(path).status == 403
    Recording.objects.filter(pk=with_files.pk).update(container="text/html")
    assert reviewer.get(path).headers["Content-Type"] == "application/octet-stream"


def test_a_file_missing_on_the_disk_is_410(annotator: Caller, path: str, with_files: Recording) -> None:
    storage.wav_path(with_files.pk).unlink()
    assert annotator.get(path).status == 410


def test_foreign_audio_does_not_exist(outsider: Caller, path: str, segment: Segment) -> None:
    assert outsider.get(path).status == 404
    assert outsider.get(f"/api/segments/{segment.pk}/audio").status == 404
    assert Caller().get(path).status == 401


def test_files_left_open_are_none(annotator: Caller, path: str) -> None:
    import os

    def count() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the listing itself opens one

    annotator.get(path)
    before = count()
    for _ in range(20):
        annotator.get(path, headers={"Range": "bytes=0-99"})
        annotator.head(path)
    assert count() <= before
