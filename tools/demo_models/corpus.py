"""The training corpus on disk: shards of synthetic speech as un-normalised log-mel frames with their texts
and times.

Shard NN is two files: `speech-NN.npy` (float16, all utterances one after another) and `speech-NN.json` (one
row each: text, voice, frame count, word times, phoneme times). Shards are independent and each has its own
seed, so they can be made by several processes and any of them made again.
"""

import json
import multiprocessing
import random
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from . import features, grammar, synthesis


class Row(NamedTuple):
    """One utterance of a shard; times are seconds from its first frame."""

    text: str
    voice: str
    frame_count: int
    words: list[tuple[float, float]]
    phonemes: list[tuple[float, str]]


def write_shard(folder: Path, seed: int, shard: int, count: int) -> None:
    """Synthesise one shard of `count` utterances."""
    name = f"{seed}-shard-{shard}"
    rng = random.Random(f"{name}-voices")
    sentences = grammar.training_sentences(name)
    frames: list[npt.NDArray[np.float16]] = []
    rows: list[Row] = []
    for _ in range(count):
        voice = synthesis.draw_voice(rng)
        spoken = synthesis.speak(next(sentences), voice)
        frames.append(features.log_power(spoken.samples).astype(np.float16))
        rows.append(Row(spoken.text, voice.name, len(frames[-1]), spoken.words, spoken.phonemes))
    np.save(folder / f"speech-{shard:02d}.npy", np.concatenate(frames))
    (folder / f"speech-{shard:02d}.json").write_text(json.dumps(rows))


def synthesize(folder: Path, seed: int, shards: int, per_shard: int, processes: int) -> None:
    """Synthesise every missing shard with `processes` processes."""
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    todo = [shard for shard in range(shards) if not (folder / f"speech-{shard:02d}.json").exists()]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.starmap(write_shard, [(folder, seed, shard, per_shard) for shard in todo], chunksize=1)
    print(f"synthesised {len(todo) * per_shard} utterances in {time.monotonic() - started:.0f} s", flush=True)


def read_shards(folder: Path) -> list[tuple[Row, npt.NDArray[np.float16]]]:
    """Return every utterance with its frames; frames stay on disk (memory-mapped) until they are used."""
    utterances = []
    for path in sorted(folder.glob("speech-*.json")):
        frames = np.load(path.with_suffix(".npy"), mmap_mode="r")
        start = 0
        for row in (Row(*fields) for fields in json.loads(path.read_text())):
            utterances.append((row, frames[start : start + row.frame_count]))
            start += row.frame_count
    if not utterances:
        raise FileNotFoundError(f"no shards in {folder}: run the `synthesize` step first")
    return utterances


def summary(folder: Path) -> dict[str, float]:
    """Return how much speech the shards hold: `utterances` and `hours`."""
    counts = [row[2] for path in sorted(folder.glob("speech-*.json")) for row in json.loads(path.read_text())]
    return {"utterances": len(counts), "hours": sum(counts) / features.FRAMES_PER_SECOND / 3600}
