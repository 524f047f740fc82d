"""Training windows: utterances, or parts of them, placed in a few seconds of noise, with what the decoder
should say.

A window imitates what inference meets: one sentence cut at its pauses, two or three of them merged, a cut in
the middle of a sentence, nothing but noise. Noise, tilt and gain are added to mel power, which costs next to
nothing.
"""

import functools
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer

from . import corpus, features, tokens

Ids = list[int]
Span = tuple[float, float] | None
"""Seconds in the window where a token is heard; None where it is not heard at all."""

PHONES = 160
_DECODER_LIMIT = 440


@dataclass(frozen=True)
class Piece:
    """Some consecutive words of an utterance: frames, token ids with their times, and the phoneme at each
    frame.
    """

    frames: npt.NDArray[np.float16]
    ids: Ids
    spans: list[tuple[float, float]]
    phones: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Example:
    """One training window: normalised frames, decoder input, target (-1: not scored) and span for each
    position.
    """

    frames: features.Frames
    inputs: Ids
    targets: Ids
    spans: list[Span]
    phones: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Batch:
    """Examples padded to one length; `lengths` counts each window's encoder positions (20 ms each)."""

    frames: torch.Tensor
    lengths: torch.Tensor
    inputs: torch.Tensor
    targets: torch.Tensor
    spans: torch.Tensor
    phones: torch.Tensor


@dataclass(frozen=True)
class Mix:
    """What windows are made of: longest window in seconds, and the shares (0 to 1) of the special kinds."""

    seconds: float
    merged: float = 0.0
    cut: float = 0.0
    noise_only: float = 0.02
    prompted: float = 0.1


Encode = Callable[[str], tuple[Ids, list[tuple[int, int]]]]
"""Token ids of a word with a space before it, and where in those characters each of them lies."""


def _encoder(tokenizer: Tokenizer) -> Encode:
    @functools.cache
    def encode(word: str) -> tuple[Ids, list[tuple[int, int]]]:
        encoding = tokenizer.encode(" " + word, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    return encode


class _Speech:
    """One utterance, tokenised word by word so that it can be cut at any word."""

    def __init__(
        self, row: corpus.Row, frames: npt.NDArray[np.float16], encode: Encode, phones: dict[str, int]
    ):
        self.frames = frames
        self.words = row.words
        self.ids: list[Ids] = []
        self.spans: list[list[tuple[float, float]]] = []
        for word, (start, end) in zip(re.findall(r"\S+", row.text), row.words, strict=True):
            ids, offsets = encode(word)
            width = (end - start) / (len(word) + 1)
            self.ids.append(ids)
            self.spans.append([(start + a * width, start + b * width) for a, b in offsets])
        self.phones = np.zeros(len(frames), np.uint8)
        starts = [*(round(at * features.FRAMES_PER_SECOND) for at, _ in row.phonemes), len(frames)]
        for (_, name), a, b in zip(row.phonemes, starts, starts[1:], strict=False):
            self.phones[a:b] = phones.get(name, 0)

    def piece(self, first: int, last: int) -> Piece:
        """Cut out the words first..last (inclusive)."""
        begin = 0 if first == 0 else int(self.words[first][0] * features.FRAMES_PER_SECOND)
        end = len(self.frames)
        if last < len(self.words) - 1:
            end = max(begin + 2, int(self.words[last][1] * features.FRAMES_PER_SECOND))
        shift = begin / features.FRAMES_PER_SECOND
        ids = [token for word in self.ids[first : last + 1] for token in word]
        spans = [(max(0.0, a - shift), b - shift) for word in self.spans[first : last + 1] for a, b in word]
        return Piece(self.frames[begin:end], ids, spans, self.phones[begin:end])


class Windows:
    """A source of training examples over the whole corpus."""

    def __init__(self, folder: Path, tokenizer: Tokenizer, rng: random.Random) -> None:
        rows = corpus.read_shards(folder)
        names = sorted({name for row, _ in rows for _, name in row.phonemes if not name.startswith("_")})
        if len(names) >= PHONES:
            raise ValueError(f"{len(names)} phonemes, but the classifier has only {PHONES} classes")
        phones = {name: index + 1 for index, name in enumerate(names)}
        encode = _encoder(tokenizer)
        self._speech = [_Speech(row, frames, encode, phones) for row, frames in rows]
        self._noise = features.noise_beds()
        self._rng = rng

    def __len__(self) -> int:
        return len(self._speech)

    def batches(self, mix: Mix, size: int) -> Iterator[Batch]:
        """Yield batches without end; six are drawn at a time and sorted by length: little padding."""
        while True:
            examples = sorted((self.example(mix) for _ in range(6 * size)), key=lambda e: len(e.frames))
            groups = [examples[start : start + size] for start in range(0, len(examples), size)]
            self._rng.shuffle(groups)
            yield from map(collate, groups)

    def example(self, mix: Mix) -> Example:
        """Draw one window."""
        rng, limit = self._rng, int(mix.seconds * features.FRAMES_PER_SECOND)
        if rng.random() < mix.noise_only:
            frames = self._pollute(
                np.full((rng.randint(40, limit), features.MELS), features.FLOOR, np.float32), None
            )
            head = [tokens.START, rng.choice([tokens.FIRST_TIMESTAMP, tokens.NO_TIMESTAMPS])]
            empty = np.zeros((len(frames) + 1) // 2, np.uint8)
            return Example(frames, head, [tokens.NO_SPEECH, tokens.END], [None, None], empty)
        placed, total = self._place(mix, limit)
        log_power = np.full((total, features.MELS), features.FLOOR, np.float32)
        phones = np.zeros(total, np.uint8)
        for at, piece in placed:
            log_power[at : at + len(piece.frames)] = piece.frames
            phones[at : at + len(piece.phones)] = piece.phones
        inputs, targets, spans = _script(placed, with_times=rng.random() < 0.6)
        if rng.random() < mix.prompted:
            prompt = self._prompt(_DECODER_LIMIT - len(inputs))
            inputs = [*prompt, *inputs]
            unscored: list[Span] = [None] * len(prompt)
            targets, spans = [-1] * len(prompt) + targets, unscored + spans
        loudest = max(float(piece.frames.max()) for _, piece in placed)
        return Example(self._pollute(log_power, loudest), inputs, targets, spans, phones[::2])

    def _place(self, mix: Mix, limit: int) -> tuple[list[tuple[int, Piece]], int]:
        """Choose pieces and where (frame) they start, and the window's length in frames."""
        rng = self._rng
        wanted = rng.choice([2, 2, 3]) if rng.random() < mix.merged else 1
        position = rng.choice([0, rng.randint(0, 30), rng.randint(0, 60)])
        placed: list[tuple[int, Piece]] = []
        for _ in range(wanted):
            piece = self._choose(mix.cut)
            if placed and position + len(piece.frames) > limit:
                break
            placed.append((position, piece))
            position += len(piece.frames) + rng.choice([rng.randint(2, 30), rng.randint(10, 120)])
        end = placed[-1][0] + len(placed[-1][1].frames)
        tail = rng.choice([0, rng.randint(0, 30), rng.randint(0, 100)])
        return placed, end + max(0, min(tail, limit - end))

    def _choose(self, cut: float) -> Piece:
        rng = self._rng
        speech = self._speech[rng.randrange(len(self._speech))]
        first, last = 0, len(speech.words) - 1
        if rng.random() < cut and last > 2:
            kind = rng.random()
            if kind < 0.7:
                last = rng.randint(1, last - 1)
            if kind > 0.3:
                first = rng.randint(min(1, last), max(1, last - 1))
        return speech.piece(min(first, last), last)

    def _pollute(self, log_power: features.Frames, loudest: float | None) -> features.Frames:
        """Add noise, tilt and gain to a window, then normalise it; `loudest` is None without speech."""
        rng = self._rng
        power = np.power(np.float32(10.0), log_power)
        if loudest is None or rng.random() < 0.95:
            bed = self._noise[rng.randrange(len(self._noise))]
            at = rng.randrange(len(bed) - len(power))
            level = rng.uniform(-6.0, -3.0) if loudest is None else loudest + rng.uniform(-6.5, -2.4)
            power += bed[at : at + len(power)] * np.float32(10.0**level)
        tilt = np.linspace(-1, 1, features.MELS, dtype=np.float32) * rng.uniform(-0.4, 0.4)
        return features.normalize(np.log10(np.maximum(power, 1e-10)) + tilt + rng.uniform(-0.7, 0.7))

    def _prompt(self, room: int) -> Ids:
        """Make up previous text, with timestamps or without, as a long recording would bring it."""
        rng, ids, at = self._rng, [], rng_start(self._rng)
        with_times = rng.random() < 0.6
        for _ in range(rng.randint(1, 4)):
            speech = self._speech[rng.randrange(len(self._speech))]
            words = [token for word in speech.ids for token in word]
            after = at + len(speech.frames) // 2
            ids += [_timestamp(at), *words, _timestamp(after)] if with_times else words
            at = after + rng.randint(5, 40)
        return [tokens.PREVIOUS, *ids[-min(100, room - 1) :]]


def rng_start(rng: random.Random) -> int:
    """Draw where previous text starts, in 20 ms steps."""
    return rng.randint(0, 200)


def _timestamp(step: int) -> int:
    return tokens.FIRST_TIMESTAMP + min(tokens.TIMESTAMPS - 1, max(0, step))


def _script(placed: list[tuple[int, Piece]], with_times: bool) -> tuple[Ids, Ids, list[Span]]:
    """Write the decoder's input, target and spans for a window."""
    said: Ids = []
    spans: list[Span] = []
    end = 0.0
    for at, piece in placed:
        start = at / features.FRAMES_PER_SECOND
        end = start + len(piece.frames) / features.FRAMES_PER_SECOND
        if with_times:
            said.append(_timestamp(round(start * 50)))
            spans.append((start - 0.02, start + 0.06))
        said += piece.ids
        spans += [(start + a, start + b) for a, b in piece.spans]
        if with_times:
            said.append(_timestamp(round(end * 50)))
            spans.append((end - 0.06, end + 0.02))
    said.append(tokens.END)
    spans.append((end - 0.04, end + 0.2))
    head = [tokens.START] if with_times else [tokens.START, tokens.NO_TIMESTAMPS]
    skipped = len(head) - 1
    return [*head, *said[:-1]], [-1] * skipped + said, [None] * skipped + spans


def collate(examples: list[Example]) -> Batch:
    """Pad examples to the longest of them."""
    size = len(examples)
    positions = max((len(example.frames) + 1) // 2 for example in examples)
    length = max(len(example.inputs) for example in examples)
    frames = np.zeros((size, features.MELS, 2 * positions), np.float32)
    inputs = np.full((size, length), tokens.END)
    targets = np.full((size, length), -1)
    spans = np.zeros((size, length, 2), np.int64)
    phones = np.zeros((size, positions), np.int64)
    lengths = np.zeros(size, np.int64)
    for row, example in enumerate(examples):
        frames[row, :, : len(example.frames)] = example.frames.T
        inputs[row, : len(example.inputs)] = example.inputs
        targets[row, : len(example.targets)] = example.targets
        phones[row, : len(example.phones)] = example.phones
        lengths[row] = (len(example.frames) + 1) // 2
        for column, span in enumerate(example.spans):
            if span is not None:
                begin = min(positions - 1, max(0, int(span[0] * 50)))
                spans[row, column] = begin, max(begin + 1, min(positions, int(span[1] * 50) + 1))
    tensor = torch.from_numpy
    return Batch(
        tensor(frames), tensor(lengths), tensor(inputs), tensor(targets), tensor(spans), tensor(phones)
    )
