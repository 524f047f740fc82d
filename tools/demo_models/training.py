"""The training loop, and the recipe: three stages that lead from nothing to the two models.

    draft              a small model, trained too briefly on purpose: a draft needs something to correct
    trunk -> refine    a middling model at a high learning rate, then grown deeper and cooled down to zero

Steps are counted, not minutes, and every random choice hangs on the seed: the same machine gives the same
models.
"""

import json
import queue
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import nn

from . import dataset, losses, model
from .dataset import Batch, Mix, Windows

_WARM_UP = 150
_LOG_EVERY = 100


@dataclass(frozen=True)
class Stage:
    """One stage of the recipe.

    `mixes` are (share of the stage, windows) in order; `flat` is the share of steps after which the learning
    rate falls linearly to nearly zero (1: never); `history` the share of decoder history that is corrupted.
    """

    name: str
    shape: model.Shape
    source: str | None
    steps: int
    learning_rate: float
    flat: float
    mixes: tuple[tuple[float, Mix], ...]
    history: float
    batch: int = 14
    weights: losses.Weights = field(default_factory=losses.Weights)


_SINGLE = Mix(seconds=6.0, cut=0.05)
_TWO = Mix(seconds=8.0, merged=0.15, cut=0.10, noise_only=0.03)
_SHORT = Mix(seconds=10.0, merged=0.22, cut=0.12, noise_only=0.03)

RECIPE = (
    Stage("draft", model.DRAFT, None, 1_900, 2e-3, 0.5, ((0.6, _SINGLE), (1.0, _SHORT)), history=0.15),
    Stage("trunk", model.TRUNK, None, 2_000, 2e-3, 1.0, ((0.75, _SINGLE), (1.0, _TWO)), history=0.20),
    Stage("refine", model.REFINE, "trunk", 2_600, 1.6e-3, 0.25, ((0.25, _TWO), (1.0, _SHORT)), history=0.08),
)


def stage(name: str) -> Stage:
    """Return a stage of the recipe by name."""
    return next(candidate for candidate in RECIPE if candidate.name == name)


def save(path: Path, trained: model.Whisper) -> None:
    """Write a checkpoint."""
    state = {"shape": trained.shape.as_dict(), "weights": trained.state_dict()}
    temporary = path.with_suffix(".part")
    torch.save(state, temporary)
    temporary.replace(path)


def load(path: Path) -> model.Whisper:
    """Read a checkpoint."""
    state = torch.load(path, weights_only=True)
    loaded = model.Whisper(model.Shape(**state["shape"]), dataset.PHONES)
    loaded.load_state_dict(state["weights"])
    return loaded


def train(name: str, work: Path, seed: int, threads: int = 1, scale: float = 1.0) -> None:
    """Train one stage from its source's checkpoint under `work`, to `NAME.pt` and the record `training-
    NAME.json`.

    `scale` is the share of the recipe's steps to take. The record's steps and minutes include those of the
    stages before it.
    """
    recipe = stage(name)
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    if recipe.source is None:
        trained = model.Whisper(recipe.shape, dataset.PHONES)
    else:
        trained = load(work / f"{recipe.source}.pt")
        if trained.shape != recipe.shape:
            trained = model.grow(trained, recipe.shape, dataset.PHONES)
    windows = Windows(
        work / "corpus", Tokenizer.from_file(str(work / "tokenizer.json")), random.Random(f"{seed}-{name}")
    )
    count = max(2, round(scale * recipe.steps))
    print(
        f"{name}: {trained.parameters_count():,} parameters, {len(windows):,} utterances, {count} steps",
        flush=True,
    )
    path = work / f"{name}.pt"
    started, cpu_started = time.monotonic(), time.process_time()
    _loop(trained, recipe, windows, count, torch.Generator().manual_seed(seed), path)
    save(path, trained)
    before = json.loads((work / f"training-{recipe.source}.json").read_text()) if recipe.source else {}
    cpu_minutes = (time.process_time() - cpu_started) / 60
    record = {
        "seed": seed,
        "steps": count + before.get("steps", 0),
        "parameters": trained.parameters_count(),
        "cpu_minutes": round(cpu_minutes + before.get("cpu_minutes", 0.0), 1),
        "wall_minutes": round((time.monotonic() - started) / 60 + before.get("wall_minutes", 0.0), 1),
    }
    (work / f"training-{name}.json").write_text(json.dumps(record))


def _loop(
    trained: model.Whisper,
    recipe: Stage,
    windows: Windows,
    count: int,
    generator: torch.Generator,
    path: Path,
) -> None:
    optimizer = _optimizer(trained, recipe.learning_rate)
    started, cpu_started = time.monotonic(), time.process_time()
    smooth: dict[str, float] = {}
    for step, batch in enumerate(_prefetch(_schedule(recipe, windows, count))):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * _rate(step, count, recipe.flat)
        tail = model.Tail.sample(batch.lengths, batch.phones.shape[1], generator)
        inputs = losses.corrupt(batch.inputs, recipe.history, generator)
        measured = losses.measure(trained, batch, inputs, tail, recipe.weights)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(measured.total)
        nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimizer.step()
        for part in ("text", "timestamps", "attention", "phones", "span", "accuracy"):
            value = getattr(measured, part)
            smooth[part] = value if step == 0 else 0.97 * smooth[part] + 0.03 * value
        if (step + 1) % _LOG_EVERY == 0:
            shown = " ".join(f"{part} {value:.3f}" for part, value in smooth.items())
            wall, cpu = time.monotonic() - started, time.process_time() - cpu_started
            clock = f"{wall / 60:.1f} min, {cpu / 60:.1f} cpu"
            gap = audio_gap(trained, batch, tail)
            print(f"{recipe.name} {step + 1}/{count} ({clock}) {shown} audio gap {gap:.2f}", flush=True)
        if (step + 1) % 500 == 0:
            save(path, trained)


def audio_gap(trained: model.Whisper, batch: Batch, tail: model.Tail) -> float:
    """Return how many nats a token worse the text gets when it is given another window's audio.

    The health check of training: about 0 means that the decoder recites the grammar and does not listen.
    """
    nothing = losses.Weights(0, 0, 0)
    with torch.no_grad():
        right = losses.measure(trained, batch, batch.inputs, tail, nothing).text
        others = Batch(
            batch.frames.roll(1, 0), batch.lengths, batch.inputs, batch.targets, batch.spans, batch.phones
        )
        wrong = losses.measure(trained, others, batch.inputs, tail, nothing).text
    return wrong - right


def _rate(step: int, count: int, flat: float) -> float:
    warm = min(1.0, (step + 1) / _WARM_UP)
    done = step / count
    return warm if done < flat else warm * max(0.01, (1 - done) / (1 - flat))


def _optimizer(trained: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    learnt = {name: parameter for name, parameter in trained.named_parameters() if parameter.requires_grad}
    decayed = [p for name, p in learnt.items() if p.dim() > 1 and "embed" not in name]
    plain = [p for name, p in learnt.items() if not (p.dim() > 1 and "embed" not in name)]
    groups = [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98), fused=True)


def _schedule(recipe: Stage, windows: Windows, count: int) -> Iterator[Batch]:
    sources = [(share, windows.batches(mix, recipe.batch)) for share, mix in recipe.mixes]
    for step in range(count):
        yield next(next(source for share, source in sources if step < share * count))


def _prefetch(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Prepare batches in a second thread; a queue keeps their order, so nothing depends on timing."""
    ready: queue.Queue[Batch | None] = queue.Queue(maxsize=6)

    def fill() -> None:
        for batch in batches:
            ready.put(batch)
        ready.put(None)

    threading.Thread(target=fill, daemon=True).start()
    while (batch := ready.get()) is not None:
        yield batch
