"""The limited English of the demo: service desk calls and field notes, about 400 words, numbers spelled out.

Every sentence comes from a template whose `{slots}` are filled at random. A fixed set of sentences is
*reserved* (see `reserved_sentences`): training never sees them, and all demo and test recordings are made of
them.
"""

import random
import re
from collections.abc import Callable, Iterator

RESERVED_SEED = 20_240_817
"""Seed of the reserved sentences; deliberately independent of the training seed."""

RESERVED_COUNT = 1_200
"""Reserved sentences: several times what demo, tests and evaluation need."""

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_LOW_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth".split()
_ORDINALS = [
    *_LOW_ORDINALS,
    *"tenth eleventh twelfth thirteenth fourteenth fifteenth".split(),
    *"sixteenth seventeenth eighteenth nineteenth".split(),
    "twentieth",
    *(f"twenty {word}" for word in _LOW_ORDINALS),
    "thirtieth",
]


def spell(number: int) -> str:
    """Spell a number between 0 and 999 in words."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] if not ones else f"{_TENS[tens]} {_ONES[ones]}"
    hundreds, rest = divmod(number, 100)
    return f"{_ONES[hundreds]} hundred" if not rest else f"{_ONES[hundreds]} hundred and {spell(rest)}"


def _number(rng: random.Random) -> str:
    # Two-digit numbers are what people mostly say; hundreds stay the exception.
    return spell(rng.randint(2, 99) if rng.random() < 0.75 else rng.randint(100, 999))


def _small_number(rng: random.Random) -> str:
    return spell(rng.randint(2, 60))


def _digits(rng: random.Random) -> str:
    return " ".join(rng.choice(_ONES[:10]) for _ in range(rng.randint(3, 6)))


def _hour(rng: random.Random) -> str:
    return _ONES[rng.randint(1, 12)]


_COMPUTED: dict[str, Callable[[random.Random], str]] = {
    "number": _number,
    "small_number": _small_number,
    "digits": _digits,
    "hour": _hour,
}


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")]


_SLOTS: dict[str, list[str]] = {
    "first": (
        "Alice Brian Carla David Emma Frank Grace Henry Irene James Karen Louis Maria Nathan Olivia "
        "Peter Rachel Simon "
        "Teresa Victor Wendy Martin Sophie Daniel Julia Oscar Hannah Thomas Laura George"
    ).split(),
    "last": (
        "Baker Carter Dawson Evans Fisher Graham Harris Jensen Keller Lambert Mason Norton Parker Quinn "
        "Russell "
        "Stewart Turner Walker Young Bennett"
    ).split(),
    "person": ["{first}", "{first}", "{first} {last}"],
    "city": (
        "Bristol Cardiff Denver Dublin Geneva Houston Leeds London Madrid Oxford Paris Boston Chicago "
        "Seattle Toronto "
        "Berlin"
    ).split(),
    "site": _split(
        "the north building, the south gate, the main office, the warehouse, the boiler room, the "
        "loading dock, "
        "the control room, the parking garage, the roof, the basement, the kitchen, the east tower, the "
        "old factory"
    ),
    "thing": _split(
        "pump, valve, boiler, filter, motor, fan, sensor, meter, switch, cable, battery, router, "
        "printer, camera, "
        "generator, elevator, heater, compressor, tank, radiator, door lock, smoke alarm, water pipe, "
        "server, scanner"
    ),
    "kind": _split("old, new, main, backup, second, small, large, broken, spare, blue, red, green"),
    "device": ["{thing}", "{kind} {thing}"],
    "state": _split(
        "leaking, overheating, offline, making a loud noise, not responding, out of service, working again, "
        "running normally, blocked, damaged, vibrating, too hot, too cold, very slow, still under warranty"
    ),
    "did": _split(
        "replaced, repaired, cleaned, inspected, tested, installed, removed, checked, adjusted, reset"
    ),
    "do": _split("replace, repair, clean, inspect, test, install, remove, check, adjust, reset"),
    "day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "month": (
        "January February March April May June July August September October November December"
    ).split(),
    "part": ["morning", "afternoon", "evening"],
    "ordinal": _ORDINALS,
    "date": ["{month} {ordinal}", "the {ordinal} of {month}", "{day} {part}", "{day} the {ordinal}"],
    "clock": [
        "{hour} o'clock",
        "half past {hour}",
        "quarter to {hour}",
        "quarter past {hour}",
        "{hour} thirty",
        "{hour} fifteen",
        "{hour} forty five",
    ],
    "paper": _split(
        "order, invoice, contract, booking, refund, delivery, payment, subscription, account, password, "
        "ticket, report"
    ),
    "handle": _split("cancel, change, renew, confirm, check, update, review, extend"),
    "team": _split(
        "the customer, the technician, the manager, the supplier, the driver, the engineer, the night shift, "
        "the security team, the accounting department, the new tenant"
    ),
    "said": _split("said, reported, noticed, mentioned, explained, confirmed"),
    "unit": _split("degrees, percent, bar, volts, litres, metres, kilograms, hours, minutes"),
    "money": ["dollars", "euros"],
    "measure": _split("pressure, temperature, level, reading, voltage"),
    "when": ["", " at {clock}", " this {part}"],
    "soon": ["tomorrow", "next week", "today", "on {day}", "in {month}"],
    "stock": _split(
        "new filters, spare batteries, metres of cable, litres of water, more boxes, red valves, small screws"
    ),
    "trouble": _split("problem, delay, small leak, power failure, strange smell"),
    "reach": _split("call, email, contact, remind"),
    "standing": _split("ready, late, complete, on hold, not paid, approved"),
}

_TEMPLATES: list[str] = [
    "the {device} in {site} is {state}",
    "the {device} in {site} is {state}",
    "{we} {did} the {device} on {date}",
    "{person} {did} the {device} and the {thing} near {site}",
    "the {measure} is {number} {unit}{when}",
    "my {own} number is {digits}",
    "please {reach} {person} {side} {clock}",
    "I would like to {handle} my {paper} for {date}",
    "thank you for calling, my name is {first} {last}",
    "{team} {said} that the {device} is {state}",
    "{team} {said} that the {device} is {state}",
    "the {paper} from {date} shows {number} {money}",
    "we need {small_number} {stock} in {city}",
    "{team} will {do} the {device} {soon}",
    "the meeting with {person} is on {date} at {clock}",
    "{person} is {going} to {city} on {date}",
    "{can} you {handle} the {paper} for {person}?",
    "{why} did {team} {do} the {device}?",
    "station {small_number} reported {number} {unit} and the {thing} is {state}",
    "the {tag} number of the {thing} is {digits}",
    "there is a {trouble} in {site} since {clock}",
    "{reply}, {the} {paper} is {standing}",
    "{team} {came} at {clock} and {asked} {person}",
    "turn {onoff} the {device} and wait {small_number} minutes",
]

_SLOTS |= {
    "we": ["we", "I", "they"],
    "own": _split("account, order, ticket, phone, customer"),
    "side": ["before", "after", "at"],
    "going": _split("travelling, driving, moving, flying"),
    "can": ["can", "could"],
    "why": ["when", "why"],
    "tag": ["serial", "part", "model"],
    "reply": ["yes", "no", "okay", "sorry"],
    "the": ["the", "your"],
    "came": ["left", "arrived", "called"],
    "asked": ["asked for", "waited for", "spoke with"],
    "onoff": ["on", "off"],
}

_SLOT = re.compile(r"\{(\w+)\}")


def sentence(rng: random.Random) -> str:
    """Draw one sentence: a capital first, a full stop or question mark last, numbers in words."""
    text = rng.choice(_TEMPLATES)
    while "{" in text:
        text = _SLOT.sub(lambda slot: _fill(slot.group(1), rng), text)
    text = text[0].upper() + text[1:]
    return text if text.endswith("?") else text + "."


def _fill(slot: str, rng: random.Random) -> str:
    computed = _COMPUTED.get(slot)
    return computed(rng) if computed else rng.choice(_SLOTS[slot])


def normalize(text: str) -> str:
    """Reduce a text to lower-case words without punctuation: what WER and "have we seen it?" compare."""
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split())


def reserved_sentences() -> list[str]:
    """Return the sentences no model may be trained on, always the same ones in the same order."""
    rng = random.Random(RESERVED_SEED)
    kept: dict[str, str] = {}
    while len(kept) < RESERVED_COUNT:
        text = sentence(rng)
        kept.setdefault(normalize(text), text)
    return list(kept.values())


def training_sentences(seed: str) -> Iterator[str]:
    """Yield sentences for training without end, none of them reserved."""
    reserved = {normalize(text) for text in reserved_sentences()}
    rng = random.Random(seed)
    while True:
        text = sentence(rng)
        if normalize(text) not in reserved:
            yield text
