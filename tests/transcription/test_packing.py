"""Clips that share a window of the model: which, and how the words find their way back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.transcription import sounds
from tests.transcription.random_whisper import build
from transcription.catalog import resolve
from transcription.engines.base import WindowAudio
from transcription.engines.dealt import deal
from transcription.engines.generation import Candidate
from transcription.engines.pieces import Pack, Piece, make_packs
from transcription.engines.whisper import WhisperEngine
from transcription.packing import GAP_MS, LONGEST_CLIP_MS, PACK_MS, plan_packs
from transcription.types import DecodingOptions, Word

OPTIONS = DecodingOptions(language="en", pack=True)
BEGIN = 50_364


def test_packs_cover_all_clips_in_order_and_keep_within_the_window() -> None:
    draw = np.random.default_rng(3)
    durations = [int(d) for d in draw.integers(300, 16_000, 200)]
    packs = plan_packs(durations)
    assert [index for pack in packs for index in pack] == list(range(200))
    for pack in packs:
        lengths = [durations[index] for index in pack]
        if len(pack) > 1:
            assert sum(lengths) + GAP_MS * (len(pack) - 1) <= PACK_MS
            assert max(lengths) <= LONGEST_CLIP_MS
    assert plan_packs(durations) == packs
    assert plan_packs([5_000] * 9) == [range(4), range(4, 8), range(8, 9)]
    assert plan_packs([5_000, 20_000, 5_000]) == [range(1), range(1, 2), range(2, 3)]
    assert plan_packs([]) == []


def _clip(seconds: float, seed: int = 0) -> Piece:
    sound = sounds.noise(seconds, -20, seed)
    quiet = round(16_000 * 0.2)
    sound[:quiet] *= 0.001
    sound[-quiet:] *= 0.001
    from transcription.engines.levels import levels

    return Piece(sound, np.full((80, len(sound) // 160 + 1), seed, np.float32), levels(sound), "en")


@pytest.fixture
def pack() -> Pack:
    (made,) = make_packs([_clip(4, 1), _clip(3, 2), _clip(5, 3)])
    return made


def test_a_pack_is_its_clips_with_pauses_between(pack: Pack) -> None:
    assert pack.starts_ms == (0, 4_610, 8_220)
    assert pack.whole.frames == 401 + 60 + 301 + 60 + 501
    assert float(pack.whole.features[0, 400]) == 1.0
    assert not pack.whole.features[:, 401:461].any()
    assert float(pack.whole.features[0, 461]) == 2.0


def _heard(pack: Pack, *spoken: tuple[float, float, str], text_to: float | None = None) -> Candidate:
    def stamp(seconds: float) -> int:
        return BEGIN + round(seconds * 50)

    tokens = []
    for index, start in enumerate(pack.starts_ms):
        end = start / 1000 + pack.clips[index].duration_ms / 1000
        last = index == len(pack.starts_ms) - 1
        tokens += [stamp(start / 1000), 7, stamp(text_to if last and text_to is not None else end)]
    text = "".join(word for *_, word in spoken).strip()
    return Candidate(tuple(tokens), text, -0.3, 0.01, 1.0, 0.0, at_limit=False, context="pack")


def _words(*spoken: tuple[float, float, str], probability: float = 0.9) -> list[Word]:
    return [Word(round(a * 1000), round(b * 1000), text, probability) for a, b, text in spoken]


SPOKEN = (
    (0.2, 1.0, " one"),
    (1.0, 4.7, " two"),
    (4.8, 6.0, " three"),
    (8.5, 9.0, " four"),
    (9.0, 13.0, " five"),
)


def test_words_go_to_their_clips_in_the_times_of_those(pack: Pack) -> None:
    shares = deal(pack, _heard(pack, *SPOKEN), _words(*SPOKEN), BEGIN, OPTIONS)
    assert all(share is not None for share in shares)
    found = [share for share in shares if share is not None]
    assert [candidate.text for candidate, _ in found] == ["one two", "three", "four five"]
    for (_, words), clip in zip(found, pack.clips, strict=True):
        assert all(0 <= word.start_ms <= word.end_ms <= clip.duration_ms for word in words)
    # The model drew "two" over the pause; it ends where the clip falls silent.
    assert found[0][1][1].end_ms <= 3_820


def test_a_clip_with_sound_and_no_words_is_decoded_alone(pack: Pack) -> None:
    spoken = (SPOKEN[0], SPOKEN[1], SPOKEN[3], SPOKEN[4])
    shares = deal(pack, _heard(pack, *spoken), _words(*spoken), BEGIN, OPTIONS)
    assert [share is None for share in shares] == [False, True, False]


def test_a_word_in_the_middle_of_a_pause_is_nobodys(pack: Pack) -> None:
    spoken = ((0.2, 1.0, " one"), (4.2, 4.45, " two"), (4.8, 6.0, " three"), (8.5, 9.0, " four"))
    shares = deal(pack, _heard(pack, *spoken), _words(*spoken), BEGIN, OPTIONS)
    assert shares[0] is None
    assert shares[1] is None
    assert shares[2] is not None


def test_a_text_that_stops_before_the_sound_does_is_not_believed(pack: Pack) -> None:
    shares = deal(pack, _heard(pack, *SPOKEN, text_to=10.0), _words(*SPOKEN), BEGIN, OPTIONS)
    assert [share is None for share in shares] == [False, False, True]


def test_a_doubtful_pack_or_clip_is_decoded_alone(pack: Pack) -> None:
    candidate = _heard(pack, *SPOKEN)
    for doubtful in (
        replace(candidate, avg_logprob=-1.2),
        replace(candidate, compression_ratio=2.6),
        replace(candidate, at_limit=True),
        replace(candidate, no_speech_prob=0.9, avg_logprob=-1.2),
    ):
        assert deal(pack, doubtful, _words(*SPOKEN), BEGIN, OPTIONS) == [None] * 3
    words = _words(*SPOKEN)
    words[2] = replace(words[2], probability=0.1)
    assert [share is None for share in deal(pack, candidate, words, BEGIN, OPTIONS)] == [False, True, False]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> WhisperEngine:
    folder = build(tmp_path_factory.mktemp("models") / "random")
    return WhisperEngine(resolve(str(folder), models_dir=folder.parent), threads=1)


PLAIN = DecodingOptions(
    beam_size=1,
    temperatures=(0.0,),
    compression_ratio_threshold=None,
    log_prob_threshold=None,
    no_speech_threshold=None,
    max_tokens_per_second=2.0,
)


def test_noise_packed_by_a_model_that_hears_nothing_is_decoded_alone(engine: WhisperEngine) -> None:
    """Random weights run to the token limit, so every clip of a pack is unsure and gets its text alone."""
    windows = [WindowAudio(sounds.noise(2.0 + n, -20, n), language="de", pack="a") for n in range(3)]
    alone = [engine.decode([replace(window, pack=None)], PLAIN)[0] for window in windows]
    packed = engine.decode(windows, replace(PLAIN, pack=True))
    assert packed == alone
    assert {heard.signals.context for heard in packed} == {"full"}


def test_marks_are_ignored_where_packing_is_off_or_a_language_unknown(engine: WhisperEngine) -> None:
    windows = [WindowAudio(sounds.noise(2.0 + n, -20, n), pack="a") for n in range(2)]
    for options in (PLAIN, replace(PLAIN, pack=True), replace(PLAIN, pack=True, context="fit")):
        ready = engine.ready(windows, options)
        assert ready.prepared.packs == ()
    (pack,) = engine.ready(
        [replace(w, language="de") for w in windows], replace(PLAIN, pack=True)
    ).prepared.packs
    assert len(pack.clips) == 2
