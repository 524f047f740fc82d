"""Read the search box: words, "exact words", -without, and filters such as `status:corrected conf:<0.5`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from annotation.errors import Invalid
from annotation.search.grams import fold
from annotation.states import OPEN_SEGMENTS, SegmentState

LONGEST: Final = 500
MOST_WORDS: Final = 12

PIECE: Final = re.compile(
    r"""(?P<minus>-)?(?:(?P<key>[A-Za-z]+):)?(?:"(?P<quoted>[^"]*)"|(?P<open>"[^"]*$)|(?P<bare>\S+))|(?P<lone>\S)""",
)
COMPARED: Final = re.compile(r"(<=|>=|<|>)?\s*(\d*[.,]?\d+)\s*(%?)")

#: What may stand before a colon, the other ways to write it, and what it means.
KEYS: Final[dict[str, str]] = {
    "project": "name or number of a project",
    "recording": "part of a file name",
    "speaker": "who speaks",
    "status": "a state, or open, locked, unlocked",
    "conf": "confidence, such as <0.5: one minus the risk",
    "risk": "such as >0.5",
    "changed": "yes or no: whether a person's text differs from the machine's",
    "tag": "a tag in the text, such as noise",
    "by": "account name of who wrote the text, or me",
    "language": "language code, such as de",
    "in": "text or heard: only what is written, or only what machines heard",
}
ALIASES: Final[dict[str, str]] = {
    "state": "status",
    "is": "status",
    "confidence": "conf",
    "lang": "language",
    "file": "recording",
    "name": "recording",
}


@dataclass(frozen=True, slots=True)
class Word:
    """One thing that must be in the text, or must not."""

    text: str
    folded: str
    exact: bool = False
    """Written in quotes: these characters, and no other form of the word."""
    without: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """A bound: `operator` is one of <, <=, >, >=; `value` lies from 0 to 1."""

    operator: str
    value: float


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked."""

    words: tuple[Word, ...] = ()
    projects: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    conf: tuple[Compared, ...] = ()
    risk: tuple[Compared, ...] = ()
    changed: bool | None = None
    tags: tuple[str, ...] = ()
    by: str = ""
    language: str = ""
    where: str = ""
    """`text` or `heard`; empty = both."""
    asked: str = field(default="", compare=False)

    @property
    def wanted(self) -> tuple[Word, ...]:
        """Return the words that must be there."""
        return tuple(word for word in self.words if not word.without)

    @property
    def filtered(self) -> bool:
        """Tell whether anything but words was asked."""
        return replace(self, words=(), asked="") != Query()

    @property
    def empty(self) -> bool:
        """Tell whether nothing was asked that could be found."""
        return not self.wanted and not self.filtered


def read(asked: str, *, narrowing: bool = False) -> Query:
    """Return what a person typed as a Query; raise Invalid with the piece that is not understood.

    `narrowing`: it narrows something down that is given otherwise, so it may hold words to leave out alone.
    """
    if len(asked) > LONGEST:
        raise Invalid(f"This is longer than {LONGEST} characters; search for less.", q=f"at most {LONGEST}")
    query = Query(asked=asked.strip())
    words: list[Word] = []
    for match in PIECE.finditer(asked):
        if match["open"] is not None or match["lone"] is not None:
            raise Invalid("A quotation mark has no partner; close it, or leave it out.", q="“…” in pairs")
        key, minus = (match["key"] or "").lower(), bool(match["minus"])
        value = match["quoted"] if match["quoted"] is not None else match["bare"] or ""
        key = ALIASES.get(key, key)
        if not key and value.endswith(":") and ALIASES.get(value[:-1].lower(), value[:-1].lower()) in KEYS:
            key, value = ALIASES.get(value[:-1].lower(), value[:-1].lower()), ""
        if key and key not in KEYS:
            raise Invalid(
                f"“{match['key']}:” is no filter. There are {', '.join(KEYS)}. To search it as text, put it "
                f'in quotes: "{match["key"]}:{value}".',
                q="a known filter",
            )
        if key:
            if minus:
                raise Invalid(f"“-{key}:” cannot be asked; a minus goes before words only.", q="no minus")
            if not value.strip():
                raise Invalid(f"“{key}:” needs a value: {KEYS[key]}.", q=KEYS[key])
            query = FILTERS[key](query, value.strip())
        elif folded := fold(value):
            words.append(Word(value.strip(), folded, exact=match["quoted"] is not None, without=minus))
    if len(words) > MOST_WORDS:
        raise Invalid(
            f"These are more than {MOST_WORDS} words; put what belongs together in quotes.",
            q=f"at most {MOST_WORDS} words",
        )
    query = replace(query, words=tuple(dict.fromkeys(words)))
    if any(word.without for word in words) and query.empty and not narrowing:
        raise Invalid("Say also what should be there: only a word to leave out finds everything.", q="a word")
    return query


def _status(query: Query, value: str) -> Query:
    found: list[str] = list(query.statuses)
    for name in filter(None, value.lower().split(",")):
        if name not in (*SegmentState.values, "open", "locked", "unlocked"):
            raise Invalid(
                f"“{name}” is no state. There are {', '.join(SegmentState.values)}, open, locked, unlocked.",
                q="a known state",
            )
        found.append(name)
    return replace(query, statuses=tuple(found))


def _compared(name: str, value: str) -> Compared:
    match = COMPARED.fullmatch(value)
    number = float(match[2].replace(",", ".")) / (100 if match[3] else 1) if match else -1.0
    if match is None or not 0 <= number <= 1:
        raise Invalid(
            f"“{name}:{value}” is no bound; write a number from 0 to 1 behind <, <=, > or >=.",
            q=f"{name}:<0.5",
        )
    if not match[1]:
        raise Invalid(
            f"Say on which side of {value}: {name}:<{value} or {name}:>{value}.", q=f"{name}:<{value}"
        )
    return Compared(match[1], number)


def _conf(query: Query, value: str) -> Query:
    return replace(query, conf=(*query.conf, _compared("conf", value)))


def _risk(query: Query, value: str) -> Query:
    return replace(query, risk=(*query.risk, _compared("risk", value)))


def _changed(query: Query, value: str) -> Query:
    known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if value.lower() not in known:
        raise Invalid(f"“changed:{value}” is neither changed:yes nor changed:no.", q="yes or no")
    return replace(query, changed=known[value.lower()])


def _where(query: Query, value: str) -> Query:
    known = {"text": "text", "current": "text", "heard": "heard", "machine": "heard"}
    if value.lower() not in known:
        raise Invalid(f"“in:{value}” is neither in:text nor in:heard.", q="text or heard")
    return replace(query, where=known[value.lower()])


#: How each filter goes into the query.
FILTERS: Final[dict[str, Callable[[Query, str], Query]]] = {
    "project": lambda query, value: replace(query, projects=(*query.projects, value)),
    "recording": lambda query, value: replace(query, recordings=(*query.recordings, value)),
    "speaker": lambda query, value: replace(query, speakers=(*query.speakers, value)),
    "status": _status,
    "conf": _conf,
    "risk": _risk,
    "changed": _changed,
    "tag": lambda query, value: replace(query, tags=(*query.tags, value.strip("[]"))),
    "by": lambda query, value: replace(query, by=value),
    "language": lambda query, value: replace(query, language=value.lower()),
    "in": _where,
}

OPEN: Final = tuple(str(state) for state in OPEN_SEGMENTS)
