"""The DC-03 event codes of SIA-DCS messages as data: what each means, what takes it back, and what it numbers.

Codes and names are facts of DC-03-2017, as the table of siadc09 1.0.1 (`dc03.py`) gives them. Which kind a code is, is our
own decision: hold-up is silent by its nature, so it is duress. Codes that are not here are kept as unparsed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from gateway.model import Kind, Level

Numbers = Literal["zone", "user", ""]


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that lasts. `code` is the one that raises it and names it; `technical`: a sensor made for it watches it."""

    code: str
    kind: Kind
    what: str
    numbers: Numbers
    technical: bool = False


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that is no alarm: a notice with this word."""

    what: str
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class DcsEvent:
    """What one code says: of conditions that they are there or gone, or that something happened."""

    level: Level
    conditions: tuple[Condition, ...] = ()
    happening: Happening | None = None


# Families: their letter, then A alarm, T trouble, S supervisory; R takes all of them back, H the alarm, J the trouble.
_FAMILIES: tuple[tuple[str, Kind, str], ...] = (
    ("B", Kind.INTRUSION, "burglary"),
    ("F", Kind.FIRE, "fire"),
    ("G", Kind.GAS, "gas"),
    ("H", Kind.DURESS, "hold-up"),
    ("K", Kind.HEAT, "heat"),
    ("M", Kind.PANIC, "medical"),
    ("P", Kind.PANIC, "panic"),
    ("Q", Kind.PANIC, "emergency"),
    ("S", Kind.FIRE, "sprinkler"),
    ("T", Kind.TAMPER, "tamper"),
    ("U", Kind.INTRUSION, "untyped"),
    ("W", Kind.FAULT, "water-leakage"),
    ("Z", Kind.TEMPERATURE, "freeze"),
)
_TECHNICAL = frozenset({"W", "Z"})

# Codes that raise, codes that take back, kind, word.
_ZONE_CONDITIONS: tuple[tuple[str, str, Kind, str], ...] = (
    ("AS", "AN", Kind.FAULT, "fire-sensor-service"),
    ("BD", "BE", Kind.FAULT, "swinger-trouble"),
    ("BM", "BR BH", Kind.INTRUSION, "burglary-verified"),
    ("BZ", "BR", Kind.FAULT, "missing-supervision"),
    ("EA", "", Kind.INTRUSION, "exit-alarm"),
    ("FM", "FR FH", Kind.FIRE, "fire-verified"),
    ("FW", "FQ", Kind.FAULT, "fire-supervisory-trouble"),
    ("FY", "FR FJ", Kind.FAULT, "missing-fire-trouble"),
    ("FZ", "FV", Kind.FAULT, "missing-fire-supervision"),
    ("XT", "XR", Kind.BATTERY, "transmitter-battery"),
)
_OTHER_CONDITIONS: tuple[tuple[str, str, Kind, str], ...] = (
    ("AA", "", Kind.TAMPER, "panel-substitution"),
    ("AT", "AR", Kind.FAULT, "mains-loss"),
    ("DF", "DR", Kind.DOOR, "door-forced"),
    ("DL", "DH DR", Kind.DOOR, "door-left-open"),
    ("EM", "EN", Kind.FAULT, "module-missing"),
    ("ES", "EJ", Kind.TAMPER, "module-tamper"),
    ("ET", "ER", Kind.FAULT, "module-trouble"),
    ("IA", "IR", Kind.FAULT, "equipment-failure"),
    ("JA", "", Kind.TAMPER, "code-tamper"),
    ("LT", "LR", Kind.FAULT, "telephone-line-trouble"),
    ("NT", "NR", Kind.FAULT, "network-failure"),
    ("XQ", "XH", Kind.FAULT, "radio-jamming"),
    ("XS", "XJ", Kind.TAMPER, "radio-receiver-tamper"),
    ("YA", "YH", Kind.FAULT, "bell-fault"),
    ("YC", "YK", Kind.FAULT, "failure-to-communicate"),
    ("YI", "YJ", Kind.FAULT, "overcurrent"),
    ("YM", "YR", Kind.BATTERY, "battery-missing"),
    ("YP", "YQ", Kind.FAULT, "power-supply-trouble"),
    ("YS", "YK", Kind.FAULT, "communication-trouble"),
    ("YT", "YR", Kind.BATTERY, "low-battery"),
    ("YX", "YZ", Kind.FAULT, "service-required"),
)

_HAPPENINGS: tuple[tuple[Numbers, str], ...] = (
    (
        "user",
        (
            "BC cancel, CG area-closing, CE closing-extended, CF forced-closing, CK early-closing, CL closing, CP automatic-closing, "
            "CQ remote-closing, CR recent-closing, EE exit-error, JT time-changed, JV code-changed, "
            "JX code-deleted, JY code-added, OC cancel, OH opening-from-alarm, OJ late-opening, OK early-opening, OP opening, "
            "OQ remote-opening, OR opening-from-alarm, OT late-to-close, RX manual-test"
        ),
    ),
    (
        "zone",
        (
            "AB abort, BG burglary-unverified, BX burglary-test, FC fire-cancel, FG fire-unverified, FL fire-alarm-silenced, FX fire-test, "
            "GX gas-test, TP walk-test, UG untyped-unverified, XI sensor-reset"
        ),
    ),
    (
        "",
        (
            "BV burglary-verified, CA automatic-closing, CI failed-to-close, CT late-to-open, "
            "CW forced-closing, DG access-granted, DD access-denied, FI fire-test-begin, FK fire-test-end, "
            "LB programming, LD programming-denied, LS programming-end, LX programming-end, "
            "NL perimeter-closing, OA automatic-opening, OG area-opening, OI failed-to-open, RB remote-programming, "
            "RN remote-reset, RP periodic-test, RR power-up, RS remote-programming-end, TC all-points-tested, TE test-end, "
            "TS test-begin, TX test-report, YG parameter-changed, YW watchdog-reset, YY status-report"
        ),
    ),
)


def _families() -> Iterator[tuple[Condition, str]]:
    """Each condition with the codes that take it back."""
    for letter, kind, what in _FAMILIES:
        technical = letter in _TECHNICAL
        yield Condition(f"{letter}A", kind, what, "zone", technical), f"{letter}R {letter}H"
        yield Condition(f"{letter}T", Kind.FAULT, f"{what}-trouble", "zone"), f"{letter}R {letter}J"
        if letter != "T":  # TS is the start of a test
            also = " FV" if letter == "F" else ""
            yield Condition(f"{letter}S", Kind.FAULT, f"{what}-supervisory", "zone"), f"{letter}R{also}"


def _conditions() -> Iterator[tuple[Condition, str]]:
    yield from _families()
    for numbers, table in (("zone", _ZONE_CONDITIONS), ("", _OTHER_CONDITIONS)):
        for code, restores, kind, what in table:
            yield Condition(code, kind, what, "zone" if numbers else ""), restores


def _happenings() -> Iterator[tuple[str, Happening]]:
    for letter, _, what in _FAMILIES:
        yield f"{letter}B", Happening(f"{what}-bypass", "zone")
        yield f"{letter}U", Happening(f"{what}-bypass-end", "zone")
    for numbers, entries in _HAPPENINGS:
        for entry in entries.split(", "):
            code, what = entry.split(" ")
            yield code, Happening(what, numbers)


def _events() -> dict[str, DcsEvent]:
    events: dict[str, DcsEvent] = {}
    taken_back: dict[str, tuple[Condition, ...]] = {}
    for condition, restores in _conditions():
        events[condition.code] = DcsEvent(Level.ACTIVE, (condition,))
        for code in restores.split():
            taken_back[code] = (*taken_back.get(code, ()), condition)
    for code, conditions in taken_back.items():
        events[code] = DcsEvent(Level.NORMAL, conditions)
    for code, happening in _happenings():
        events[code] = DcsEvent(Level.NORMAL, happening=happening)
    return events


#: Every code that is known; one that is not here is never guessed.
EVENTS: Mapping[str, DcsEvent] = MappingProxyType(_events())
