"""Who is next: people, then drafts, then refines; and nobody waits for ever."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from annotation.services import turns
from annotation.services.turns import Head, Turns
from annotation.states import Pass, Priority

CLASSES = [(p, h) for p in Pass for h in Priority]


def head(pass_name: Pass, haste: Priority) -> Head:
    return Head(1, pass_name, haste, "m", "d", suspect=False)


def serve(heads: Sequence[Head], count: int) -> Counter[tuple[Pass, Priority]]:
    """Give `count` turns while every one of `heads` waits all the time."""
    mine = Turns()
    served: Counter[tuple[Pass, Priority]] = Counter()
    for _ in range(count):
        chosen = mine.choose(heads)
        assert chosen is not None
        is_behind = any(other.rank < chosen.rank for other in heads)
        mine.taken(chosen.rank, is_behind=is_behind)
        served[chosen.pass_name, chosen.haste] += 1
    return served


def test_people_go_before_drafts_and_those_before_refines_and_fresh_before_bulk() -> None:
    ordered = sorted((head(*c) for c in CLASSES), key=lambda h: h.rank)
    assert [(h.pass_name, h.haste) for h in ordered] == [
        (Pass.DRAFT, Priority.PERSON),
        (Pass.REFINE, Priority.PERSON),
        (Pass.DRAFT, Priority.FRESH),
        (Pass.DRAFT, Priority.BULK),
        (Pass.REFINE, Priority.FRESH),
        (Pass.REFINE, Priority.BULK),
    ]
    assert turns.first([]) is None
    assert Turns().choose([]) is None


def test_every_priority_belongs_to_one_class() -> None:
    for value in (-5, 0, 5, 9, 10, 50, 99, 100, 101, 32_767):
        holding = [h for h in Priority if turns.bounds(h)[0] <= value < turns.bounds(h)[1]]
        assert len(holding) == 1


@pytest.mark.parametrize("seed", range(10))
def test_whatever_floods_those_behind_keep_their_share(seed: int) -> None:
    waiting = random.Random(seed).sample(CLASSES, k=random.Random(seed).randint(2, 6))
    heads = [head(*c) for c in waiting]
    served = serve(heads, 600)
    front = turns.first(heads)
    assert front is not None
    behind = {c for c in waiting if c[1] != Priority.PERSON} - {(front.pass_name, front.haste)}
    if behind:
        assert sum(served[c] for c in behind) >= 0.15 * 600
        assert all(served[c] >= 0.15 * 600 / len(behind) * 0.95 for c in behind), served
    assert served[front.pass_name, front.haste] >= 0.8 * 600, "and the front keeps the rest"


def test_a_person_who_comes_alone_never_waits_for_a_kept_turn() -> None:
    bulk = [head(Pass.DRAFT, Priority.BULK), head(Pass.REFINE, Priority.BULK)]
    person = head(Pass.DRAFT, Priority.PERSON)
    mine = Turns()
    for number in range(60):
        heads = [*bulk, person] if number % 7 == 0 else bulk
        chosen = mine.choose(heads)
        assert chosen is not None
        assert (chosen is person) == (number % 7 == 0)
        mine.taken(chosen.rank, is_behind=any(o.rank < chosen.rank for o in heads))


def test_a_batch_that_lies_ready_is_overtaken_by_people_but_not_for_ever() -> None:
    mine = Turns()
    bulk, refine = turns.rank(Pass.DRAFT, Priority.BULK), turns.rank(Pass.REFINE, Priority.BULK)
    assert mine.may_overtake(refine, is_behind=False) == refine, "a draft goes before a refine"
    assert mine.may_overtake(refine, is_behind=True) == turns.PEOPLE, "a kept turn is kept, but for people"
    for _ in range(5):
        assert mine.may_overtake(bulk, is_behind=False) > 0
        mine.taken(0, is_behind=False)
    assert mine.may_overtake(bulk, is_behind=False) == 0, "five people went first; now it is its turn"
    assert mine.may_overtake(1, is_behind=False) == 1, "among people the draft goes first"
