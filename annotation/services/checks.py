"""Look over a text before a person decides: what is probably wrong, where, in words. Pure functions.

A check warns; it never refuses. What a person decided against is kept with the decision. Codes are shared
with the workbench, which shows a `warning` on the first Enter and takes the second as the decision; a
`note` is only shown. Spans are half open, in UTF-16 code units: that is how browsers count.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from annotation.services.glossary import terms_of, variants_of

Severity = Literal["warning", "note"]

CODES: Final = (
    "hallucination",
    "repetition",
    "empty",
    "too_fast",
    "too_slow",
    "number_changed",
    "tag_unbalanced",
    "tag_unknown",
    "wrong_script",
    "double_space",
    "glossary",
    "not_heard",
)

HEARD_ENOUGH: Final = 0.6
"""Share of a segment below which a decision warns (UX 1.3, R9)."""
SPOKEN_MS: Final = 700
"""A segment at least so long that a model heard something in is not silence."""
FAST: Final = 28.0
"""Characters a second: speech of 300 words a minute in a language of long words. Subtitles stop at 25."""
FAST_WIDE: Final = 12.0
"""The same for scripts that write a syllable or a word with one character."""
SLOW: Final = 1.5
SLOW_FROM_MS: Final = 4_000
"""Shorter segments may well hold one short word."""

#: What Whisper writes over silence and music, from subtitles it was trained on; folded, without punctuation.
HALLUCINATIONS: Final = (
    "thanks for watching",
    "thank you for watching",
    "please subscribe",
    "like and subscribe",
    "subscribe to my channel",
    "subtitles by",
    "subtitled by",
    "transcribed by",
    "amara org",
    "untertitel im auftrag des zdf",
    "untertitel der amara org community",
    "vielen dank fürs zuschauen",
    "sous titres réalisés par",
    "sous titrage",
    "merci d avoir regardé",
    "gracias por ver",
    "subtítulos realizados por",
    "obrigado por assistir",
    "sottotitoli creati dalla comunità",
    "napisy stworzone przez społeczność",
    "продолжение следует",
    "субтитры сделал",
    "ご視聴ありがとうございました",
    "请不吝点赞",
    "字幕由",
)

#: Scripts, as the Unicode names of their letters begin, and the languages written in them and no other.
_WRITTEN: Final[dict[tuple[str, ...], str]] = {
    ("LATIN",): "en de fr es pt it nl pl cs sk sl hr hu ro tr vi sv da no nn fi is et lv lt id ms sw tl ca gl"
    " eu cy af",
    ("CYRILLIC",): "ru uk be bg mk kk",
    ("CYRILLIC", "LATIN"): "sr",
    ("GREEK",): "el",
    ("HEBREW",): "he yi",
    ("ARABIC",): "ar fa ur ps",
    ("DEVANAGARI",): "hi mr ne sa",
    ("BENGALI",): "bn",
    ("TAMIL",): "ta",
    ("TELUGU",): "te",
    ("GEORGIAN",): "ka",
    ("ARMENIAN",): "hy",
    ("THAI",): "th",
    ("HANGUL", "CJK"): "ko",
    ("HIRAGANA", "KATAKANA", "CJK"): "ja",
    ("CJK",): "zh yue",
}
SCRIPTS: Final[dict[str, frozenset[str]]] = {
    language: frozenset(scripts) for scripts, languages in _WRITTEN.items() for language in languages.split()
}
WIDE: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL"})

TAG: Final = re.compile(r"\[([^\[\]\n]{1,60})\]")
NUMBER: Final = re.compile(r"\d+(?:[.,:]\d+)*")
LOOP: Final = re.compile(r"(\S.{1,30}?)\1{3,}", re.DOTALL)
"""The same two to thirty characters four times on end: loops in scripts without spaces, too."""
SPACES: Final = re.compile(r"(?<=\S)[ \t\u00a0\u3000]{2,}(?=\S)")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is probably wrong with a text, and where."""

    code: str
    severity: Severity
    message: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known about a segment besides its text."""

    duration_ms: int
    language: str = ""
    machine_text: str | None = None
    """What the best pass heard; None = no machine has heard it."""
    tags: tuple[str, ...] = ()
    glossary: tuple[str, ...] = ()
    variants: tuple[tuple[str, str], ...] = ()
    """What is said or heard instead of a term, and the term."""
    initial: frozenset[str] = frozenset()
    """Terms that may begin with a capital."""
    any_case: frozenset[str] = frozenset()
    heard_share: float | None = None


def check(text: str, about: Circumstances) -> tuple[Check, ...]:
    """Return everything that is probably wrong with `text`, warnings first."""
    found = [found for look in LOOKS for found in look(text, about)]
    return tuple(sorted(found, key=lambda one: (one.severity != "warning", CODES.index(one.code))))


def warnings_of(checks: Iterable[Check]) -> list[str]:
    """Return the codes that warned, each once."""
    return list(dict.fromkeys(one.code for one in checks if one.severity == "warning"))


def units(text: str) -> int:
    """Return the length of `text` in UTF-16 code units, as a browser counts it."""
    return len(text) + sum(1 for character in text if ord(character) > 0xFFFF)


def _at(code: str, severity: Severity, message: str, text: str, start: int, end: int) -> Check:
    return Check(code, severity, message, units(text[:start]), units(text[:end]))


def _spoken(text: str) -> str:
    """Return the text with blanks where its tags are, as long as before."""
    return TAG.sub(lambda tag: " " * len(tag.group()), text)


def _folded(text: str) -> str:
    kept = "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in text.casefold())
    return " ".join(kept.split())


def _hallucination(text: str, about: Circumstances) -> Iterator[Check]:
    folded = f" {_folded(text)} "
    for phrase in HALLUCINATIONS:
        inside = phrase in folded if script_of(phrase[0]) in WIDE else f" {phrase} " in folded
        if inside:
            yield Check("hallucination", "warning", f"Models write “{phrase}” over silence. Was it said?")
            return


def _repetition(text: str, about: Circumstances) -> Iterator[Check]:
    words = [(m.group().casefold().strip(".,;:!?…"), m.start(), m.end()) for m in re.finditer(r"\S+", text)]
    spoken = [word for word, _, _ in words]
    for length in range(1, 9):
        needed = 4 if length == 1 else 3
        for begin in range(len(spoken) - length * needed + 1):
            first = spoken[begin : begin + length]
            times = 1
            while spoken[begin + times * length : begin + (times + 1) * length] == first:
                times += 1
            if times >= needed:
                start, end = words[begin][1], words[begin + times * length - 1][2]
                message = f"“{' '.join(first)}” stands there {times} times in a row. Was it said so often?"
                yield _at("repetition", "warning", message, text, start, end)
                return
    loop = LOOP.search(text)
    if loop is not None and any(c.isalpha() for c in loop.group(1)):
        message = f"“{loop.group(1).strip()}” is repeated on end. Was it said so often?"
        yield _at("repetition", "warning", message, text, loop.start(), loop.end())


def _empty(text: str, about: Circumstances) -> Iterator[Check]:
    heard = (about.machine_text or "").strip()
    if not text.strip() and heard and about.duration_ms >= SPOKEN_MS:
        yield Check("empty", "warning", "A model heard speech here, but the text is empty.")


def _pace(text: str, about: Circumstances) -> Iterator[Check]:
    spoken = _spoken(text)
    characters = [c for c in spoken if unicodedata.category(c)[0] in "LN"]
    if not characters or about.duration_ms <= 0:
        return
    wide = sum(script_of(c) in WIDE for c in characters) * 2 > len(characters)
    rate = len(characters) * 1000 / about.duration_ms
    fastest, slowest = (FAST_WIDE, SLOW / 2) if wide else (FAST, SLOW)
    if rate > fastest:
        yield Check("too_fast", "warning", f"{rate:.0f} characters a second: more than anybody speaks.")
    elif rate < slowest and about.duration_ms >= SLOW_FROM_MS and spoken == text:
        yield Check("too_slow", "note", "Very little text for this long a segment. Is something missing?")


def _numbers(text: str, about: Circumstances) -> Iterator[Check]:
    if about.machine_text is None:
        return
    heard = Counter(NUMBER.findall(about.machine_text))
    for match in NUMBER.finditer(text):
        if heard[match.group()]:
            heard[match.group()] -= 1
        elif +heard:
            others = ", ".join(sorted((+heard).elements())[:3])
            message = f"Here stands {match.group()}; the model heard {others}."
            yield _at("number_changed", "warning", message, text, match.start(), match.end())
            return


def _tags(text: str, about: Circumstances) -> Iterator[Check]:
    depth = -1
    for place, character in enumerate(text):
        if (character == "[" and depth >= 0) or (character == "]" and depth < 0):
            start = depth if character == "[" else place
            yield _at("tag_unbalanced", "warning", "A bracket has no partner.", text, start, start + 1)
            return
        if character in "[]":
            depth = place if character == "[" else -1
    if depth >= 0:
        yield _at("tag_unbalanced", "warning", "A bracket has no partner.", text, depth, depth + 1)
        return
    for match in TAG.finditer(text):
        if about.tags and not known_tag(match.group(1), about.tags):
            message = f"[{match.group(1)}] is no tag of this project."
            yield _at("tag_unknown", "warning", message, text, match.start(), match.end())
            return


def known_tag(name: str, tags: Sequence[str]) -> bool:
    """Say whether `name` is one of the tags; `foreign:xx` stands for every language code."""
    if name in tags:
        return True
    head, _, language = name.partition(":")
    return f"{head}:xx" in tags and 2 <= len(language) <= 3 and language.isascii() and language.isalpha()


@cache
def script_of(character: str) -> str:
    """Name the script of a letter as Unicode does (LATIN, CYRILLIC, CJK, ...); empty for no letter."""
    if not character.isalpha():
        return ""
    first = unicodedata.name(character, "").split(" ")[0]
    return "CJK" if first in ("CJK", "IDEOGRAPHIC") else first


def _scripts(text: str, about: Circumstances) -> Iterator[Check]:
    expected = SCRIPTS.get(about.language)
    if not expected:
        return
    spoken = _spoken(text)
    letters = [(place, c) for place, c in enumerate(spoken) if c.isalpha()]
    wrong = [(place, c) for place, c in letters if script_of(c) not in expected]
    if wrong and (len(wrong) * 2 > len(letters) or _mixed_word(spoken, expected)):
        place = wrong[0][0]
        message = f"{script_of(wrong[0][1]).capitalize()} letters in a text in “{about.language}”."
        yield _at("wrong_script", "warning", message, text, place, place + 1)


def _mixed_word(text: str, expected: frozenset[str]) -> bool:
    """Say whether one word mixes the expected script with one that looks alike."""
    alike = {"LATIN", "CYRILLIC", "GREEK"}
    if not expected & alike:
        return False
    for word in re.findall(r"[^\W\d_]+", text):
        scripts = {script_of(c) for c in word} & alike
        if len(scripts) > 1:
            return True
    return False


def _double_space(text: str, about: Circumstances) -> Iterator[Check]:
    match = SPACES.search(text)
    if match is not None:
        yield _at("double_space", "note", "Two spaces in a row.", text, match.start(), match.end())


def _glossary(text: str, about: Circumstances) -> Iterator[Check]:
    named = set()
    for found in variants_of(about.variants).near(text) if about.variants else ():
        named.add(found.term)
        message = f"“{text[found.start : found.end]}”: the glossary has “{found.term}” for it."
        yield _at("glossary", "note", message, text, found.start, found.end)
    for near in terms_of(about.glossary).near(text) if about.glossary else ():
        there = text[near.start : near.end]
        if near.term in named or _may_be_written(there, near.term, about):
            continue
        message = f"“{there}”: the glossary has “{near.term}”."
        yield _at("glossary", "note", message, text, near.start, near.end)


def _may_be_written(there: str, term: str, about: Circumstances) -> bool:
    if term in about.any_case:
        return there.casefold() == term.casefold()
    return term in about.initial and there == term[:1].upper() + term[1:]


def _not_heard(text: str, about: Circumstances) -> Iterator[Check]:
    if about.heard_share is not None and about.heard_share < HEARD_ENOUGH:
        share = round(about.heard_share * 100)
        yield Check("not_heard", "warning", f"You have heard {share} % of this segment.")


LOOKS: Final = (
    _hallucination,
    _repetition,
    _empty,
    _pace,
    _numbers,
    _tags,
    _scripts,
    _double_space,
    _glossary,
    _not_heard,
)
