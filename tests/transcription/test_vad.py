"""The voice detector, in blocks and at once, on speech and on what is none."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.transcription import media, sounds
from tests.transcription.sounds import Sound
from transcription import vad
from transcription.audio import prepare
from transcription.pcm import read_pcm
from transcription.types import Span


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """Give a synthetic sentence, a pause of 1.5 s, and another sentence."""
    folder = tmp_path_factory.mktemp("speech")
    said = []
    for name in sorted(media.HELDOUT.glob("*.ogg"))[:2]:
        prepared = prepare(name, folder / "a.wav", folder / "p.bin")
        said.append(read_pcm(folder / "a.wav", Span(0, prepared.duration_ms)))
    first, second = said
    pause = sounds.noise(1.5, -75)
    return np.concatenate((pause, first, pause, second, pause))


def test_speech_is_found_and_pauses_part_it(speech: Sound) -> None:
    found = vad.speech_probabilities(speech)
    assert len(found) == -(-len(speech) // vad.FRAME)
    duration_ms = len(speech) // 16
    spans = vad.spans(found, duration_ms, min_pause_ms=700)
    assert len(spans) == 2
    assert spans[0].start_ms > 1_000
    assert spans[-1].end_ms < duration_ms - 1_000
    assert spans[1].start_ms - spans[0].end_ms > 700
    assert vad.voiced_ms(found) > 2_000


def test_blocks_of_any_size_give_what_the_whole_gives(speech: Sound) -> None:
    whole = vad.speech_probabilities(speech)
    for size in (160, 4_000, 512 * 31):
        stream = vad.VoiceStream()
        blocks = [stream.feed(speech[at : at + size]) for at in range(0, len(speech), size)]
        assert np.allclose(np.concatenate((*blocks, stream.end())), whole, atol=1e-4)


@pytest.mark.parametrize("name", sounds.NOT_SPEECH)
def test_what_is_no_speech_has_next_to_no_voice(name: str) -> None:
    assert vad.voiced_ms(vad.speech_probabilities(sounds.NOT_SPEECH[name](10.0))) < 160


def test_odd_lengths() -> None:
    assert len(vad.speech_probabilities(np.zeros(0, np.float32))) == 0
    assert len(vad.speech_probabilities(np.zeros(100, np.float32))) == 1
    assert vad.spans(np.zeros(0, np.float32), 0) == []
    assert vad.spans(np.ones(10, np.float32), 320) == [Span(0, 320)]


def test_spans_keep_apart_and_drop_clicks() -> None:
    found = np.zeros(100, np.float32)
    found[10:40] = found[44:60] = found[80:82] = 0.9
    spans = vad.spans(found, 3_200, min_pause_ms=100, min_speech_ms=100, pad_ms=120)
    assert spans == [Span(200, 1_344), Span(1_344, 2_040)]
    assert vad.spans(found, 3_200, min_pause_ms=300, pad_ms=0) == [Span(320, 1_920)]


def test_threads_share_the_model(speech: Sound) -> None:
    alone = vad.speech_probabilities(speech)
    made: list[bool] = []

    def ask() -> None:
        made.append(bool(np.allclose(vad.speech_probabilities(speech), alone)))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [True] * 3
