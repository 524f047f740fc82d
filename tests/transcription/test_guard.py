"""What a model makes of silence, hum, music and its own loops is flagged, with the reason, and kept."""

from __future__ import annotations

import numpy as np
import pytest

from tests.transcription import sounds
from tests.transcription.sounds import Sound
from transcription import vad
from transcription.engines.generation import Candidate, compression_ratio
from transcription.engines.guard import flags_of, is_stock_phrase
from transcription.engines.levels import is_steady, levels
from transcription.engines.loops import is_looped
from transcription.engines.pieces import Piece
from transcription.types import DecodingOptions, Flag

OPTIONS = DecodingOptions()


def _candidate(text: str, *, avg_logprob: float = -0.3, no_speech_prob: float = 0.05) -> Candidate:
    return Candidate(
        tokens=tuple(range(len(text.split()))),
        text=text,
        avg_logprob=avg_logprob,
        no_speech_prob=no_speech_prob,
        compression_ratio=compression_ratio(text),
        temperature=0.0,
        at_limit=False,
        context="full",
    )


def _piece(sound: Sound) -> Piece:
    return Piece(sound, np.zeros((80, len(sound) // 160 + 1), np.float32), levels(sound), "en")


def _flags(candidate: Candidate, sound: Sound) -> list[Flag]:
    return flags_of(
        candidate, _piece(sound), OPTIONS, lambda heard: vad.voiced_ms(vad.speech_probabilities(heard))
    )


@pytest.mark.parametrize("name", ["hum", "noise", "silence"])
def test_sure_words_over_a_steady_sound_have_no_voice(name: str) -> None:
    assert _flags(_candidate("And so we begin."), sounds.NOT_SPEECH[name](8.0)) == ["no_voice"]


def test_weak_words_over_music_have_no_voice() -> None:
    assert _flags(_candidate("And so we begin.", no_speech_prob=0.5), sounds.music(8.0)) == ["no_voice"]


def test_a_stock_phrase_over_music_is_told() -> None:
    assert _flags(_candidate("Thanks for watching!"), sounds.music(8.0)) == ["no_voice", "stock_phrase"]


def test_a_stock_phrase_that_somebody_says_is_no_offence() -> None:
    asked = []

    def voiced(heard: Sound) -> int:
        asked.append(len(heard))
        return 900

    piece = _piece(sounds.music(2.0))
    assert flags_of(_candidate("Thank you."), piece, OPTIONS, voiced) == []
    assert asked
    weak = _candidate("Thank you.", avg_logprob=-0.9)
    assert flags_of(weak, piece, OPTIONS, voiced) == ["stock_phrase"]


def test_the_detector_is_asked_only_about_the_suspicious() -> None:
    def never(heard: Sound) -> int:
        raise AssertionError("asked")

    talking = sounds.noise(6.0, -30)
    talking[20_000:40_000] *= 0.01
    talking[60_000:75_000] *= 0.01
    assert flags_of(_candidate("A sentence like any other."), _piece(talking), OPTIONS, never) == []
    nothing = _candidate("", no_speech_prob=0.9)
    assert flags_of(nothing, _piece(sounds.hum(5.0)), OPTIONS, never) == ["no_speech"]


@pytest.mark.parametrize(
    ("text", "looped"),
    [
        ("the cat the cat the cat the cat the cat", True),
        ("So, so, so, so, so, so, so.", True),
        ("はいはいはいはいはいはい", True),
        (" ".join(["At that high level, the air is pure."] * 3), True),
        ("Could you check it for Wendy? Could you check it for Wendy?", False),
        ("No, no, no, no.", False),
        ("He said that that that he said was that.", False),
        ("one two three four one two three four", False),
        ("The first of all of the letters of the book of the year.", False),
        ("", False),
        ("I see I see I see I see I see and then he went home to his wife and children", True),
        ("we all went home and then it was all over and I see I see I see I see", False),
    ],
)
def test_loops_that_are_too_short_for_zlib(text: str, looped: bool) -> None:
    assert is_looped(text) is looped
    assert compression_ratio(text) < 2.4
    if looped:
        assert "repetition" in flags_of(_candidate(text), _piece(sounds.music(3.0)), OPTIONS, lambda _: 3_000)


def test_a_sentence_said_twice_is_worth_a_second_look() -> None:
    assert is_looped("Could you check it for Wendy? Could you check it for Wendy?", twice=True)
    assert not is_looped("Could you check it for Wendy? Could you call Wendy?", twice=True)
    assert not is_looped("two two", twice=True)


def test_long_loops_are_found_by_zlib() -> None:
    text = " ".join(["I don't know what you mean."] * 12)
    assert "repetition" in flags_of(_candidate(text), _piece(sounds.music(3.0)), OPTIONS, lambda _: 3_000)


@pytest.mark.parametrize(
    ("text", "stock"),
    [
        ("Thanks for watching!", True),
        ("thank you", True),
        ("Thank you. Thank you.", True),
        ("Vielen Dank für's Zuschauen!", True),
        ("ご視聴ありがとうございました。", True),
        ("Субтитры сделал DimaTorzok", True),
        ("Thank you for the watch.", False),
        ("", False),
    ],
)
def test_stock_phrases(text: str, stock: bool) -> None:
    assert is_stock_phrase(text) is stock


def test_speech_is_not_steady() -> None:
    beat = np.tile(np.concatenate((np.ones(4_000), np.full(4_000, 0.05))), 6).astype(np.float32)
    assert not is_steady(levels(sounds.noise(3.0)[: len(beat)] * beat))
    assert is_steady(levels(sounds.hum(3.0)))
    assert not is_steady(levels(sounds.hum(0.5)))
