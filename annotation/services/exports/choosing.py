"""What can be asked of an export: which rows, and how they are written."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final, Self

from annotation.errors import Invalid
from annotation.states import ExportFormat, SegmentState, Verdict
from transcription.text.normalize import PROFILES

CHECKED: Final = (SegmentState.CORRECTED, SegmentState.ACCEPTED)
ROWS: Final[Mapping[str, tuple[SegmentState, ...]]] = {
    "checked": CHECKED,
    "accepted": (SegmentState.ACCEPTED,),
    "all": tuple(SegmentState),
}
"""Word for which rows: their states. `checked` is the default: no text that no person has heard."""

CUT: Final = frozenset(
    (ExportFormat.NEMO, ExportFormat.AUDIOFOLDER, ExportFormat.PARQUET, ExportFormat.COMMON_VOICE)
)
"""Formats that carry the sound of each row."""
TABLES: Final = frozenset((ExportFormat.CSV, ExportFormat.TSV, ExportFormat.XLSX, ExportFormat.JSONL))
SPLIT: Final = CUT | TABLES | {ExportFormat.KALDI}
"""Formats that say which part a row belongs to."""
NORMALISED: Final = CUT | {ExportFormat.KALDI, ExportFormat.CTM, ExportFormat.STM}
"""Formats for training and scoring, where a normalised text is of use."""
ONE_FILE: Final = TABLES | {
    ExportFormat.CTM,
    ExportFormat.STM,
    ExportFormat.RTTM,
    ExportFormat.LABEL_STUDIO,
}
"""Formats that are one file, unless the recordings are put beside it."""
MOST_NAMED: Final = 10_000
"""People or recordings that one filter may name."""
PARTS: Final = ("train", "validation", "test")
DEFAULT_SHARES: Final = {"train": 80, "validation": 10, "test": 10}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows go into an export. Empty = no condition."""

    rows: str = "checked"
    states: tuple[str, ...] = ()
    """Instead of `rows`: exactly these."""
    verdicts: tuple[str, ...] = ()
    """What the last reviewer said."""
    since: str = ""
    until: str = ""
    """Days, both included, UTC: when the present text was written."""
    annotators: tuple[int, ...] = ()
    recordings: tuple[int, ...] = ()

    @property
    def wanted_states(self) -> tuple[str, ...]:
        """Give the states that go in."""
        return self.states or tuple(ROWS[self.rows])

    @classmethod
    def read(cls, raw: object) -> Self:
        """Read what a person or program sent; raises Invalid that names each wrong key."""
        return cls(**_Reader(raw, "filter").read({
            "rows": lambda value: _one_of(value, ROWS),
            "states": lambda value: _several(value, SegmentState.values),
            "verdicts": lambda value: _several(value, Verdict.values),
            "since": _day,
            "until": _day,
            "annotators": _ids,
            "recordings": _ids,
        }))  # fmt: skip

    def stored(self) -> dict[str, Any]:
        """Give the value as JSON, every key there."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Options:
    """How the rows are written."""

    audio: str = "none"
    """`segments`: a file for each row. `recordings`: the whole recordings. `none`."""
    normalise: str = ""
    """Profile of normalisation of the text; empty = as it is written."""
    split_by: str = ""
    """`speaker` or `recording`: what is never in two parts. Empty = one part."""
    train: int = DEFAULT_SHARES["train"]
    validation: int = DEFAULT_SHARES["validation"]
    test: int = DEFAULT_SHARES["test"]
    """Shares of the audio, in percent; together 100."""
    seed: str = ""

    @classmethod
    def read(cls, raw: object, form: ExportFormat) -> Self:
        """Read what was sent for a format; raises Invalid that names each wrong key."""
        ways = ("speaker", "recording") if form in SPLIT else ()
        profiles = PROFILES if form in NORMALISED else ()
        values = _Reader(raw, "options").read({
            "audio": lambda value: _one_of(value, _audio_of(form)),
            "normalise": lambda value: _one_of(value, ["", *profiles]),
            "split_by": lambda value: _one_of(value, ["", *ways]),
            "train": _percent,
            "validation": _percent,
            "test": _percent,
            "seed": lambda value: _text(value, 100),
        })  # fmt: skip
        values.setdefault("audio", _audio_of(form)[0])
        options = cls(**values)
        if options.split_by and options.train + options.validation + options.test != 100:
            raise Invalid(
                "The shares of the parts have to be 100 percent together.",
                train="train, validation and test: 100 together",
            )
        if options.split_by and not options.seed:
            return cls(**{**values, "seed": secrets.token_hex(4)})
        return options

    def stored(self) -> dict[str, Any]:
        """Give the value as JSON, every key there."""
        return asdict(self)


def _audio_of(form: ExportFormat) -> tuple[str, ...]:
    if form in CUT:
        return ("segments",)
    if form == ExportFormat.KALDI:
        return ("recordings", "none")
    return ("none", "recordings")


class _Reader:
    def __init__(self, raw: object, what: str) -> None:
        if raw is None:
            raw = {}
        if not isinstance(raw, dict):
            raise Invalid(f"“{what}” must be an object.", **{what: "an object"})
        self._raw = raw
        self._what = what

    def read(self, fields: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
        wrong: dict[str, str] = {
            str(name)[:100]: f"no such key; there are {', '.join(fields)}"
            for name in self._raw
            if name not in fields
        }
        values = {}
        for name, read in fields.items():
            if self._raw.get(name) is None:
                continue
            try:
                values[name] = read(self._raw[name])
            except ValueError as error:
                wrong[name] = str(error)
        if wrong:
            first = next(iter(wrong.items()))
            raise Invalid(f"{self._what}: “{first[0]}”: {first[1]}.", **wrong)
        return values


def _one_of(value: Any, allowed: Any) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"expected one of: {', '.join(name or '(nothing)' for name in allowed)}")
    return value


def _several(value: Any, allowed: list[Any]) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one in allowed for one in value):
        raise ValueError(f"expected a list of: {', '.join(map(str, allowed))}")
    return tuple(dict.fromkeys(value))


def _ids(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > MOST_NAMED:
        raise ValueError(f"expected a list of at most {MOST_NAMED:,} ids")
    ids = []
    for one in value:
        digits = str(one) if isinstance(one, int | str) and not isinstance(one, bool) else ""
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 19):
            raise ValueError("expected a list of ids")
        ids.append(int(digits))
    return tuple(dict.fromkeys(ids))


def _day(value: Any) -> str:
    if value == "":
        return ""
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise ValueError("expected a day as YYYY-MM-DD") from None


def _percent(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100:
        raise ValueError("expected a whole number from 0 to 100")
    return value


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise ValueError(f"expected at most {longest} printable characters")
    return value
