"""Models are taken in whole, with the hash of every file, and nothing that could run is ever read."""

from __future__ import annotations

import importlib.util
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.transcription import media
from transcription import convert
from transcription.cards import ENGLISH_CLIP, ENGLISH_SHA256, read_card
from transcription.catalog import default_models_dir, file_sha256, resolve
from transcription.errors import ModelUnavailable

BUNDLED = media.ROOT / "models"
EXTRA = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))


def refusal(source: Path, models: Path, name: str = "mine", **options: Any) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as caught:
        convert.add(source, name, models, **options)
    assert caught.value.how_to
    assert not list(models.glob("*")), "something was left behind"
    assert not list(models.glob(".*.part"))
    return caught.value


def hugging_face(folder: Path, model_type: str = "whisper") -> Path:
    """Make what looks like a Hugging Face directory; its weights are never reached by these tests."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    (folder / "model.safetensors").write_bytes(bytes(8))
    return folder


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was read",))


def test_a_ctranslate2_directory_is_copied_with_a_card(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(BUNDLED / "demo-refine", source)
    (source / "notes.py").write_text("raise SystemExit")
    steps: list[tuple[str, int, int]] = []
    path = convert.add(
        source, "ours", tmp_path / "models", languages=["en"], on_progress=lambda *step: steps.append(step)
    )
    shutil.rmtree(source)
    files = resolve("ours", models_dir=tmp_path / "models", allow_download=False)
    assert files.path == path
    assert files.sha256 == file_sha256(BUNDLED / "demo-refine" / "model.bin")
    assert files.card.context == "fit", "what its own card said is kept"
    assert files.card.self_test is not None
    assert files.card.self_test.clip.is_file()
    assert not (path / "notes.py").exists()
    assert {step[0] for step in steps} == {"copy", "hash"}
    assert steps[-1][1] == steps[-1][2]
    card = json.loads((path / "card.json").read_text())
    assert card["name"] == "ours"
    assert set(card["sha256"]) == {file.name for file in path.iterdir()} - {"card.json"}


def test_a_damaged_copy_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(BUNDLED / "demo-draft", source)
    (source / "model.bin").write_bytes((source / "model.bin").read_bytes()[:-1] + b"x")
    assert refusal(source, tmp_path / "models").code == "hash_mismatch"


def test_a_name_is_given_once_and_can_lead_nowhere_else(tmp_path: Path) -> None:
    source = BUNDLED / "demo-draft"
    convert.add(source, "ours", tmp_path / "models")
    with pytest.raises(ModelUnavailable, match="already"):
        convert.add(source, "ours", tmp_path / "models")
    for name in ("../out", "a b", "", "/etc", "."):
        with pytest.raises(ModelUnavailable, match="can't be the name"):
            convert.add(source, name, tmp_path / "models")


def test_pickles_are_refused_unread(tmp_path: Path) -> None:
    for number, name in enumerate(("pytorch_model.bin", "model.pt", "weights.ckpt")):
        source = tmp_path / f"source{number}"
        source.mkdir()
        (source / "config.json").write_text('{"model_type": "whisper"}')
        (source / name).write_bytes(pickle.dumps(Bomb()))
        error = refusal(source, tmp_path / "models")
        assert error.code == "not_convertible"
        assert "pickle" in error.message


def test_what_is_no_whisper_is_refused(tmp_path: Path) -> None:
    assert "Whisper" in refusal(hugging_face(tmp_path / "a", "bert"), tmp_path / "models").message
    assert refusal(BUNDLED, tmp_path / "models").code == "incomplete_model"
    odd = hugging_face(tmp_path / "b")
    assert "int4" in refusal(odd, tmp_path / "models", quantization="int4").message
    done = refusal(BUNDLED / "demo-draft", tmp_path / "models", quantization="int8")
    assert "converted already" in done.message


def test_parts_of_weights_must_all_be_there_and_beside_their_index(tmp_path: Path) -> None:
    for number, part in enumerate(("model-1.safetensors", "../elsewhere.safetensors")):
        source = tmp_path / f"s{number}"
        source.mkdir()
        (source / "config.json").write_text('{"model_type": "whisper"}')
        (source / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": part}}))
        assert refusal(source, tmp_path / "models").code == "incomplete_model"


def test_without_the_extra_the_command_that_installs_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    error = refusal(hugging_face(tmp_path / "a"), tmp_path / "models")
    assert "torch and transformers" in error.message
    assert "requirements/convert.lock" in error.how_to


@pytest.mark.skipif(not EXTRA, reason=f"CONVERSION IS NOT TESTED: {convert.INSTALL}")
def test_a_hugging_face_whisper_is_converted_loaded_and_decoded(tmp_path: Path) -> None:
    import numpy as np
    import torch
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

    from transcription.engines.base import WindowAudio
    from transcription.engines.whisper import WhisperEngine
    from transcription.types import DecodingOptions

    source = tmp_path / "hf"
    tokenizer = BUNDLED / "demo-draft" / "tokenizer.json"
    size = len(json.loads((BUNDLED / "demo-draft" / "vocabulary.json").read_text()))
    torch.manual_seed(0)
    config = WhisperConfig(
        vocab_size=size, d_model=64, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=128, decoder_ffn_dim=128, decoder_start_token_id=1,
        bos_token_id=0, eos_token_id=0, pad_token_id=0, suppress_tokens=[], begin_suppress_tokens=[0],
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config)
    model.generation_config.alignment_heads = [[0, 0]]
    model.save_pretrained(source)
    WhisperFeatureExtractor().save_pretrained(source)
    shutil.copyfile(tokenizer, source / "tokenizer.json")
    (source / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    convert.add(source, "random", tmp_path / "models")
    files = resolve("random", models_dir=tmp_path / "models", allow_download=False)
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    (heard,) = WhisperEngine(files, threads=1).decode(
        [WindowAudio(noise)], DecodingOptions(temperatures=(0.0,), beam_size=1, word_timestamps=False)
    )
    assert heard.signals.tokens > 0


def test_models_are_looked_for_where_the_site_keeps_them(tmp_path: Path) -> None:
    assert default_models_dir({"EARMARK_MODELS_DIR": "/a", "EARMARK_HOME": "/b"}) == Path("/a")
    assert default_models_dir({"EARMARK_HOME": "/b"}) == Path("/b/models")
    assert default_models_dir({}).name == "models"


def test_the_clip_that_comes_with_the_library_is_the_one_it_was() -> None:
    assert file_sha256(ENGLISH_CLIP) == ENGLISH_SHA256


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"self_test": {"clip": "../a.wav", "text": "a"}}, "self_test needs"),
        ({"self_test": {"clip": "a.wav"}}, "self_test needs"),
        ({"self_test": {"clip": "a.wav", "text": "a", "max_cer": 1.0}}, "max_cer"),
        ({"self_test": True}, "self_test must"),
        ({"merge": "yes"}, "merge must be true or false"),
        ({"decoding": {"beams": 3}}, "Unknown decoding option: beams"),
        ({"decoding": {"beam_size": 0}}, "beam_size"),
        ({"decoding": {"beam_size": "5"}}, "beam_size"),
        ({"decoding": {"language": "en"}}, "can't set language"),
    ],
)
def test_a_card_that_says_nonsense_is_refused(said: dict[str, Any], what: str, tmp_path: Path) -> None:
    path = tmp_path / "m"
    shutil.copytree(BUNDLED / "demo-draft", path)
    (path / "card.json").write_text(json.dumps(said))
    with pytest.raises(ModelUnavailable) as caught:
        read_card(path)
    assert what in caught.value.message


def test_a_card_says_how_its_model_is_best_decoded(tmp_path: Path) -> None:
    path = tmp_path / "m"
    shutil.copytree(BUNDLED / "demo-draft", path)
    said = {"context": "fit", "fit_margin_ms": 1500, "decoding": {"beam_size": 2, "temperatures": [0, 0.4]}}
    (path / "card.json").write_text(json.dumps(said))
    options = read_card(path).options(language="en", beam_size=3)
    assert (options.context, options.margin_ms, options.language) == ("fit", 1500, "en")
    assert (options.beam_size, options.temperatures) == (3, (0, 0.4))
    (path / "card.json").write_text('{"self_test": null}')
    card = read_card(path)
    assert card.self_test is None
    assert card.options().context == "full"


@pytest.mark.parametrize(("window_ms", "merges"), [(8_000, False), (30_000, True)])
def test_a_model_of_single_sentences_merges_nothing_unless_it_says_so(
    window_ms: int, merges: bool, tmp_path: Path
) -> None:
    path = tmp_path / "m"
    shutil.copytree(BUNDLED / "demo-draft", path)
    (path / "card.json").write_text(json.dumps({"window_ms": window_ms}))
    assert read_card(path).merge is merges
    (path / "card.json").write_text(json.dumps({"window_ms": window_ms, "merge": not merges}))
    assert read_card(path).merge is not merges
