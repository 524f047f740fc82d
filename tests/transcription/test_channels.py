"""Two channels: a speaker on each, one sound on both, or one the other's opposite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.transcription import media
from transcription.channels import ChannelJudge, Verdict
from transcription.segmentation import Cutting
from transcription.types import ChannelSpan, MediaLimits, Prepared

Run = Callable[..., Prepared]
Mono = NDArray[np.float64]


def voice(seconds: float, seed: int, dbfs: float = -20.0, *, hurry: float = 0.5) -> Mono:
    """Make one speaker: syllables of noise in words, speaking about a `hurry` share of the time."""
    rng = np.random.default_rng(seed)
    count = int(seconds * 16_000)
    level = np.zeros(count)
    at = int(rng.uniform(0, 2) * 16_000)
    while at < count:
        length = int(rng.uniform(1, 5) * 16_000)
        level[at : at + length] = 1.0
        at += length + int(length * (1 - hurry) / hurry * rng.uniform(0.5, 1.5))
    swing = 0.55 + 0.45 * np.sin(2 * np.pi * rng.uniform(3, 6) * np.arange(count) / 16_000)
    colour = np.convolve(rng.normal(0, 1, count), np.hanning(5) / 2, mode="same")
    made: Mono = colour * level * swing * 10 ** (dbfs / 20)
    return made


def room(seconds: float, seed: int, dbfs: float = -65.0) -> Mono:
    """Make the noise of one line."""
    made: Mono = np.random.default_rng(seed).normal(0, 10 ** (dbfs / 20), int(seconds * 16_000))
    return made


def stereo(left: Mono, right: Mono) -> NDArray[np.int16]:
    """Put two channels side by side, shape `(n, 2)`."""
    return (np.clip(np.stack((left, right), axis=1), -1, 1) * 32767).astype(np.int16)


def judge(frames: NDArray[np.int16]) -> Verdict:
    """Hear a whole recording."""
    listening = ChannelJudge()
    listening.feed(frames)
    return listening.finish()


A, B = voice(90, 1), voice(90, 2)
NL, NR = room(90, 3), room(90, 4)
DELAYED = np.concatenate((np.zeros(12), A[:-12]))

APART = {
    "a call": (A + NL, B + NR),
    "a soft party": (A + NL, 0.1 * B + NR),
    "both hear the other a little": (A + 0.08 * B + NL, B + 0.08 * A + NR),
    "noisy lines": (A + room(90, 5, -38), B + room(90, 6, -38)),
    "no line noise at all": (A, B),
    "one speaks little": (voice(90, 7, hurry=0.7), voice(90, 8, hurry=0.15)),
    "both at once most of the time": (voice(90, 9, hurry=0.8), voice(90, 10, hurry=0.8)),
}
TOGETHER = {
    "the same twice": (A, A),
    "the same, one softer": (A + NL, 0.3 * A + NR),
    "near mono, each its noise": (A + room(90, 5, -35), A + room(90, 6, -35)),
    "one side silent": (A + NL, 0 * A),
    "one side noise": (A + NL, room(90, 6, -45)),
    "two microphones in a room": (A + 0.7 * B + NL, 0.75 * DELAYED + B + NR),
    "the same a little later": (A + NL, DELAYED + NR),
    "silence": (0 * A, 0 * A),
    "hum on both": (A + 0.05 * np.sin(np.arange(len(A)) / 50), A + 0.05 * np.sin(np.arange(len(A)) / 50)),
}


@pytest.mark.parametrize("name", APART)
def test_a_speaker_on_each(name: str) -> None:
    assert judge(stereo(*APART[name])) == Verdict("apart")
    assert judge(stereo(*APART[name][::-1])) == Verdict("apart")


@pytest.mark.parametrize("name", TOGETHER)
def test_one_sound_on_both(name: str) -> None:
    assert judge(stereo(*TOGETHER[name])) == Verdict("mixed")
    assert judge(stereo(*TOGETHER[name][::-1])) == Verdict("mixed")


@pytest.mark.parametrize("level", [1.0, 0.5])
def test_opposites_are_subtracted(level: float) -> None:
    assert judge(stereo(A + NL, -level * A + NR)) == Verdict("mixed", difference=True)


def test_a_long_monologue_at_the_start_is_waited_through() -> None:
    answer = np.concatenate((np.zeros(40 * 16_000), voice(50, 11)))
    assert judge(stereo(A + NL, answer + NR)).layout == "apart"
    assert judge(
        stereo(np.concatenate((np.zeros(300 * 16_000), A)), np.concatenate((np.zeros(300 * 16_000), B)))
    ) == (Verdict("apart"))


@pytest.mark.parametrize("name", ["a call", "the same twice"])
def test_the_verdict_does_not_depend_on_the_pieces(name: str) -> None:
    frames = stereo(*(APART | TOGETHER)[name])
    rng = np.random.default_rng(5)
    listening = ChannelJudge()
    at = 0
    while listening.verdict is None and at < len(frames):
        size = int(rng.choice([1, 100, 7_000, 50_000]))
        listening.feed(frames[at : at + size])
        at += size
    # After 30 s of sound, and the second it is noticed in.
    assert 30 * 16_000 <= at <= 36 * 16_000
    assert listening.finish() == judge(frames)


def prepare_both(
    run: Run, tmp_path: Path, frames: NDArray[np.int16], *, apart: bool = True
) -> tuple[Prepared, Path, Path]:
    """Prepare a stereo file that may have a speaker on each channel."""
    source, left, right = (tmp_path / name for name in ("a.wav", "left.wav", "right.wav"))
    source.write_bytes(media.wav(frames.astype("<i2").tobytes(), channels=2))
    prepared = run(source, cutting=Cutting(), channel_paths=(left, right) if apart else None)
    return prepared, left, right


def test_each_channel_has_its_sound_its_pauses_and_its_segments(tmp_path: Path, run: Run, out: Path) -> None:
    frames = stereo(A + NL, B + NR)
    prepared, left, right = prepare_both(run, tmp_path, frames)
    assert prepared.layout == "apart"
    assert np.array_equal(media.read_samples(left), frames[:, 0])
    assert np.array_equal(media.read_samples(right), frames[:, 1])
    mean = (frames[:, 0].astype(int) + frames[:, 1]) >> 1
    assert np.array_equal(media.read_samples(out / "audio.wav"), mean)
    by_channel = {
        channel: [place.span for place in prepared.segments if place.channel == channel]
        for channel in (0, 1, 2)
    }
    assert not by_channel[0]
    for channel, spoken in ((1, A), (2, B)):
        covered = np.zeros(len(spoken), dtype=bool)
        for span in by_channel[channel]:
            covered[span.start_ms * 16 : span.end_ms * 16] = True
        loud = np.abs(spoken) > 0.02
        assert covered[loud].mean() > 0.995, "what a party says is in its own segments"
        assert covered.mean() < 0.8, "and its silence is not"
    times = [(p.span.start_ms, p.span.end_ms) for p in prepared.segments]
    assert any(a < d and c < b for (a, b) in times for (c, d) in times if (a, b) != (c, d)), "they overlap"
    assert {place.channel for place in prepared.channel_silences} == {1, 2}


def test_one_sound_has_no_channels(tmp_path: Path, run: Run) -> None:
    prepared, left, right = prepare_both(run, tmp_path, stereo(A + NL, 0.5 * A + NR))
    assert (prepared.layout, prepared.channel_silences) == ("mixed", ())
    assert {place.channel for place in prepared.segments} == {0}
    assert not left.exists()
    assert not right.exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["a.wav"]


def test_a_project_may_want_the_mix(tmp_path: Path, run: Run) -> None:
    prepared, left, _ = prepare_both(run, tmp_path, stereo(A + NL, B + NR), apart=False)
    assert prepared.layout == "mixed"
    assert {place.channel for place in prepared.segments} == {0}
    assert not left.exists()


@pytest.mark.parametrize("apart", [True, False])
def test_opposite_channels_are_heard_and_warned_of(apart: bool, tmp_path: Path, run: Run, out: Path) -> None:
    frames = stereo(A + NL, -A + NR)
    prepared, *_ = prepare_both(run, tmp_path, frames, apart=apart)
    assert [warning.code for warning in prepared.warnings] == ["opposite_channels"]
    heard = media.read_samples(out / "audio.wav").astype(float)
    assert np.corrcoef(heard, A)[0, 1] > 0.99
    assert len(prepared.segments) > 5


def test_more_channels_are_one_sound(tmp_path: Path, run: Run, out: Path) -> None:
    front = (A * 32767).astype("<i2")
    six = np.zeros((len(front), 6), dtype="<i2")
    six[:, 2] = front  # the centre, where films speak
    (tmp_path / "raw").write_bytes(six.tobytes())
    raw = ("-f", "s16le", "-ar", "16000", "-ch_layout", "5.1", "-i", tmp_path / "raw")
    media.ffmpeg(*raw, tmp_path / "film.flac")
    prepared = run(tmp_path / "film.flac", cutting=Cutting(), channel_paths=(tmp_path / "l", tmp_path / "r"))
    assert (prepared.layout, prepared.source.channels) == ("mixed", 6)
    heard = media.read_samples(out / "audio.wav").astype(float)
    assert np.corrcoef(heard, A)[0, 1] > 0.99
    assert not (tmp_path / "l").exists()


def test_channels_that_change_on_the_way_keep_their_time(tmp_path: Path, run: Run) -> None:
    mono = media.encode(tmp_path / "a.mp3", media.noise(3_000, -20)).read_bytes()
    two = media.encode(tmp_path / "b.mp3", media.noise(3_000, -20), "-ac", "2").read_bytes()
    for name, data in (("up.mp3", mono + two), ("down.mp3", two + mono)):
        (tmp_path / name).write_bytes(data)
        media.ffmpeg("-i", tmp_path / name, "-ac", "1", "-ar", "16000", tmp_path / "bare.wav")
        assert run(tmp_path / name).samples == len(media.read_samples(tmp_path / "bare.wav"))


def test_limits_count_time_and_not_channels(tmp_path: Path, run: Run) -> None:
    limits = MediaLimits(max_duration_ms=90_000)
    source = tmp_path / "a.wav"
    source.write_bytes(media.wav(stereo(A, B).astype("<i2").tobytes(), channels=2))
    assert run(source, limits=limits).duration_ms == 90_000


@pytest.mark.corpus
def test_two_people_who_speak_at_once(tmp_path: Path, run: Run, corpus: Path) -> None:
    path = corpus / "speech" / "fw-stereo-diarization.wav"
    if not path.is_file():
        pytest.skip("not in this corpus")
    left, right = tmp_path / "left.wav", tmp_path / "right.wav"
    prepared = run(path, cutting=Cutting(), channel_paths=(left, right))
    assert prepared.layout == "apart"
    channels: list[ChannelSpan] = list(prepared.segments)
    assert {place.channel for place in channels} == {1, 2}
