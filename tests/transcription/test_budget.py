"""How much goes through the model at once: found by trying, and less after memory ran out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.transcription import sounds
from tests.transcription.random_whisper import build
from transcription.catalog import resolve
from transcription.engines import pieces, whisper
from transcription.engines.base import WindowAudio
from transcription.engines.budget import Budget, largest
from transcription.engines.whisper import WhisperEngine
from transcription.errors import EngineError
from transcription.types import DecodingOptions

OPTIONS = DecodingOptions(
    language="de", beam_size=1, temperatures=(0.0,), log_prob_threshold=None, no_speech_threshold=None,
    compression_ratio_threshold=None, max_tokens_per_second=0.5, word_timestamps=False,
)  # fmt: skip


def test_the_largest_batch_is_quick_and_leaves_memory() -> None:
    assert largest(lambda rows: 0.05 * rows, lambda: 0.3) == 8 * 3_000
    used: list[int] = []

    def step(rows: int) -> float:
        used.append(rows)
        return 0.01

    assert largest(step, lambda: 0.2 * used[-1]) == 4 * 3_000

    def bursts(rows: int) -> float:
        if rows > 2:
            raise RuntimeError("CUDA failed with error out of memory")
        return 0.01

    assert largest(bursts, lambda: 0.1) == 2 * 3_000
    assert largest(lambda rows: 9.0, lambda: 0.1) == 3_000


def test_a_budget_is_measured_once_and_shrinks_for_good() -> None:
    asked = []

    def find() -> int:
        asked.append(1)
        return 48_000

    budget = Budget(find=find)
    assert budget.rows(3_000, 5) == 16
    assert budget.rows(800, 5) == 60
    assert budget.rows(100, 5) == 64
    assert budget.rows(100, 20) == 24
    budget.shrink(16, 3_000)
    assert budget.rows(3_000, 5) == 8
    budget.shrink(1, 3_000)
    assert budget.rows(3_000, 5) == 1
    assert asked == [1]


class _Small:
    """Stands before a model and refuses more than so many rows at once, as a full device would."""

    def __init__(self, model: Any, most: int) -> None:
        self._model = model
        self._most = most
        self.calls: list[int] = []

    def encode(self, features: np.ndarray[Any, Any]) -> Any:
        self.calls.append(len(features))
        if len(features) > self._most:
            raise RuntimeError("CUDA failed with error out of memory")
        return self._model.encode(features)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> WhisperEngine:
    folder = build(tmp_path_factory.mktemp("models") / "random")
    return WhisperEngine(resolve(str(folder), models_dir=folder.parent), threads=1)


def test_out_of_memory_halves_and_is_remembered(
    engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = [WindowAudio(sounds.noise(1.0 + n / 2, -20, n)) for n in range(4)]
    plenty = engine.decode(windows, OPTIONS)
    small = _Small(engine._model, most=1)
    monkeypatch.setattr(engine, "_model", small)
    monkeypatch.setattr(engine, "_budget", Budget())
    monkeypatch.setattr(whisper, "_CPU_ENCODED", 2 * pieces.FULL_FRAMES)
    assert engine.decode(windows, OPTIONS) == plenty
    # Two windows of 30 s are encoded at once, and four are decoded.
    assert small.calls == [2, 2, 1, 1, 2, 1, 1]
    small.calls.clear()
    assert engine.decode(windows, OPTIONS) == plenty
    assert small.calls == [1, 1, 1, 1]
    monkeypatch.setattr(engine, "_model", _Small(small, most=0))
    with pytest.raises(EngineError) as caught:
        engine.decode(windows[:1], OPTIONS)
    assert caught.value.code == "out_of_memory"
    assert caught.value.retry_smaller
