"""What messages mean: the tables, points and kinds, modifiers and several blocks, resets, and what is not known."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from siadc09 import dc03

from drivers.dc09 import codes
from drivers.dc09.blocks import read_cid, read_dcs
from drivers.dc09.codec import Content, Unreadable
from drivers.dc09.events import Meaning, meaning_of
from drivers.dc09.settings import Dc09Device
from gateway.model import ID_PATTERN, Kind, Level, Origin
from tests.drivers.dc09.site import site

NOW = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.fixture
def panel(tmp_path: Path) -> Dc09Device:
    return cast("Dc09Device", site(tmp_path).devices[0])


def said(panel: Dc09Device, data: str, token: str = "SIA-DCS", **extensions: bytes) -> Meaning:
    content = Content(data=data.encode(), extensions=tuple(extensions.items()), at=NOW)
    return meaning_of(panel, token, content, b"record", NOW)


def signals(meaning: Meaning) -> list[tuple[str, Kind, Level]]:
    return [(signal.point, signal.kind, signal.level) for signal in meaning.message.signals]


def test_codes_are_those_of_the_standard() -> None:
    """Every code of our table is in the published one, and those that number zones or users agree with it."""
    for code, event in codes.EVENTS.items():
        counted = dc03.EVENT[code]["addr"]
        for condition in event.conditions:
            assert condition.numbers != "zone" or counted in {"Zone", "Point", None}, code
        if event.happening:
            assert (event.happening.numbers == "user") == (counted == "User"), code
            assert event.happening.numbers != "zone" or counted in {"Zone", "Point"}, code


@pytest.mark.parametrize(
    ("code", "restores", "kind"),
    [
        ("PA", ("PR", "PH"), Kind.PANIC),
        ("HA", ("HR", "HH"), Kind.DURESS),
        ("FA", ("FR", "FH"), Kind.FIRE),
        ("FT", ("FJ", "FR"), Kind.FAULT),
        ("KA", ("KR",), Kind.HEAT),
        ("QA", ("QR",), Kind.PANIC),
        ("MA", ("MR",), Kind.PANIC),
        ("TA", ("TR",), Kind.TAMPER),
        ("BA", ("BR",), Kind.INTRUSION),
        ("GA", ("GR",), Kind.GAS),
        ("WA", ("WR",), Kind.FAULT),
        ("XT", ("XR",), Kind.BATTERY),
    ],
)
def test_alarms_and_their_returns(
    panel: Dc09Device, code: str, restores: tuple[str, ...], kind: Kind
) -> None:
    """What takes an alarm of a zone back is told of the same point and kind."""
    assert signals(said(panel, f"#1234|N{code}7")) == [(f"panel:{code}.7", kind, Level.ACTIVE)]
    for restore in restores:
        assert (f"panel:{code}.7", kind, Level.NORMAL) in signals(said(panel, f"#1234|N{restore}007"))


@pytest.mark.parametrize(
    ("code", "restore", "kind"),
    [("AT", "AR", Kind.FAULT), ("YT", "YR", Kind.BATTERY), ("YC", "YK", Kind.FAULT)],
)
def test_the_panels_own_troubles(panel: Dc09Device, code: str, restore: str, kind: Kind) -> None:
    """Troubles without a zone are the panel's."""
    assert signals(said(panel, f"#1234|N{code}")) == [(f"panel:{code}", kind, Level.ACTIVE)]
    assert (f"panel:{code}", kind, Level.NORMAL) in signals(said(panel, f"#1234|N{restore}"))


def test_kind_of_a_named_point(panel: Dc09Device) -> None:
    """It is the site file's, unless the panel says worse or that something is wrong with it."""
    assert signals(said(panel, "#1234|NBA1")) == [("button", Kind.PANIC, Level.ACTIVE)]
    assert signals(said(panel, "#1234|NFA2")) == [("smoke-lab", Kind.FIRE, Level.ACTIVE)]
    assert signals(said(panel, "#1234|NTA2")) == [("smoke-lab", Kind.TAMPER, Level.ACTIVE)]
    assert signals(said(panel, "#1234|NXT2")) == [("smoke-lab", Kind.BATTERY, Level.ACTIVE)]
    assert signals(said(panel, "#1234|NWA1")) == [("button", Kind.PANIC, Level.ACTIVE)]


def test_modifiers_and_several_events(panel: Dc09Device) -> None:
    """Modifiers before an event, several events, blocks of text and the panel's own words."""
    meaning = said(panel, "#1234|Nti10:00/ri2/FA129^lab^/TA3|AUpper floor|OPA1", I="警报".encode())
    fire, tamper, panic = meaning.message.signals

    assert (fire.point, tamper.point, panic.point) == ("panel:FA.129", "panel:TA.3", "button")
    for part in ("fire (FA)", "zone 129", "area 2", "lab", "Upper floor", "警报"):
        assert part in fire.detail
    assert meaning.understood


def test_opening_and_closing(panel: Dc09Device) -> None:
    """Who opened is kept."""
    (notice,) = said(panel, "#1234|Nri1/OP007").message.notices

    assert (notice.what, notice.operator) == ("opening", "7")
    assert said(panel, "#1234|Nid12CL").message.notices[0].operator == "12"


def test_known_beside_unknown(panel: Dc09Device) -> None:
    """What is known of a message is told, what is not is an alarm with the bytes."""
    meaning = said(panel, "#1234|NFA2/QZ1|Xwhatever")

    assert [signal.kind for signal in meaning.message.signals] == [Kind.FIRE, Kind.UNPARSED, Kind.UNPARSED]
    assert b"record".hex() in meaning.message.signals[1].detail
    assert meaning.understood


def test_contact_id(panel: Dc09Device) -> None:
    """Qualifiers, zones in hex, users, and points."""
    told = {
        data: said(panel, f"#1234|{data}", "ADM-CID").message
        for data in ("6120 00 001", "1130 01 0A1", "1121 00 005", "1570 00 001", "1406 00 002", "3400 00 003")
    }

    assert told["6120 00 001"].signals[0].origin is Origin.STATE
    assert told["1130 01 0A1"].signals[0].point == "panel:130.0A1"
    assert told["1121 00 005"].signals[0].kind is Kind.DURESS
    assert [told[data].notices[0].what for data in ("1570 00 001", "1406 00 002")] == ["bypass", "cancel"]
    assert told["3400 00 003"].notices[0].operator == "3"
    assert not any(message.reset for message in told.values())


def test_reset_by_hand(panel: Dc09Device) -> None:
    """A reset of the panel says that all it had reported is over."""
    assert said(panel, "#1234|1305 00 000", "ADM-CID").message.reset
    assert not said(panel, "#1234|3305 00 000", "ADM-CID").message.reset


def test_bytes_of_what_is_not_understood_are_bounded(panel: Dc09Device) -> None:
    """An unparsed alarm keeps a kilobyte of the message at most."""
    meaning = meaning_of(panel, "XYZ", Content(data=b""), b"x" * 4000, NOW)

    assert not meaning.understood
    assert len(meaning.message.signals[0].detail) < 2200


def test_what_one_message_can_say_is_bounded(panel: Dc09Device) -> None:
    """Events beyond 64 are an unparsed alarm, and no address or area is longer than 16 letters."""
    many = said(panel, "#1234|N" + "PA1" * 1000).message.signals
    long = said(panel, "#1234|Nri" + "9" * 900 + "/GA" + "7" * 900).message.signals[0]

    assert [signal.kind for signal in many] == [Kind.PANIC] * 64 + [Kind.UNPARSED]
    assert long.point == "panel:GA." + "7" * 16
    assert len(long.detail) < 100


@given(data=st.text(alphabet="#1234|NFPAOazi/^*:-XQ_ 0", max_size=60))
def test_any_block(data: str) -> None:
    """Any block is read or Unreadable."""
    for read in (read_cid, read_dcs):
        with suppress(Unreadable):
            read(data.encode())


@given(zone=st.text(alphabet="0123456789ABCDEF:-", max_size=20))
def test_any_zone_makes_an_address(zone: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Points that no table names can stand in a topic, after the device."""
    panel = cast("Dc09Device", site(tmp_path_factory.getbasetemp()).devices[0])
    for point, _, _ in signals(said(panel, f"#1234|NGA{zone}")):
        assert ID_PATTERN.match(point.partition(":")[2] or point)
