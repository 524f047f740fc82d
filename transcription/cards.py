"""What may be asked of a model: its card, from `card.json` where there is one, else from its own files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from transcription.errors import EngineError, ModelUnavailable
from transcription.types import DecodingOptions

CARD_FILE: Final = "card.json"
ENGLISH_CLIP: Final = Path(__file__).parent / "data" / "english.wav"
"""Synthetic speech (espeak-ng, en-us): heard without a mistake by tiny.en, in full and in fitted context."""
ENGLISH_TEXT: Final = "The children are playing in the garden behind the old house."
ENGLISH_SHA256: Final = "15c7ca78b73ac87f86e6512a6f9a98f2489cb403afb4de4a0053c0edf78c359b"
TOLERATED_CER: Final = 0.5
"""Character error rate up to which a self-test passes. Noise and scrambled weights are near 1 or above."""
_SET_ELSEWHERE: Final = frozenset({"language", "context", "margin_ms", "initial_prompt", "hotwords"})
"""Decoding options that belong to a window, a project or another line of the card."""


@dataclass(frozen=True, slots=True)
class SelfTest:
    """A clip (16 kHz mono WAV) and what a working model writes of it.

    `text` is None where only a text that is neither empty nor repetitive is asked for: models that are not
    known to hear the language of the clip. `language` is given to the model; None lets it detect.
    """

    clip: Path
    text: str | None
    sha256: str = ""
    language: str | None = None
    max_cer: float = TOLERATED_CER


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What may be asked of a model.

    `window_ms`: the longest window it takes. `context`, `margin_ms`: as in DecodingOptions. `pause_ms`:
    models that take one sentence at a time say from which pause on a segment must end; None for the others.
    `languages` is empty where a multilingual model takes all of Whisper's. `merge`: whether neighbouring
    segments may be decoded in one window. `self_test` is None where the card opts out (`"self_test": null`):
    models of random weights, for benchmarks. `decoding`: options this model does best with, by their names in
    DecodingOptions.
    """

    title: str
    multilingual: bool
    languages: tuple[str, ...]
    window_ms: int
    context: Literal["full", "fit"]
    margin_ms: int
    pause_ms: int | None
    can: str
    cannot: str
    merge: bool = True
    self_test: SelfTest | None = None
    decoding: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hears_english(self) -> bool:
        """Tell whether the model is meant for English, among others."""
        return not self.languages or "en" in self.languages

    def options(self, **values: Any) -> DecodingOptions:
        """Return decoding options as this card says, `values` before it. Raises EngineError `bad_option`."""
        card = {"context": self.context, "margin_ms": self.margin_ms, **self.decoding}
        return DecodingOptions.from_json({**card, **values})


def read_card(path: Path) -> ModelCard:
    """Read what a model's directory says of it, without loading it. Raises ModelUnavailable."""
    said = read_json(path / CARD_FILE) if (path / CARD_FILE).is_file() else {}
    multilingual = said.get("multilingual")
    if multilingual is None:
        # CTranslate2's own rule: the multilingual vocabularies hold an empty token, the English one does not.
        multilingual = "" in _vocabulary(path)
    try:
        languages = tuple(said.get("languages", () if multilingual else ("en",)))
        window_ms = int(said.get("window_ms", 30_000))
        one_sentence = (
            window_ms < 15_000
        )  # such a short window is that of a model trained on single sentences
        return ModelCard(
            title=str(said.get("title", path.name)),
            multilingual=bool(multilingual),
            languages=languages,
            window_ms=window_ms,
            context=_context(said),
            margin_ms=int(said.get("fit_margin_ms", 3_000)),
            pause_ms=_pause_ms(said, one_sentence=one_sentence),
            can=str(said.get("can", "")),
            cannot=str(said.get("cannot", "")),
            merge=_flag(said, "merge", not one_sentence),
            self_test=_self_test(said, path, languages, multilingual=bool(multilingual)),
            decoding=_decoding(said),
        )
    except (TypeError, ValueError, EngineError) as error:
        raise ModelUnavailable(
            "incomplete_model", f"{path / CARD_FILE} is not a model card: {error}.", "Correct or remove it."
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a model's directory. Raises ModelUnavailable `incomplete_model`."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            "incomplete_model", f"{path} can't be read: {error}.", "Provide the directory again."
        ) from error
    if not isinstance(data, dict):
        raise ModelUnavailable("incomplete_model", f"{path} is not a JSON object.", "Provide it again.")
    return data


def _vocabulary(path: Path) -> list[str]:
    try:
        if (path / "vocabulary.json").is_file():
            tokens = json.loads((path / "vocabulary.json").read_text(encoding="utf-8"))
        else:
            tokens = (path / "vocabulary.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            "incomplete_model", f"The vocabulary in {path} can't be read: {error}.", "Provide it again."
        ) from error
    return tokens if isinstance(tokens, list) else []


def _context(said: dict[str, Any]) -> Literal["full", "fit"]:
    match said.get("context", "full"):
        case "full":
            return "full"
        case "fit":
            return "fit"
        case other:
            raise ValueError(f"context must be full or fit, not {other!r}")


def _pause_ms(said: dict[str, Any], *, one_sentence: bool) -> int | None:
    if "pause_ms" in said:
        return None if said["pause_ms"] is None else int(said["pause_ms"])
    return 250 if one_sentence else None


def _flag(said: dict[str, Any], name: str, default: bool) -> bool:
    value = said.get(name, default)
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be true or false, not {value!r}")
    return value


def _self_test(
    said: dict[str, Any], path: Path, languages: tuple[str, ...], *, multilingual: bool
) -> SelfTest | None:
    hears_english = not languages or "en" in languages
    if "self_test" not in said:
        text = ENGLISH_TEXT if hears_english else None
        # An English-only model takes no language; one of other languages is given one of its own.
        language: str | None = "en" if hears_english else languages[0]
        return SelfTest(ENGLISH_CLIP, text, ENGLISH_SHA256, language)
    wanted = said["self_test"]
    if wanted is None:
        return None
    if not isinstance(wanted, dict) or set(wanted) - {"clip", "text", "language", "max_cer"}:
        raise ValueError("self_test must be null, or have clip and text, and may have language and max_cer")
    clip, text = str(wanted.get("clip", "")), str(wanted.get("text", "")).strip()
    if Path(clip).name != clip or not clip or not text:
        raise ValueError("self_test needs the name of a clip beside the card, and its text")
    max_cer = float(wanted.get("max_cer", TOLERATED_CER))
    if not 0.0 <= max_cer < 1.0:
        raise ValueError("max_cer must be from 0 to below 1")
    language = wanted.get("language") or (languages[0] if languages else None if multilingual else "en")
    hashes = said.get("sha256", {})
    return SelfTest(path / clip, text, str(hashes.get(clip, "")), language, max_cer)


def _decoding(said: dict[str, Any]) -> Mapping[str, Any]:
    options = said.get("decoding", {})
    if not isinstance(options, dict):
        raise TypeError("decoding must be an object of decoding options")
    if foreign := sorted(set(options) & _SET_ELSEWHERE):
        raise ValueError(f"decoding can't set {', '.join(foreign)}")
    plain = DecodingOptions().to_json()
    for name, value in options.items():
        usual = plain.get(name)
        if usual is not None and not _alike(value, usual):
            raise TypeError(f"decoding.{name} can't be {value!r}")
    made = DecodingOptions.from_json(options)
    return {name: getattr(made, name) for name in options}


def _alike(value: object, usual: object) -> bool:
    """Tell whether a value may stand where another one does: numbers for numbers, flags for flags."""
    if isinstance(value, bool) or isinstance(usual, bool):
        return isinstance(value, bool) and isinstance(usual, bool)
    if isinstance(usual, float):
        return value is None or isinstance(value, int | float)
    return isinstance(value, type(usual))
