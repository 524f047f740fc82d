"""The shipped toy models, their cards and the demo audio: whole, honest, good enough for what they show."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jiwer
import pytest

from tools.demo_models import grammar

ROOT = Path(__file__).resolve().parents[2]
CLIPS = ROOT / "tests/data/heldout"
DEMO = ROOT / "demo"
NAMES = ("demo-draft", "demo-refine")


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_a_card_names_its_model_and_every_file_of_it(name: str) -> None:
    folder = ROOT / "models" / name
    card = _read(folder / "card.json")

    files = {path.name for path in folder.iterdir()} - {"card.json", "CARD.md"}
    digests = {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in files}

    assert card["name"] == name
    assert card["sha256"] == digests


@pytest.mark.parametrize("name", NAMES)
def test_a_card_states_what_was_measured_and_the_page_says_the_same(name: str) -> None:
    folder = ROOT / "models" / name
    measured = _read(folder / "card.json")["figures"]["held_out_sentences"]
    page = (folder / "CARD.md").read_text(encoding="utf-8")

    assert measured["windows"] >= 100
    assert f"| {measured['wer_percent']} % |" in page
    assert re.search(r"[Dd]o not use it on real recordings", page)


def test_demo_and_clips_hold_reserved_sentences_and_share_none() -> None:
    reserved = {grammar.normalize(text) for text in grammar.reserved_sentences()}
    clips = [grammar.normalize(clip["text"]) for clip in _read(CLIPS / "references.json")]
    demo = [
        grammar.normalize(sentence["text"])
        for recording in _read(DEMO / "references.json")
        for sentence in recording["sentences"]
    ]

    assert len({*clips, *demo}) == len(clips) + len(demo)
    assert reserved.issuperset([*clips, *demo])


def test_training_never_draws_a_reserved_sentence() -> None:
    reserved = {grammar.normalize(text) for text in grammar.reserved_sentences()}
    sentences: Iterator[str] = grammar.training_sentences("any seed")

    drawn = {grammar.normalize(next(sentences)) for _ in range(5_000)}

    assert not drawn & reserved


def test_references_lie_inside_their_recordings() -> None:
    for recording in _read(DEMO / "references.json"):
        edges = [(sentence["start_ms"], sentence["end_ms"]) for sentence in recording["sentences"]]
        flat = [0, *(moment for edge in edges for moment in edge), recording["duration_ms"]]

        assert flat == sorted(flat)
        assert (DEMO / recording["file"]).is_file()


def test_refine_hears_unseen_sentences_and_draft_visibly_worse() -> None:
    from faster_whisper import WhisperModel

    clips = _read(CLIPS / "references.json")[:30]
    references = [grammar.normalize(clip["text"]) for clip in clips]
    rates = {}
    for name in NAMES:
        model = WhisperModel(str(ROOT / "models" / name), device="cpu", compute_type="int8", cpu_threads=1)
        heard = []
        for clip in clips:
            segments, _ = model.transcribe(
                str(CLIPS / clip["file"]), language="en", beam_size=1, temperature=0.0
            )
            heard.append(grammar.normalize(" ".join(segment.text for segment in segments)))
        rates[name] = jiwer.wer(references, heard)

    assert rates["demo-refine"] <= 0.10
    assert rates["demo-draft"] >= 2 * rates["demo-refine"]
    assert rates["demo-draft"] <= 0.40
