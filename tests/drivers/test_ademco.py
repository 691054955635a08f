"""The Contact ID codes, and what is made of them."""

import pytest
from siadc09 import dc05

from drivers.ademco import EVENTS, TROUBLE, is_reset, kind_at, signal_of
from gateway.model import Kind, Level, Notice, Origin, Severity, Signal
from gateway.policy.severity import severity_of

#: Codes of DC-05 that makers and users fill as they like: not guessed.
LEFT_OUT = {651, 652, 653, 703, *range(750, 790)}


class Point:
    def __init__(self, name: str, kind: Kind) -> None:
        self.id = name
        self.kind = kind


def signal(code: int, number: int = 1, qualifier: int = 1, **points: Kind) -> Signal:
    known = dict(enumerate((Point(name, kind) for name, kind in points.items()), 1))
    said = signal_of("panel", known, qualifier=qualifier, code=code, number=number)
    assert isinstance(said, Signal)
    return said


def test_every_public_code_is_there() -> None:
    """The table has all codes of DC-05 as siadc09 gives them, but those without a fixed meaning, and one of Chinese panels."""
    assert set(EVENTS) == {int(code) for code in dc05.EVENT} - LEFT_OUT | {711}


def test_zones_and_users() -> None:
    """What the three digits count is what DC-05 says, as siadc09 gives it."""
    for code, event in EVENTS.items():
        if code != 711:
            assert (event.numbers == "user") == (dc05.EVENT[str(code)]["addr"] == "User"), code


def test_words_can_be_notices() -> None:
    """Each word is made of small letters, digits and hyphens."""
    assert all(set(event.what) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for event in EVENTS.values())


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (100, Kind.PANIC),
        (110, Kind.FIRE),
        (111, Kind.SMOKE),
        (114, Kind.HEAT),
        (115, Kind.FIRE),
        (120, Kind.PANIC),
        (121, Kind.DURESS),
        (122, Kind.DURESS),
        (123, Kind.PANIC),
        (130, Kind.INTRUSION),
        (137, Kind.TAMPER),
        (144, Kind.TAMPER),
        (151, Kind.GAS),
        (158, Kind.TEMPERATURE),
        (301, Kind.FAULT),
        (302, Kind.BATTERY),
        (354, Kind.FAULT),
        (373, Kind.FAULT),
        (383, Kind.TAMPER),
        (384, Kind.BATTERY),
        (626, Kind.CLOCK),
        *((code, None) for code in (305, 400, 401, 406, 570, 573, 601, 602, 604, 607, 621, 624, 625)),
    ],
)
def test_kinds(code: int, kind: Kind | None) -> None:
    """The codes that schools have are the kinds that guards expect; tests, openings and bypasses are none."""
    assert EVENTS[code].kind is kind


@pytest.mark.parametrize(
    ("qualifier", "level", "origin"),
    [
        (1, Level.ACTIVE, Origin.EVENT),
        (3, Level.NORMAL, Origin.EVENT),
        (6, Level.ACTIVE, Origin.STATE),
    ],
)
def test_qualifiers(qualifier: int, level: Level, origin: Origin) -> None:
    """1 begins, 3 ends, 6 tells that it still is."""
    said = signal(120, qualifier=qualifier, button=Kind.PANIC)

    assert (said.point, said.kind, said.level, said.origin) == ("button", Kind.PANIC, level, origin)


def test_unknown_is_not_guessed() -> None:
    """A code or qualifier that the table does not have is nothing, even in a known family."""
    assert signal_of("panel", {}, qualifier=1, code=119, number=1) is None
    assert signal_of("panel", {}, qualifier=1, code=750, number=1) is None
    assert signal_of("panel", {}, qualifier=2, code=120, number=1) is None


def test_address_without_a_point() -> None:
    """A zone that the site file does not name still alarms, at an address of its own."""
    assert (signal(110, 17).point, signal(110, 17).kind) == ("panel:110.017", Kind.FIRE)


def test_a_user_is_no_zone() -> None:
    """Duress by user 1 is not the point of zone 1."""
    assert (signal(121, button=Kind.PANIC).point, signal(121).kind) == ("panel:121.001", Kind.DURESS)


@pytest.mark.parametrize(
    ("code", "own", "kind"),
    [
        (130, Kind.PANIC, Kind.PANIC),  # the installer says it is a button
        (120, Kind.DOOR, Kind.PANIC),  # worse
        (110, Kind.SMOKE, Kind.FIRE),
        (111, Kind.FIRE, Kind.FIRE),
        (114, Kind.SMOKE, Kind.SMOKE),  # as bad
        (383, Kind.PANIC, Kind.TAMPER),  # trouble
        (380, Kind.FIRE, Kind.FAULT),
        (384, Kind.INTRUSION, Kind.BATTERY),
        (150, Kind.GAS, Kind.GAS),  # what the point watches for
        (154, Kind.DOOR, Kind.FAULT),
    ],
)
def test_kind_at_a_point(code: int, own: Kind, kind: Kind) -> None:
    """The point's own kind, unless the code is worse or trouble; the return is of the same kind as the alarm."""
    assert [signal(code, qualifier=qualifier, point=own).kind for qualifier in (1, 3)] == [kind, kind]


def test_never_less_severe() -> None:
    """No code that is no trouble makes a point's alarm less severe than either of the two."""
    order = list(Severity)
    for event in EVENTS.values():
        if event.kind is not None and event.kind not in TROUBLE:
            for own in (Kind.PANIC, Kind.FIRE, Kind.SMOKE, Kind.DOOR, Kind.FAULT):
                shown = order.index(severity_of(kind_at(Point("p", own), event.kind)))
                assert shown <= min(order.index(severity_of(own)), order.index(severity_of(event.kind)))


def test_notices() -> None:
    """A notice has a word, who it was where people are numbered, and says closing for an opening's end."""

    def notice(code: int, number: int, qualifier: int = 1) -> tuple[str, str]:
        said = signal_of("panel", {}, qualifier=qualifier, code=code, number=number, group=2)
        assert isinstance(said, Notice)
        assert "partition 2" in said.detail
        return said.what, said.operator

    assert notice(602, 0) == ("periodic-test", "")
    assert notice(400, 7) == ("opening", "7")
    assert notice(401, 7, 3) == ("closing-by-user", "7")
    assert notice(570, 3, 3) == ("bypass-end", "")
    assert notice(305, 0) == ("reset", "")


def test_resets() -> None:
    """Only a new event of 305 or 313 is a reset."""
    assert is_reset(1, 305)
    assert is_reset(1, 313)
    assert not is_reset(3, 305)
    assert not is_reset(1, 306)
