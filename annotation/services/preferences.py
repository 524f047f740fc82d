"""A person's own settings of the workbench: keys, sound, editor. What is stored is what is listed here.

The keys' defaults belong to the page that draws them (`workbench/`); stored is the preset's name and what
the person bound differently. Names of commands are those of `workbench/src/workbench/commands.ts`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.db import transaction

from annotation.errors import Invalid
from annotation.models import Preferences, User

PRESETS: Final = ("default", "otranscribe", "labelstudio", "subtitleedit")
PARTS: Final = ("keys", "playback", "editor")
PLACES: Final = ("box", "list")
_NAMES: Final = """
confirm save accept skip unintelligible undo lock play replay back2 back1 forward1 back5 forward5
slower faster loop next previous nextSuspect previousSuspect queueNext goto search toList toBox
panes takeSuggestion takeBefore clear tag direction split merge speaker startEarlier startLater
endEarlier endLater mine theirs base filter1 filter2 filter3 filter4 filter5 filter6 order marks
tabMode help
"""
COMMANDS: Final = tuple(_NAMES.split())
MOST_CHORDS: Final = 10

#: Modifiers in the one order they are written in, then a key by its place on the keyboard
#: (`KeyboardEvent.code`), or one of the characters that are found by what they type.
CHORD: Final = re.compile(
    r"[?/\[]|(Mod\+)?((Ctrl|Meta)\+)?(Alt\+)?(Shift\+)?"
    r"(Key[A-Z]|Digit\d|F([1-9]|1\d|2[0-4])|Numpad(\d|Add|Subtract|Multiply|Divide|Decimal|Enter)"
    r"|Arrow(Up|Down|Left|Right)|Bracket(Left|Right)|Page(Up|Down)|Home|End|Insert|Delete|Backspace|Enter"
    r"|Escape|Space|Tab|Comma|Period|Slash|Backslash|Semicolon|Quote|Backquote|Minus|Equal"
    r"|Intl(Backslash|Ro|Yen)|Media(PlayPause|Stop|TrackNext|TrackPrevious))",
    re.ASCII,
)

Rule = Callable[[Any], bool]


def _one_of(*values: str) -> Rule:
    return lambda value: isinstance(value, str) and value in values


def _whole(low: int, high: int) -> Rule:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _number(low: float, high: float) -> Rule:
    return lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    )


def _switch(value: Any) -> bool:
    return isinstance(value, bool)


#: Name: its default, what it may be, and that in words.
Table = Mapping[str, tuple[Any, Rule, str]]

PLAYBACK: Final[Table] = {
    "auto_pause": ("pause", _one_of("off", "pause", "loop"), "off, pause or loop"),
    "rewind_ms": (1000, _whole(0, 10_000), "0 to 10000"),
    "resume_ms": (800, _whole(0, 10_000), "0 to 10000"),
    "speed": (1.0, _number(0.5, 2.0), "0.5 to 2"),
    "context_ms": (1000, _whole(0, 5_000), "0 to 5000"),
    "loop": (False, _switch, "true or false"),
    "autoplay": (True, _switch, "true or false"),
}
EDITOR: Final[Table] = {
    "marks": (True, _switch, "true or false"),
    "tab_plays": (False, _switch, "true or false"),
    "shared_computer": (False, _switch, "true or false"),
    "font_px": (18, _whole(12, 40), "12 to 40"),
    "order": ("time", _one_of("time", "risk"), "time or risk"),
}


def preferences_of(user: User) -> dict[str, Any]:
    """Return a person's settings, with the defaults where they have chosen nothing."""
    row = Preferences.objects.filter(pk=user.pk).first()
    return _whole_of(row.values if row else {})


def change(*, user: User, values: Mapping[str, Any]) -> dict[str, Any]:
    """Set the parts that are named (`keys`, `playback`, `editor`) and return all; Invalid names each fault.

    A part is given whole: what it leaves out goes back to its default.
    """
    faults: dict[str, Any] = dict.fromkeys(set(values) - set(PARTS), f"unknown; known are {', '.join(PARTS)}")
    wanted: dict[str, Any] = {}
    if "keys" in values:
        wanted["keys"] = _keys(values["keys"], faults)
    for name, table in (("playback", PLAYBACK), ("editor", EDITOR)):
        if name in values:
            wanted[name] = _part(name, values[name], table, faults)
    if faults:
        raise Invalid(f"Some settings are not valid: {', '.join(sorted(faults))}."[:300], **faults)
    with transaction.atomic():
        row, _ = Preferences.objects.select_for_update().get_or_create(pk=user.pk)
        row.values = {**row.values, **wanted}
        row.save(update_fields=["values"])
    return _whole_of(row.values)


def _whole_of(stored: Mapping[str, Any]) -> dict[str, Any]:
    keys = stored.get("keys", {})
    return {
        "keys": {"preset": keys.get("preset", "default"), "own": keys.get("own", {})},
        **{
            name: {key: stored.get(name, {}).get(key, default) for key, (default, _, _) in table.items()}
            for name, table in (("playback", PLAYBACK), ("editor", EDITOR))
        },
    }


def _part(name: str, given: Any, table: Table, faults: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        faults[name] = "an object"
        return {}
    for key, value in given.items():
        if key not in table:
            faults[f"{name}.{key}"[:100]] = f"unknown; known are {', '.join(table)}"
        elif not table[key][1](value):
            faults[f"{name}.{key}"] = table[key][2]
    return dict(given)


def _keys(given: Any, faults: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        faults["keys"] = "an object"
        return {}
    for name in set(given) - {"preset", "own"}:
        faults[f"keys.{name}"[:100]] = "unknown; known are preset, own"
    preset, own = given.get("preset", "default"), given.get("own", {})
    if preset not in PRESETS:
        faults["keys.preset"] = " or ".join(PRESETS)
    if not isinstance(own, Mapping):
        faults["keys.own"] = "an object of commands"
        return {}
    holders: dict[tuple[str, str], str] = {}
    for command, places in own.items():
        path = f"keys.own.{command}"[:100]
        if command not in COMMANDS:
            faults[path] = "not a command"
        elif not isinstance(places, Mapping) or set(places) - set(PLACES):
            faults[path] = f"an object with {' and '.join(PLACES)}"
        else:
            for place, chords in places.items():
                _chords(path, command, place, chords, holders, faults)
    return {"preset": preset, "own": own}


def _chords(
    path: str,
    command: str,
    place: str,
    chords: Any,
    holders: dict[tuple[str, str], str],
    faults: dict[str, Any],
) -> None:
    if not isinstance(chords, list) or len(chords) > MOST_CHORDS:
        faults[f"{path}.{place}"] = f"a list of up to {MOST_CHORDS} keys"
        return
    for chord in chords:
        if not isinstance(chord, str) or not CHORD.fullmatch(chord):
            faults[f"{path}.{place}"] = "keys such as Mod+Shift+KeyX or F8"
            return
        holder = holders.setdefault((place, chord), command)
        if holder != command or chords.count(chord) > 1:
            faults[f"{path}.{place}"] = f"{chord} is bound to {holder} already"
            return
