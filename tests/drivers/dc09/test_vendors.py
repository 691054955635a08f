"""Panels with odd firmware: whatever can be understood of what they send is told and acknowledged, over real sockets."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drivers.dc09 import SPEC
from drivers.dc09.codec import pad_length, seal
from drivers.dc09.framing import crc16, wrap
from gateway.model import Kind, Level
from tests.clocks import ManualClock
from tests.drivers.contract import running
from tests.drivers.dc09.site import calling, site
from tests.drivers.dc09.vectors import KEY
from tests.drivers.recorder import Recorder

NOW = datetime(2028, 2, 29, 12, tzinfo=UTC)


async def tell(folder: Path, *frames: bytes, keys: str = "") -> tuple[Recorder, list[bytes]]:
    """What comes of frames, and the answers to them."""
    connection, sink = site(folder, keys=keys), Recorder()
    async with running(SPEC, connection, sink, ManualClock(NOW)), calling(connection) as panel:
        return sink, [await panel.ask(frame) for frame in frames]


def cid(data: str) -> bytes:
    return wrap(f'"ADM-CID"0001L0#1234[#1234|{data}]'.encode())


def sia(data: str, behind: str = "") -> bytes:
    return wrap(f'"SIA-DCS"0001L0#1234[#1234|{data}]{behind}'.encode())


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        ('"SIA-DCS"0000L0#1234[', '"ACK"0000L0#1234[]'),
        ('"SIA-DCS"9999R1L2#1234[', '"ACK"9999R1L2#1234[]'),
        ('"SIA-DCS"0001RabcdefLABCDEF#1234[', '"ACK"0001RabcdefLABCDEF#1234[]'),
        ('"SIA-DCS"0001L#1234[', '"ACK"0001L#1234[]'),
        ('"SIA-DCS"0001#1234[', '"ACK"0001#1234[]'),
        ('"SIA-DCS"0001R7#1234[', '"ACK"0001R7#1234[]'),
    ],
)
async def test_numbers(tmp_path: Path, head: str, answer: str) -> None:
    """Receiver and line may be there or not, the number any; the answer echoes them as they were written."""
    sink, answers = await tell(tmp_path, wrap(f"{head}#1234|NPA1]".encode()))

    assert sink.levels_of("button") == [Level.ACTIVE]
    assert answers == [wrap(answer.encode())]


async def test_letters_of_hex_digits(tmp_path: Path) -> None:
    """CRC, length and account may be written in small letters."""
    more = '[[device]]\nid = "gym"\nzone = "hall"\nbus = "receiver"\naccount = "ABC"\n'
    body = b'"SIA-DCS"0001L0#abc[#abc|NPA1]'
    connection, sink = site(tmp_path, more=more), Recorder()
    async with running(SPEC, connection, sink), calling(connection) as panel:
        answer = await panel.ask(b"\n%04x0%03x%b\r" % (crc16(body), len(body), body))

    assert answer == wrap(b'"ACK"0001L0#abc[]')
    assert sink.signals[0].device == "gym"


@pytest.mark.parametrize(
    ("data", "point", "kind"),
    [
        ("1120 00 001", "button", Kind.PANIC),
        ("112000001", "button", Kind.PANIC),
        ("1110 00 000", "panel:110.000", Kind.FIRE),
        ("1110 99 002", "smoke-lab", Kind.FIRE),
        ("1121 00 005", "panel:121.005", Kind.DURESS),
        ("1121 00 001", "panel:121.001", Kind.DURESS),
        ("6110 00 002", "smoke-lab", Kind.FIRE),
        ("1130 0a 0ff", "panel:130.0FF", Kind.INTRUSION),
    ],
)
async def test_contact_id(tmp_path: Path, data: str, point: str, kind: Kind) -> None:
    """With and without spaces, zone 000, partitions, hex, and users: duress by user number is no point of that number."""
    sink, answers = await tell(tmp_path, cid(data))

    assert [(signal.point, signal.kind) for signal in sink.signals] == [(point, kind)]
    assert b'"ACK"' in answers[0]


@pytest.mark.parametrize(
    ("data", "behind"),
    [
        ("NFA2/Z9!1", ""),
        ("NFA2/?", ""),
        ("NZ91|NFA2", ""),
        ("NFA2^east|wing^", ""),
        ("NFA2^east]wing^", ""),
        ("NFA2^east]wing^", "_12:00:00,02-29-2028"),
        ("NFA2", "[I east]wing]_12:00:00,02-29-2028"),
        ("NFA2", "nonsense"),
    ],
)
async def test_fire_beside_what_is_badly_built(tmp_path: Path, data: str, behind: str) -> None:
    """A fire is told as fire whatever stands beside it, in clear and encrypted; the rest is an unparsed alarm."""
    plain = f"#1234|{data}]{behind}".encode()
    pad = b"p" * pad_length(plain)
    secret = wrap(b'"*SIA-DCS"0002L0#1234[' + seal(KEY, plain, pad))
    clear, answers = await tell(tmp_path, sia(data, behind))
    assert b'"ACK"' in answers[0]
    sealed, answers = await tell(tmp_path, secret, keys='key_file = "panel.key"')
    if behind.endswith("2028"):
        assert b'"*ACK"' in answers[0]
        sinks = [clear, sealed]
    else:
        assert b'"NAK"' in answers[0]  # it says no time, which is not silence
        sinks = [clear]
    for sink in sinks:
        kinds = [(signal.point, signal.kind) for signal in sink.signals]
        assert ("smoke-lab", Kind.FIRE) in kinds
        assert ("panel:unparsed", Kind.UNPARSED) in kinds


async def test_long_message(tmp_path: Path) -> None:
    """Three kilobytes of text behind an alarm are no reason to miss it."""
    sink, answers = await tell(tmp_path, sia("NPA1^" + "x" * 3000 + "^"))

    assert sink.levels_of("button") == [Level.ACTIVE]
    assert len(sink.signals[0].detail) < 500
    assert b'"ACK"' in answers[0]


async def test_words_in_chinese(tmp_path: Path) -> None:
    """UTF-8 in extension I is read; what is none does no harm."""
    good = '"SIA-DCS"0001L0#1234[#1234|NPA1][I三楼厕所]'.encode()
    bad = b'"SIA-DCS"0002L0#1234[#1234|NPA1][I\xb1\xa8\xbe\xaf\x00]'
    sink, answers = await tell(tmp_path, wrap(good), wrap(bad))

    assert "三楼厕所" in sink.signals[0].detail
    assert sink.signals[1].detail.isprintable()
    assert all(b'"ACK"' in answer for answer in answers)


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        ("12:00:00,02-29-2028", NOW),
        ("11:59:00,02-29-2028", NOW - timedelta(minutes=1)),
        ("00:00:00,02-29-2027", None),
        ("00:00:00,02-30-2028", None),
        ("23:59:60,02-28-2028", None),
        ("99:99:99,99-99-9999", None),
        ("00:00:00,01-01-0000", None),
        ("12:00:00,29-02-2028", None),
        ("", None),
    ],
)
async def test_times(tmp_path: Path, stamp: str, at: datetime | None) -> None:
    """Leap days are known, nonsense is no time; the alarm is told all the same."""
    sink, answers = await tell(tmp_path, sia("NPA1", f"_{stamp}"))

    assert [signal.occurred_at for signal in sink.signals] == [at]
    assert b'"ACK"' in answers[0]
