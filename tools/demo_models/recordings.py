"""What the models are shown: demo recordings, held-out test clips and evaluation windows, all of reserved
sentences.

Nothing here depends on the training seed, and no two sets share a sentence.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import audio_files, features, grammar, synthesis
from .synthesis import SAMPLE_RATE, Samples, Utterance, Voice

_CLIPS = slice(0, 60)
_SINGLES = slice(60, 260)
_MERGED = slice(260, 500)
_VOICES = slice(500, 560)
_DEMO = slice(600, 800)

_LICENCE = """\
The audio in this folder is synthetic: sentences drawn from a small grammar and spoken by espeak-ng, made by
`python -m tools.demo_models recordings`. It contains no human voice and no third-party recording, and may be
used under the licence of this project. No model of this project was trained on these sentences.
"""


@dataclass(frozen=True)
class Clip:
    """One window of audio and the text spoken in it."""

    samples: Samples
    text: str
    voice: str


@dataclass(frozen=True)
class _Plan:
    """How a demo recording is made: voices take turns; pauses in seconds, noise as signal-to-noise ratio in
    dB.
    """

    file: str
    voices: tuple[Voice, ...]
    sentences: int
    snr_db: float
    slope: float
    pauses: tuple[float, float] = (0.5, 1.5)


_PLANS = (
    _Plan("service-desk.ogg", (Voice("en-us+f3", 158, 52, 50),), 14, 32, 0.4),
    _Plan("field-notes.ogg", (Voice("en-gb-x-rp+m3", 150, 42, 45),), 18, 28, 0.6),
    _Plan("boiler-room.ogg", (Voice("en-us+m7", 162, 48, 50),), 16, 16, 1.0),
    _Plan("handover.ogg", (Voice("en+f2", 155, 50, 55), Voice("en-us+m1", 165, 40, 45)), 16, 30, 0.4),
    _Plan("short-call.ogg", (Voice("en+m2", 168, 45, 55),), 9, 34, 0.2),
)


def _noise(rng: np.random.Generator, slope: float) -> Callable[[int], Samples]:
    return lambda count: features.coloured_noise(rng, count, slope)


def _clip(texts: list[str], voice: Voice, snr_db: float, slope: float, rng: random.Random) -> Clip:
    """Speak sentences in one window, with short pauses between them and 0.1 to 0.3 s around them."""
    spoken = [synthesis.speak(text, voice) for text in texts]
    gaps = [rng.uniform(0.1, 0.3), *(rng.uniform(0.2, 0.7) for _ in texts[1:]), rng.uniform(0.1, 0.3)]
    noise = _noise(np.random.default_rng(rng.randrange(2**32)), slope)
    samples, _ = synthesis.render(spoken, gaps, noise, snr_db)
    return Clip(samples, " ".join(texts), voice.name)


def singles(count: int = 200) -> list[Clip]:
    """Return up to 200 windows of one held-out sentence, training voices, 20 to 40 dB."""
    rng = random.Random("singles")
    texts = grammar.reserved_sentences()[_SINGLES][:count]
    return [
        _clip([text], synthesis.draw_voice(rng), rng.uniform(20, 40), rng.uniform(0, 1), rng)
        for text in texts
    ]


def merged(limit_s: float = 8.0) -> list[Clip]:
    """Return windows of two held-out sentences that fit in `limit_s`: what merging short segments makes."""
    rng = random.Random("merged")
    texts = grammar.reserved_sentences()[_MERGED]
    pairs = zip(texts[::2], texts[1::2], strict=True)
    clips = [
        _clip(list(pair), synthesis.draw_voice(rng), rng.uniform(20, 40), rng.uniform(0, 1), rng)
        for pair in pairs
    ]
    return [clip for clip in clips if len(clip.samples) <= limit_s * SAMPLE_RATE]


def cut_short() -> list[Clip]:
    """Return windows that begin or end in the middle of a held-out sentence, at a word boundary."""
    rng = random.Random("cut short")
    clips = []
    for text in grammar.reserved_sentences()[_MERGED][:100]:
        spoken = synthesis.speak(text, synthesis.draw_voice(rng))
        words = text.split()
        at = rng.randint(2, len(words) - 2) if len(words) > 4 else 2
        keep = (at, len(words)) if rng.random() < 0.5 else (0, at)
        begin, end = spoken.words[keep[0]][0], spoken.words[keep[1] - 1][1]
        part = spoken.samples[int(begin * SAMPLE_RATE) : int(end * SAMPLE_RATE)]
        noise = _noise(np.random.default_rng(rng.randrange(2**32)), 0.5)(len(part))
        clips.append(Clip(part + noise * np.float32(0.001), " ".join(words[slice(*keep)]), "cut"))
    return clips


def unseen_voices() -> list[Clip]:
    """Return held-out sentences in espeak-ng accents and variants that training never used."""
    rng = random.Random("unseen voices")
    names = [
        "en-gb-scotland+m5",
        "en-029+m6",
        "en-gb-x-gbcwmd+f3",
        "en-us-nyc+m8",
        "en-us+Alicia",
        "en-gb-x-rp+marcelo",
    ]
    return [
        _clip([text], Voice(rng.choice(names), rng.randint(140, 190), rng.randint(30, 70), 50), 30, 0.4, rng)
        for text in grammar.reserved_sentences()[_VOICES]
    ]


def write_clips(folder: Path) -> None:
    """Write the held-out test clips: 60 single sentences as Ogg/Opus, with `references.json`."""
    rng = random.Random("clips")
    folder.mkdir(parents=True, exist_ok=True)
    references = []
    for index, text in enumerate(grammar.reserved_sentences()[_CLIPS]):
        voice, snr_db = synthesis.draw_voice(rng), round(rng.uniform(22, 38), 1)
        spoken = synthesis.speak(text, voice)
        noise = _noise(np.random.default_rng(index), rng.uniform(0, 1))
        samples, times = synthesis.render([spoken], [0.2, 0.3], noise, snr_db)
        name = f"{index:03d}.ogg"
        audio_files.write_opus(folder / name, samples)
        references.append(
            {
                "file": name,
                "text": text,
                "voice": voice.name,
                "snr_db": snr_db,
                "duration_ms": round(len(samples) * 1000 / SAMPLE_RATE),
                "words": _words(spoken, times[0][0]),
            }
        )
    _write_json(folder / "references.json", references)
    (folder / "LICENCE.md").write_text(_LICENCE)


def write_demo(folder: Path) -> None:
    """Write the demo recordings as Ogg/Opus, with `references.json` (what is said, and when, in
    milliseconds).
    """
    rng = random.Random("demo")
    folder.mkdir(parents=True, exist_ok=True)
    sentences = iter(grammar.reserved_sentences()[_DEMO])
    references = []
    for number, plan in enumerate(_PLANS):
        turns = [plan.voices[index % len(plan.voices)] for index in range(plan.sentences)]
        spoken = [synthesis.speak(next(sentences), voice) for voice in turns]
        gaps = [0.6, *(rng.uniform(*plan.pauses) for _ in spoken[1:]), 0.8]
        noise = _noise(np.random.default_rng(number), plan.slope)
        samples, times = synthesis.render(spoken, gaps, noise, plan.snr_db)
        audio_files.write_opus(folder / plan.file, samples)
        said = [
            {"start_ms": round(start * 1000), "end_ms": round(end * 1000), "text": utterance.text}
            for utterance, (start, end) in zip(spoken, times, strict=True)
        ]
        references.append(
            {
                "file": plan.file,
                "duration_ms": round(len(samples) * 1000 / SAMPLE_RATE),
                "voices": [voice.name for voice in plan.voices],
                "snr_db": plan.snr_db,
                "text": " ".join(utterance.text for utterance in spoken),
                "sentences": said,
            }
        )
    _write_json(folder / "references.json", references)
    (folder / "LICENCE.md").write_text(_LICENCE)


def _words(spoken: Utterance, at: float) -> list[dict[str, Any]]:
    return [
        {"start_ms": round((at + start) * 1000), "end_ms": round((at + end) * 1000), "text": word}
        for word, (start, end) in zip(spoken.text.split(), spoken.words, strict=True)
    ]


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")
