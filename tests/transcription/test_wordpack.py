"""Words come out of their packing as they went in."""

from __future__ import annotations

import json
import random

import pytest

from transcription.wordpack import pack, unpack


@pytest.mark.parametrize("seed", range(20))
def test_what_is_packed_comes_back(seed: int) -> None:
    chance = random.Random(seed)
    words = []
    for _ in range(chance.randrange(0, 60)):
        start = chance.randrange(0, 100_000_000)
        text = chance.choice(["", " the", " Größe", " 你好", " \U0001f600", " a\u0301", "-"])
        words.append([start, start + chance.choice([0, 1, 250, 100_000]), text, chance.random()])
    packed = json.loads(json.dumps(pack(words)))
    back = unpack(packed)
    assert [w[:3] for w in back] == [w[:3] for w in words]
    assert all(abs(a[3] - b[3]) <= 0.002 for a, b in zip(back, words, strict=True))
    assert pack(back) == packed


def test_words_that_were_stored_as_lists_are_read_as_they_are() -> None:
    stored = [[0, 400, " one", 0.9], [400, 900, " two", 0.5]]
    assert unpack(stored) == stored
    assert unpack([]) == []


def test_packed_words_are_a_fraction_of_lists() -> None:
    words = [[3_000_000 + 300 * n, 3_000_240 + 300 * n, " word", 0.9312] for n in range(20)]
    assert len(json.dumps(pack(words))) < 0.4 * len(json.dumps(words))
