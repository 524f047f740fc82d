"""Plan which short clips share one window of the model. Pure functions of integers.

The model takes 30 s whatever it is given; five clips of 5 s in one window cost little more than one of them.
What is packed together decides the text in small ways, so it is planned once, from what never changes (the
clips and their order), and not from what happens to wait in a queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

GAP_MS: Final = 600
"""Silence between two clips of a pack."""
PACK_MS: Final = 26_000
"""The most a pack may last with its pauses. Speech that reaches further is left out by the model as one that
goes on in the next window: 8 of 14 packs up to 29 s lost their last clip so, 2 of 16 up to 26 s (tiny.en).
"""
LONGEST_CLIP_MS: Final = 12_000
"""A longer clip fills a window well enough by itself."""


def plan_packs(durations_ms: Sequence[int]) -> list[range]:
    """Group neighbouring clips into packs, in order, each as full as it may be.

    Gives ranges of indexes that cover all clips. A range of one is a clip that is decoded alone. The same
    clips in the same order always give the same packs.
    """
    packs: list[range] = []
    first, length = 0, 0
    for index, duration in enumerate(durations_ms):
        longer = length + (GAP_MS if index > first else 0) + duration
        if index > first and (longer > PACK_MS or duration > LONGEST_CLIP_MS):
            packs.append(range(first, index))
            first, longer = index, duration
        length = longer
        if duration > LONGEST_CLIP_MS:
            packs.append(range(first, index + 1))
            first, length = index + 1, 0
    if first < len(durations_ms):
        packs.append(range(first, len(durations_ms)))
    return packs
