"""Pauses by a voice detector: where somebody speaks over music, and nothing that sounds is left out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.transcription import media
from transcription.segmentation import Cutting
from transcription.types import Prepared, Span
from transcription.voice import ByLoudness, VoicePauses

Run = Callable[..., Prepared]
Samples = NDArray[np.int16]


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> list[Samples]:
    """Return a person's sentences, each without the silence around it."""
    folder = tmp_path_factory.mktemp("speech")
    made = []
    for row in media.manifest("speech"):
        if not row["file"].startswith(("lj001", "jfk.wav")):
            continue
        media.ffmpeg(
            "-i", media.CORPUS / "speech" / row["file"], "-ac", "1", "-ar", "16000", folder / "a.wav"
        )
        samples = media.read_samples(folder / "a.wav")
        loud = np.flatnonzero(np.abs(samples) > 800)
        made.append(samples[loud[0] : loud[-1]])
    if len(made) < 6:
        pytest.skip("no corpus of human speech")
    return made[:8]


def talk(speech: list[Samples], pause_ms: int = 900) -> tuple[Samples, list[Span]]:
    """Put sentences together with pauses; say where the pauses are."""
    parts: list[Samples] = []
    pauses = []
    at = 0
    for sentence in speech:
        parts += [sentence, media.noise(pause_ms, -70)]
        at += len(sentence) // 16
        pauses.append(Span(at, at + pause_ms))
        at += pause_ms
        parts[-2] = sentence[: len(sentence) // 16 * 16]
    return np.concatenate(parts), pauses


def over_music(samples: Samples, level: float = 2_600) -> Samples:
    """Lay a steady organ under the speech, unless told so loud that no pause can be told by loudness."""
    at = np.arange(len(samples)) / 16_000
    organ = sum(np.sin(2 * np.pi * hertz * at) for hertz in (110.0, 138.6, 164.8, 220.0, 277.2, 329.6))
    made: Samples = np.clip(samples * 0.8 + level * organ, -32768, 32767).astype(np.int16)
    return made


def near(places: list[Span], pause: Span) -> bool:
    return any(min(p.end_ms, pause.end_ms) - max(p.start_ms, pause.start_ms) >= 150 for p in places)


def test_a_voice_is_told_from_music(speech: list[Samples]) -> None:
    samples, pauses = talk(speech)
    music = over_music(samples)
    voices = VoicePauses()
    found = [*voices.feed(music), *voices.finish(len(music) // 16)]
    assert sum(near(found, pause) for pause in pauses) >= len(pauses) - 1


@pytest.mark.parametrize("seed", range(3))
def test_pieces_change_nothing(speech: list[Samples], seed: int) -> None:
    samples, _ = talk(speech[:6])
    alone = over_music(np.zeros(20 * 16_000, dtype=np.int16))
    mixed = np.concatenate((samples, over_music(samples), alone, over_music(samples), samples, alone))
    duration_ms = -(-len(mixed) // 16)

    def by_loudness() -> ByLoudness:
        return ByLoudness(lambda start, end: mixed[start * 16 : end * 16], 15_000)

    for make in (VoicePauses, by_loudness):
        whole_finder = make()
        whole = [*whole_finder.feed(mixed), *whole_finder.finish(duration_ms)]
        rng = np.random.default_rng(seed)
        finder = make()
        found: list[Span] = []
        at = settled = 0
        while at < len(mixed):
            size = int(rng.choice([100, 5_000, 80_000, 300_000]))
            new = finder.feed(mixed[at : at + size])
            at += size
            assert all(span.start_ms >= settled for span in new)
            assert finder.settled_ms >= settled
            settled = finder.settled_ms
            found += new
        assert found + finder.finish(duration_ms) == whole
        assert whole == sorted(whole)
        assert all(a.end_ms <= b.start_ms for a, b in pairwise(whole))


def test_speech_over_music_is_cut_between_sentences_and_all_of_it_is_kept(
    speech: list[Samples], tmp_path: Path, run: Run
) -> None:
    samples, pauses = talk(speech)
    source = media.write_wav(tmp_path / "a.wav", over_music(samples))
    prepared = run(source, cutting=Cutting(target_ms=6_000, max_ms=15_000))
    spans = [place.span for place in prepared.segments]
    assert spans[0].start_ms == 0
    assert spans[-1].end_ms == prepared.duration_ms
    assert all(a.end_ms == b.start_ms for a, b in pairwise(spans)), "music is no silence: a person sees it"
    at_pauses = [any(p.start_ms - 50 <= span.end_ms <= p.end_ms + 50 for p in pauses) for span in spans[:-1]]
    # The rest are where somebody takes breath within a long sentence.
    assert sum(at_pauses) >= 0.5 * len(at_pauses)


def test_where_a_voice_is_asked_for_music_alone_is_in_no_segment(
    speech: list[Samples], tmp_path: Path, run: Run
) -> None:
    samples, _ = talk(speech[:3])
    silence = np.zeros(20 * 16_000, dtype=np.int16)
    whole = over_music(np.concatenate((silence, samples, silence)), level=700)
    prepared = run(media.write_wav(tmp_path / "a.wav", whole), cutting=Cutting(kind="voice"))
    spans = [place.span for place in prepared.segments]
    begin, end = 20_000, 20_000 + len(samples) // 16
    assert begin - 600 <= spans[0].start_ms <= begin + 1_500
    assert end - 1_800 <= spans[-1].end_ms <= end + 600
    spoken = sum(span.duration_ms for span in spans)
    assert spoken >= 0.6 * (end - begin)


def test_sound_that_is_no_voice_is_still_cut(tmp_path: Path, run: Run) -> None:
    prepared = run(
        media.write_wav(tmp_path / "a.wav", media.noise(100_000, -25)), cutting=Cutting(max_ms=20_000)
    )
    spans = [place.span for place in prepared.segments]
    assert (spans[0].start_ms, spans[-1].end_ms) == (0, 100_000)
    assert all(a.end_ms == b.start_ms for a, b in pairwise(spans))
    assert all(span.duration_ms <= 20_000 for span in spans)


def test_long_music_is_cut_while_it_is_decoded(tmp_path: Path, run: Run) -> None:
    moments: list[int] = []
    prepared = run(
        media.write_wav(tmp_path / "a.wav", media.noise(240_000, -25)),
        cutting=Cutting(max_ms=20_000),
        on_settled=lambda settled: moments.append(settled.settled_ms),
    )
    assert len(moments) >= 5
    assert moments == sorted(moments)
    assert prepared.segments[-1].span.end_ms == 240_000
