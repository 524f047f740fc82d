"""The tokenizer: a small byte-level BPE whose ids are laid out like an English-only Whisper's."""

import collections
import itertools
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from . import grammar

TEXT_TOKENS = 800
TIMESTAMPS = 1_501
_SPECIAL = (
    "endoftext startoftranscript en translate transcribe startoflm startofprev nospeech notimestamps"
).split()
_SPACE = "Ġ"
_LEADS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-'â"
_COUNT_CAP = 2_000
"""Counts are clipped here: frequent words must not eat every merge, rare ones need whole-word tokens too."""

END = TEXT_TOKENS
START, PREVIOUS, NO_SPEECH, NO_TIMESTAMPS = END + 1, END + 6, END + 7, END + 8
FIRST_TIMESTAMP = NO_TIMESTAMPS + 1
VOCABULARY = FIRST_TIMESTAMP + TIMESTAMPS


def build(path: Path, seed: int, sample: int = 20_000) -> Tokenizer:
    """Learn the merges from `sample` training sentences and save `tokenizer.json`."""
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    sentences = grammar.training_sentences(f"{seed}-tokenizer")
    counts: collections.Counter[str] = collections.Counter()
    for _ in range(sample):
        counts.update(piece for piece, _ in splitter.pre_tokenize_str(" " + next(sentences)))
    vocabulary, merges = _merges({piece: min(count, _COUNT_CAP) for piece, count in sorted(counts.items())})
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, fuse_unk=False))
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(f"<|{name}|>", special=True, normalized=False) for name in _SPECIAL]
    )
    tokenizer.add_tokens(
        [
            AddedToken(f"<|{index * 0.02:.2f}|>", special=False, normalized=False)
            for index in range(TIMESTAMPS)
        ]
    )
    if tokenizer.get_vocab_size() != VOCABULARY or tokenizer.token_to_id("<|endoftext|>") != END:
        raise RuntimeError("the id layout is not the one the model and the exporter expect")
    tokenizer.save(str(path))
    return tokenizer


def _merges(counts: dict[str, int]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    vocabulary = {symbol: index for index, symbol in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges: list[tuple[str, str]] = []

    def merge(left: str, right: str) -> None:
        vocabulary.setdefault(left + right, len(vocabulary))  # two pairs can spell the same token
        merges.append((left, right))

    # faster-whisper suppresses encode(" -")[0], encode(" ♪")[0] and the like. Were that first token the lone
    # space, every word without a token of its own would be unsayable, so a space always merges with what
    # follows it first.
    for lead in _LEADS:
        merge(_SPACE, lead)
    pieces = {
        word: [word[:2], *word[2:]]
        if word.startswith(_SPACE) and word[1:2] in _LEADS and len(word) > 1
        else list(word)
        for word in counts
    }
    while len(vocabulary) < TEXT_TOKENS:
        pairs: collections.Counter[tuple[str, str]] = collections.Counter()
        for word, symbols in pieces.items():
            for pair in itertools.pairwise(symbols):
                pairs[pair] += counts[word]
        if not pairs:
            raise RuntimeError("the sentences are too few for this many tokens")
        (left, right), _ = pairs.most_common(1)[0]
        merge(left, right)
        pieces = {word: _apply(symbols, left, right) for word, symbols in pieces.items()}
    return vocabulary, merges


def _apply(symbols: list[str], left: str, right: str) -> list[str]:
    merged: list[str] = []
    for symbol in symbols:
        if merged and merged[-1] == left and symbol == right:
            merged[-1] = left + right
        else:
            merged.append(symbol)
    return merged
