"""What the two letters of a SIA event say: the common codes of DC-03, and nothing that is guessed.

Codes and their names are facts of DC-03-2017 as the tables of siadc09 1.0.1 (`dc03.py`) give them; which kind a code is,
is our own decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.ademco import KnownPoint, kind_at
from gateway.model import Kind, Level, Notice, Origin, Signal


@dataclass(frozen=True, slots=True)
class _Event:
    """What happened to an alarm or trouble that is named by `key`, the code that begins it."""

    key: str
    kind: Kind
    level: Level
    what: str
    technical: bool = False


#: First letter: the zone's kind and its word. Its second letters are in `_of_zone`. A hold-up is silent, so duress.
_ZONES = {
    "P": (Kind.PANIC, "panic"),
    "H": (Kind.DURESS, "hold-up"),
    "Q": (Kind.PANIC, "emergency"),
    "M": (Kind.PANIC, "medical"),
    "F": (Kind.FIRE, "fire"),
    "S": (Kind.FIRE, "sprinkler"),
    "K": (Kind.HEAT, "heat"),
    "G": (Kind.GAS, "gas"),
    "B": (Kind.INTRUSION, "burglary"),
    "U": (Kind.INTRUSION, "untyped-zone"),
    "T": (Kind.TAMPER, "tamper"),
    "W": (Kind.FAULT, "water"),
    "Z": (Kind.TEMPERATURE, "freeze"),
}

#: Troubles of the panel itself: the code that begins it, the one that ends it.
_TROUBLES = (
    ("AT", "AR", Kind.FAULT, "mains-loss"),
    ("ET", "ER", Kind.FAULT, "module-trouble"),
    ("IA", "IR", Kind.FAULT, "equipment-failure"),
    ("LT", "LR", Kind.FAULT, "telephone-line-fault"),
    ("NT", "NR", Kind.FAULT, "network-failure"),
    ("VT", "VR", Kind.FAULT, "printer-trouble"),
    ("XQ", "XH", Kind.FAULT, "radio-jamming"),
    ("XT", "XR", Kind.BATTERY, "transmitter-low-battery"),
    ("YA", "YH", Kind.FAULT, "bell-fault"),
    ("YC", "YK", Kind.FAULT, "communication-failure"),
    ("YP", "YQ", Kind.FAULT, "power-supply-trouble"),
    ("YT", "YR", Kind.BATTERY, "low-battery"),
)

_NOTICES = {
    "BC": "cancel",
    "CA": "automatic-closing",
    "CF": "forced-closing",
    "CL": "closing",
    "CP": "automatic-closing",
    "FI": "fire-test",
    "FK": "fire-test-end",
    "FX": "fire-test",
    "JT": "time-set",
    "LB": "program-mode-entry",
    "LX": "program-mode-exit",
    "OA": "automatic-opening",
    "OC": "cancel",
    "OP": "opening",
    "OR": "disarm-from-alarm",
    "RN": "remote-reset",
    "RP": "periodic-test",
    "RR": "power-up",
    "RX": "manual-test",
    "TE": "test-end",
    "TP": "walk-test",
    "TS": "test-start",
}

#: Notices whose number is a person.
_BY_USERS = frozenset({"BC", "CF", "CL", "CP", "JT", "OC", "OP", "OR", "RX"})


def _troubles() -> Mapping[str, _Event]:
    return {
        code: _Event(begin, kind, level, what)
        for begin, end, kind, what in _TROUBLES
        for code, level in ((begin, Level.ACTIVE), (end, Level.NORMAL))
    }


_PANEL = _troubles()


def meaning_of(
    device: str, points: Mapping[int, KnownPoint], *, code: str, number: str
) -> tuple[Signal | Notice, ...]:
    """What a code says of a zone; nothing for one that is not known here: keep its bytes as unparsed.

    A restoral (second letter R) ends the alarm and the trouble of its zone.
    """
    detail = f"{code} {number}".strip()
    if code in _NOTICES:
        operator = number.lstrip("0") if code in _BY_USERS else ""
        return (Notice(device=device, what=_NOTICES[code], detail=detail, operator=operator),)
    if code in _PANEL:
        return (_signal(device, None, _PANEL[code], number, detail),)
    point = points.get(int(number)) if number.isdecimal() else None
    if len(code) == 2 and code[0] in _ZONES:
        if code[1] in "BU":
            word = f"{_ZONES[code[0]][1]}-{'bypass' if code[1] == 'B' else 'unbypass'}"
            return (Notice(device=device, what=word, detail=detail),)
        return tuple(_signal(device, point, event, number, detail) for event in _of_zone(*code))
    return ()


def _of_zone(zone: str, second: str) -> tuple[_Event, ...]:
    kind, word = _ZONES[zone]
    ill = Kind.TAMPER if kind is Kind.TAMPER else Kind.FAULT
    alarm = [_Event(f"{zone}A", kind, level, word, technical=zone == "W") for level in Level]
    trouble = [_Event(f"{zone}T", ill, level, f"{word}-trouble") for level in Level]
    match second:
        case "A":
            return (alarm[0],)
        case "H":
            return (alarm[1],)
        case "T":
            return (trouble[0],)
        case "J":
            return (trouble[1],)
        case "R":
            return alarm[1], trouble[1]
        case _:
            return ()


def _signal(device: str, point: KnownPoint | None, event: _Event, number: str, detail: str) -> Signal:
    return Signal(
        device=device,
        point=f"{device}:{event.key}.{number or '0'}" if point is None else point.id,
        kind=kind_at(point, event.kind, technical=event.technical),
        level=event.level,
        origin=Origin.EVENT,
        detail=f"{event.what} ({detail})",
    )
