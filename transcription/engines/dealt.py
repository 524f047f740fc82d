"""Deal what was heard in a pack back to its clips, and say which clips have to be decoded alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from transcription.engines.alignment import trimmed
from transcription.engines.generation import Candidate, compression_ratio, is_doubtful, no_speech
from transcription.engines.levels import sounding, span_of_sound
from transcription.engines.pieces import FRAME_MS, Pack, Piece
from transcription.types import DecodingOptions, Word

_WORD_AT_MOST_MS: Final = 700
"""The model draws the last word before a pause over the pause; its beginning is right."""
_NEAR_MS: Final = 200
"""A word whose middle is further than this from either clip, within the pause, may belong to both."""
_UNHEARD_MS: Final = 1_200
"""Sound at the end of a clip that no text covers: more than this, and words are missing."""
_FLOOR: Final = 1e-4
_TIMESTAMP_S: Final = 0.02


def deal(
    pack: Pack, candidate: Candidate, words: Sequence[Word], timestamp_begin: int, options: DecodingOptions
) -> list[tuple[Candidate, tuple[Word, ...]] | None]:
    """Give each clip its words, in its own time, and a candidate of its own; None where that is not sure.

    `words` are in ms from the start of the pack. `timestamp_begin`: the token that stands for 0.00 s.
    """
    count = len(pack.clips)
    if is_doubtful(candidate, options) or no_speech(candidate, options):
        return [None] * count
    ends = [start + clip.frames * FRAME_MS for start, clip in zip(pack.starts_ms, pack.clips, strict=True)]
    shares: list[list[Word]] = [[] for _ in pack.clips]
    unsure = set()
    for word in words:
        middle = word.start_ms + min(word.end_ms - word.start_ms, _WORD_AT_MOST_MS) // 2
        index = max((i for i in range(count) if pack.starts_ms[i] <= middle), default=0)
        if index + 1 < count and middle > (ends[index] + pack.starts_ms[index + 1]) / 2:
            index += 1
        if middle - ends[index] > _NEAR_MS:
            unsure |= {index, index + 1}
        elif pack.starts_ms[index] - middle > _NEAR_MS:
            unsure |= {index - 1, index}
        shares[index].append(word)
    covered = _text_spans(candidate.tokens, timestamp_begin)
    dealt: list[tuple[Candidate, tuple[Word, ...]] | None] = []
    for index, clip in enumerate(pack.clips):
        start, end = pack.starts_ms[index], ends[index]
        _, sound_end = span_of_sound(clip.levels)
        last = max((to for since, to in covered if since < end and to > start), default=start)
        if not shares[index] or index in unsure or start + sound_end - last > _UNHEARD_MS:
            dealt.append(None)
            continue
        own = _own_candidate(candidate, shares[index])
        if is_doubtful(own, options):
            dealt.append(None)
            continue
        dealt.append((own, _in_clip(shares[index], start, clip)))
    return dealt


def _own_candidate(whole: Candidate, share: Sequence[Word]) -> Candidate:
    """Say of a clip what can be said of it alone: its text, how probable its own words are."""
    text = "".join(word.text for word in share).strip()
    mean = sum(math.log(max(_FLOOR, word.probability)) for word in share) / len(share)
    tokens = max(len(share), round(len(whole.tokens) * len(text) / max(1, len(whole.text))))
    return replace(
        whole,
        tokens=whole.tokens[:tokens],
        text=text,
        avg_logprob=mean,
        compression_ratio=compression_ratio(text),
    )


def _in_clip(share: Sequence[Word], start_ms: int, clip: Piece) -> tuple[Word, ...]:
    sounds = sounding(clip.levels)
    made = []
    for word in share:
        start = min(clip.duration_ms, max(0, word.start_ms - start_ms))
        end = min(clip.duration_ms, max(start, word.end_ms - start_ms))
        start, end = trimmed(start, end, sounds)
        made.append(replace(word, start_ms=start, end_ms=end))
    return tuple(made)


def _text_spans(tokens: Sequence[int], timestamp_begin: int) -> list[tuple[int, int]]:
    """Give the stretches in ms that the model itself says its text is from: between its timestamp tokens."""
    spans: list[tuple[int, int]] = []
    since: int | None = None
    spoken = False
    for token in tokens:
        if token < timestamp_begin:
            spoken = True
            continue
        at = round((token - timestamp_begin) * _TIMESTAMP_S * 1000)
        if spoken and since is not None:
            spans.append((since, at))
        since, spoken = at, False
    return spans
