"""Fit the weights of `transcription.confidence` on data of `tools.risk.listen`, and measure them held out.

A logistic model over the strengths of the signs: few numbers, each of which can be read. Weights of signs are
kept from falling below zero, so that a worse sign never lowers the score. Folds are split by clip, so a clip
in one spoilt form is never judged by a fit that has seen it in another.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from transcription import confidence
from transcription.monotone import learn_rising, read_off
from transcription.text.metrics import count_errors
from transcription.types import Signals

FOLDS: Final = 6
RIDGE: Final = 1.0
PRIOR: Final = 0.5
"""Where the ridge pulls the weight of a sign: a little worth, until the data says otherwise."""
STEPS: Final = 4_000
BY_HAND: Final = ("no_voice", "stock_phrase", "language_uncertain")
"""Signs that this data cannot teach: its texts are English and given as such, and flagged by older rules."""
NAMES: Final = tuple(name for name in confidence.WEIGHTS if name not in BY_HAND)
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Data:
    """Windows as numbers. `signs` has shape (windows, NAMES + 1), the last column tells a second hearing."""

    signs: Vector
    changed: Vector
    errors: Vector
    fold: NDArray[np.int64]
    empty: NDArray[np.bool_]
    human: NDArray[np.bool_]
    seconds: NDArray[np.bool_]
    by_flag: list[str]


def read(path: Path) -> Data:
    """Read the data; the outcome is whether a person would have changed a word, the errors are counted."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    signs, changed, errors, fold, empty, by_flag = [], [], [], [], [], []
    for row in rows:
        found = count_errors(row["reference"], row["text"]).errors
        signs.append(_signs(row))
        changed.append(float(found > 0))
        errors.append(float(found))
        fold.append(zlib.crc32(f"{row['source']} {row['group']}".encode()) % FOLDS)
        empty.append(not row["text"].strip())
        by_flag.append(next((name for name in confidence.EMPTY if name in row["flags"]), "nothing_heard"))
    return Data(
        np.array(signs), np.array(changed), np.array(errors), np.array(fold), np.array(empty),
        np.array([row["source"] == "human" for row in rows]),
        np.array([row["hearing"] == "refine" for row in rows]), by_flag,
    )  # fmt: skip


def _signs(row: dict[str, Any]) -> list[float]:
    apart = (
        None if row["other"] is None else confidence.disagreement_in(count_errors(row["other"], row["text"]))
    )
    found = confidence.strengths(
        Signals.from_json(row["signals"]), row["text"], row["duration_ms"], row["flags"], apart,
        row["probabilities"],
    )  # fmt: skip
    return [*(found[name] for name in NAMES), float(apart is not None)]


def fit(signs: Vector, changed: Vector, weight: Vector) -> Vector:
    """Give weights of the signs and the base, last: logistic, ridge on the signs, none of a sign negative."""
    columns = np.hstack([signs, np.ones((len(signs), 1))])
    free = np.zeros(columns.shape[1], dtype=bool)
    free[-2:] = True  # the second hearing and the base may be of either sign
    found = np.zeros(columns.shape[1])
    step = 4.0 / (np.sum(weight * np.sum(columns**2, axis=1)) + RIDGE)
    ahead, momentum = found.copy(), 1.0
    for _ in range(STEPS):
        share = 1 / (1 + np.exp(-columns @ ahead))
        slope = columns.T @ (weight * (share - changed))
        slope[:-1] += RIDGE * (ahead[:-1] - PRIOR * ~free[:-1])
        moved = ahead - step * slope
        moved[~free] = np.maximum(0.0, moved[~free])
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * (moved - found)
        found, momentum = moved, following
    return found


def score(weights: Vector, signs: Vector) -> Vector:
    """Give the probability of a change of each window."""
    odds: Vector = signs @ weights[:-1] + weights[-1]
    return 1 / (1 + np.exp(-odds))


def held_out(data: Data, weight: Vector) -> tuple[Vector, Vector]:
    """Give each window the scores of a fit that has not seen its clip: plain, and through a rising map."""
    plain, mapped = np.zeros(len(data.changed)), np.zeros(len(data.changed))
    for fold in range(FOLDS):
        seen, unseen = (data.fold != fold) & ~data.empty, data.fold == fold
        weights = fit(data.signs[seen], data.changed[seen], weight[seen])
        plain[unseen] = score(weights, data.signs[unseen])
        known = score(weights, data.signs[seen])
        points = learn_rising(zip(known.tolist(), data.changed[seen].tolist(), strict=True), least=60)
        mapped[unseen] = [read_off(points, value) for value in plain[unseen]]
    for index in np.flatnonzero(data.empty):
        plain[index] = mapped[index] = confidence.EMPTY[data.by_flag[index]]
    return plain, mapped


def auc(scores: Vector, changed: Vector) -> float:
    """Give the chance that a changed window scores above an unchanged one."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    for value in np.unique(scores):
        same = scores == value
        ranks[same] = ranks[same].mean()
    positive = changed > 0
    wins = ranks[positive].sum() - positive.sum() * (positive.sum() + 1) / 2
    return float(wins / (positive.sum() * (~positive).sum()))


def found_in(scores: Vector, errors: Vector, share: float) -> float:
    """Give the share of all word errors that lie in the riskiest `share` of windows."""
    worst = np.argsort(-scores, kind="stable")[: round(share * len(scores))]
    return float(errors[worst].sum() / errors.sum())


def reliability(
    scores: Vector, changed: Vector, steps: Sequence[float]
) -> list[tuple[str, int, float, float]]:
    """Give for each band of score: its name, windows, mean score and share changed."""
    rows = []
    for low, high in pairwise(steps):
        inside = (scores >= low) & ((scores < high) | (high >= 1))
        if inside.any():
            rows.append((f"{low:.1f} to {high:.1f}", int(inside.sum()), float(scores[inside].mean()),
                         float(changed[inside].mean())))  # fmt: skip
    return rows


def report(path: Path) -> None:
    """Print the constants fitted on everything, and what fits on other clips say about each clip."""
    data = read(path)
    weight = np.where(data.human, 0.5 / data.human.mean(), 0.5 / (~data.human).mean())
    told = ~data.empty
    weights = fit(data.signs[told], data.changed[told], weight[told])
    print("WEIGHTS:", {name: round(float(w), 2) for name, w in zip(NAMES, weights, strict=False)})
    print("HEARD_TWICE:", round(float(weights[-2]), 2), "BASE:", round(float(weights[-1]), 2))
    for flag in confidence.EMPTY:
        here = data.empty & np.array([name == flag for name in data.by_flag])
        share = f"{data.changed[here].mean():.2f}" if here.any() else "-"
        print(f"EMPTY[{flag}]: {int(here.sum())} windows, changed {share}")
    plain, mapped = held_out(data, weight)
    subsets = {
        "all": np.ones(len(told), dtype=bool),
        "human, draft": data.human & ~data.seconds, "human, refine": data.human & data.seconds,
        "synthetic, draft": ~data.human & ~data.seconds, "synthetic, refine": ~data.human & data.seconds,
    }  # fmt: skip
    print("\n| held out | windows | changed | AUC | Brier | Brier, mapped | Brier of the base rate "
          "| errors in the riskiest 20 % |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for name, chosen in subsets.items():
        changed, scores = data.changed[chosen], plain[chosen]
        rate = changed.mean()
        brier, brier_mapped = (np.mean((found[chosen] - changed) ** 2) for found in (plain, mapped))
        print(
            f"| {name} | {chosen.sum()} | {rate:.2f} | {auc(scores, changed):.3f} | {brier:.3f} "
            f"| {brier_mapped:.3f} | {rate * (1 - rate):.3f} "
            f"| {found_in(scores, data.errors[chosen], 0.2):.2f} |"
        )
    print("\n| score | windows | mean score | changed |\n|---|---|---|---|")
    for band, count, mean, changed_share in reliability(plain, data.changed, np.linspace(0, 1, 11).tolist()):
        print(f"| {band} | {count} | {mean:.2f} | {changed_share:.2f} |")
