"""The DC-09 panel: its bytes against published and computed vectors, its manners over real sockets."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from siadc09.message import parse_frame

from simulators.alarm_codes import KINDS
from simulators.dc09 import Carrier, Dc09PanelSimulator, Format, Habits, events
from simulators.dc09.frames import Answer, Sender, crc16, decrypt, encrypt, frame, read_answer, take_answers
from simulators.fault import Fault
from simulators.port import ReservedPort
from simulators.verbs import Panel
from tests.simulators.dc09_receiver import Heard, Receiver, framed, receiving
from tests.wait import until

KEY = bytes.fromhex("850cba22f7dd4f033405da83e4c5bae9")
MIDNIGHT = datetime(2026, 9, 1, tzinfo=UTC)
E1 = "242ff5e1d26993d8ca4a622f7d779a93096ef7ed9b5499dc13de23e1405a5764b58737251286f0d81da5134d1eebc238"
SCHOOL = Sender(account="1234")
QUICK = Habits(ack_timeout_s=0.15, redial_s=0.02)


def whole(text: str) -> bytes:
    """A vector as printed, between LF and CR."""
    return f"\n{text}\r".encode()


# Vectors: those of siadc09 and captainwong/ademco_hb, and frames whose CRC and length were computed elsewhere


@pytest.mark.parametrize(
    "vector",
    [
        '8C860043"SIA-DCS"9876R579BDFL789ABC#123456A[#123456A|NFA129][M1234567890AB]',
        '93B30031"NULL"0000R1234L6789#000000[]_17:24:14,12-09-2015',
        'F0550030"ACK"0000R1234L6789#000000[]_17:27:09,12-09-2015',
        f'DE260072"*NULL"0000L0#000[{E1}',
    ],
)
def test_crc_and_length_of_published_frames(vector: str) -> None:
    """CRC and length come out as printed."""
    assert frame(vector[8:].encode()) == whole(vector)


def test_published_frames_are_built_from_their_parts() -> None:
    """Receiver, line, account, xdata and timestamp stand where the published frames have them."""
    dcs = Sender(account="123456A", receiver="579BDF", line="789ABC")
    null = Sender(account="000000", receiver="1234", line="6789")
    moment = datetime(2015, 12, 9, 17, 24, 14, tzinfo=UTC)

    event = dcs.body("SIA-DCS", 9876, "#123456A|NFA129", xdata=["M1234567890AB"])
    assert frame(event) == whole(
        '8C860043"SIA-DCS"9876R579BDFL789ABC#123456A[#123456A|NFA129][M1234567890AB]'
    )
    assert frame(null.body("NULL", 0, None, moment=moment)) == whole(
        '93B30031"NULL"0000R1234L6789#000000[]_17:24:14,12-09-2015'
    )
    assert frame(SCHOOL.body("NULL", 0, None)) == whole('1EF20013"NULL"0000L0#1234[]')


@pytest.mark.parametrize(
    ("vector", "data"),
    [
        ("9564003B", events.alarm(Format.CID, "panic", 1)),
        ("8D65003B", events.alarm(Format.CID, "panic", 1, restored=True)),
        ("7014003B", events.alarm(Format.CID, "fire", 2)),
        ("71D4003B", events.alarm(Format.CID, "smoke", 2)),
        ("3957003B", events.alarm(Format.CID, "mains", 0)),
        ("39C7003B", events.coded(Format.CID, "1602", 0)),
        ("40D00034", events.alarm(Format.SIA, "panic", 1)),
        ("A9490034", events.alarm(Format.SIA, "panic", 1, restored=True)),
        ("7FA50034", events.alarm(Format.SIA, "fire", 2)),
        ("3FFA0034", events.alarm(Format.SIA, "duress", 1)),
        ("4C010034", events.alarm(Format.SIA, "tamper", 3)),
        ("76B90034", events.coded(Format.SIA, "RP", 0)),
    ],
)
def test_computed_frames_of_every_kind(vector: str, data: str) -> None:
    """Kind and zone become the bytes whose CRC and length were computed elsewhere."""
    form = Format.CID if " " in data else Format.SIA

    made = frame(SCHOOL.body(form, 1, f"#1234|{data}", moment=MIDNIGHT))

    assert made[1:9].decode() == vector
    assert made == whole(f'{vector}"{form}"0001L0#1234[#1234|{data}]_00:00:00,09-01-2026')


def test_an_encrypted_frame_with_a_given_pad() -> None:
    """The *SIA-DCS vector, byte for byte."""
    body = Sender(account="1234", key=KEY).body(
        "SIA-DCS", 2, "#1234|NPA1", moment=MIDNIGHT, pad=b"0123456789ABCDEF"
    )

    assert frame(body) == whole(
        '72D20076"*SIA-DCS"0002L0#1234[A12AF6DD1BD048FBFF622709067E4E55EAC0540D5C4E745D4566F3284F2498A5'
        "DB83EDEA70AF813ACF2D77DDE758FCA3"
    )


def test_the_published_encrypted_null_is_opened_and_made_again() -> None:
    """E1 decrypts to pad, bracket and timestamp, and the same clear text gives the same bytes; no other key opens it."""
    clear = decrypt(KEY, E1.encode())

    assert clear is not None
    assert clear.endswith(b"]_03:07:43,09-22-2026")
    assert encrypt(KEY, clear).decode().lower() == E1
    assert (
        Sender(account="000", key=KEY)
        .body("NULL", 0, None, moment=datetime(2026, 9, 22, 3, 7, 43, tzinfo=UTC), pad=clear[:27])
        .decode()
        == f'"*NULL"0000L0#000[{E1.upper()}'
    )
    assert b"]_" not in (decrypt(bytes(16), E1.encode()) or b"")


def test_answers_are_read_as_printed() -> None:
    """ACK, DUH and NAK of the vectors are read, also joined, behind noise, and in pieces; wrong ones are none."""
    published = whole('F0550030"ACK"0000R1234L6789#000000[]_17:27:09,12-09-2015')
    ack, duh = whole('1BC10012"ACK"0001L0#1234[]'), whole('251F0012"DUH"0001L0#1234[]')
    nak = whole('A7830025"NAK"0000R0L0A0[]_00:00:00,09-01-2026')
    stream = bytearray(b"noise\r" + ack + duh + nak + published[:20])

    assert take_answers(stream, None) == [
        Answer("ACK", 1, "1234", encrypted=False, moment=None),
        Answer("DUH", 1, "1234", encrypted=False, moment=None),
        Answer("NAK", 0, None, encrypted=False, moment=MIDNIGHT),
    ]
    stream += published[20:]
    later = datetime(2015, 12, 9, 17, 27, 9, tzinfo=UTC)
    assert take_answers(stream, None) == [Answer("ACK", 0, "000000", encrypted=False, moment=later)]
    assert not stream
    for at in range(1, len(ack) - 1):
        assert read_answer(ack[:at] + bytes([ack[at] ^ 1]) + ack[at + 1 :], None) is None
    assert read_answer(whole('1EF20013"NULL"0000L0#1234[]'), None) is None


def test_a_stream_without_answers_is_not_kept() -> None:
    """Whatever a receiver sends, the panel keeps 1024 bytes of it at most."""
    stream = bytearray(b"\n" * 100_000)

    assert take_answers(stream, None) == []
    assert len(stream) <= 1024


@pytest.mark.parametrize("bits", [128, 192, 256])
@pytest.mark.parametrize("data", [None, "#1234|NPA1", "#1234|NFA129", "#1234|1120 00 001"])
def test_every_pad_fits(bits: int, data: str | None) -> None:
    """The pad has 16 to 31 bytes, none of them a bracket or bar, and fills whole blocks for each key length."""
    panel = Dc09PanelSimulator("127.0.0.1", 1, key=bytes(range(bits // 8)))
    sender, dice = panel._composer.own, panel._composer._dice
    pad = sender.pad_for(data, dice, xdata=["I火警"], moment=MIDNIGHT)
    body = sender.body("SIA-DCS", 1, data, xdata=["I火警"], moment=MIDNIGHT, pad=pad)

    assert 16 <= len(pad) <= 31
    assert not set(pad) & set(b"|[]")
    clear = decrypt(sender.key, body.rpartition(b"[")[2])
    assert clear == pad + ("|" * (data is not None) + f"{data or ''}][I火警]_00:00:00,09-01-2026").encode()
    assert crc16(b"") == 0


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Dc09PanelSimulator("h", 1, account="12"), "3 to 16 digits"),
        (lambda: Dc09PanelSimulator("h", 1, key="00" * 15), "16, 24 or 32"),
        (lambda: Dc09PanelSimulator("h", 1).press(1, "flood"), "there are: panic, duress, fire"),
        (lambda: Dc09PanelSimulator("h", 1).press(1000), "0 to 999"),
        (lambda: Dc09PanelSimulator("h", 1).send("1120", 1), "two letters"),
        (lambda: Dc09PanelSimulator("h", 1, form=Format.CID).send("2120", 1), "three digits"),
        (lambda: Dc09PanelSimulator("h", 1, form=Format.CID).send("1120", 1, 100), "0 to 99"),
    ],
)
def test_what_can_not_be_said_is_refused(make: Callable[[], object], why: str) -> None:
    """Accounts, keys, kinds, zones, codes and groups that the format can't carry are refused in words."""
    with pytest.raises(ValueError, match=why):
        make()


@pytest.mark.parametrize(
    "key", [None, KEY, bytes(range(24)), bytes(range(32))], ids=["clear", "128", "192", "256"]
)
@pytest.mark.parametrize("form", list(Format))
def test_an_independent_library_reads_every_kind(key: bytes | None, form: Format) -> None:
    """siadc09 takes the panel's frames of all kinds, their restores and NULL, and finds account, number and data in them."""
    panel = Dc09PanelSimulator("127.0.0.1", 1, account="1234AB", key=key, form=form)
    for number, kind in enumerate(KINDS, 1):
        panel.press(number, kind)
        panel.restore(number)

    for number, message in enumerate(panel.delivery.waiting, 1):
        read = parse_frame(panel._composer.frame(message), key)
        assert (read.account.acct, read.seq) == (0x1234AB, number)
        assert str(read)
    assert parse_frame(panel._composer.null(), key).idtoken == "NULL"


# Over real sockets


@asynccontextmanager
async def running(panel: Dc09PanelSimulator) -> AsyncIterator[Dc09PanelSimulator]:
    await panel.start()
    try:
        yield panel
    finally:
        await panel.stop()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def panel(receiver: Receiver) -> AsyncIterator[Dc09PanelSimulator]:
    """Healthy, at a healthy receiver."""
    async with running(Dc09PanelSimulator("127.0.0.1", receiver.port, habits=QUICK)) as panel:
        yield panel


def test_it_can_be_held_as_a_panel() -> None:
    """`campus-sim` steers it by the verbs of all panels."""
    panel: Panel = Dc09PanelSimulator("127.0.0.1", 1)
    assert panel.waiting == ()


@pytest.mark.parametrize("transport", list(Carrier))
@pytest.mark.parametrize("key", [None, KEY, bytes(24), bytes(32)], ids=["clear", "128", "192", "256"])
@pytest.mark.parametrize("form", list(Format))
async def test_events_are_told_and_acknowledged(transport: Carrier, key: bytes | None, form: Format) -> None:
    """In order, numbered from 0001, in clear and encrypted, over TCP and UDP; who waits is told when all is acknowledged."""
    async with receiving(key, transport) as receiver:
        panel = Dc09PanelSimulator(
            "127.0.0.1",
            receiver.port,
            key=key,
            form=form,
            carrier=transport,
            habits=Habits(receiver="AB", line="1"),
        )
        async with running(panel):
            panel.press(3)
            panel.restore(3)
            panel.send_data("NRP0", xdata=["I试验"])
            await panel.all_acknowledged(5)

    words = ["NPA3", "NPR3"] if form is Format.SIA else ["1120 00 003", "3120 00 003"]
    expected = [f"#1234|{word}]" for word in words] + ["#1234|NRP0][I试验]"]
    assert [text.partition("_")[0] for text in receiver.texts()] == expected
    assert [heard.sequence for heard in receiver.frames] == ["0001", "0002", "0003"]
    assert {heard.prefix for heard in receiver.frames} == {"RABL1#1234"}
    assert [done.data for done in panel.acknowledged] == [heard.raw for heard in receiver.frames]
    assert [done.attempts for done in panel.acknowledged] == [1, 1, 1]


async def test_it_repeats_the_same_bytes_and_dials_anew(
    receiver: Receiver, panel: Dc09PanelSimulator
) -> None:
    """Unanswered, a frame goes four times byte for byte, then over a new connection; what is behind it waits, and nothing is lost."""
    receiver.answer = receiver.silence
    panel.press(1)
    panel.press(2)
    await until(lambda: receiver.connections >= 2 and len(receiver.frames) >= 5)
    assert len({heard.raw for heard in receiver.frames}) == 1
    assert [str(event) for event in panel.waiting] == ["NPA1", "NPA2"]

    receiver.answer = receiver.ack
    await panel.all_acknowledged(5)

    assert [done.item.sequence for done in panel.acknowledged] == [1, 2]
    assert panel.acknowledged[0].attempts >= 5


async def test_it_finds_a_receiver_that_comes_later() -> None:
    """A panel that nobody answers keeps its events, and tells them once there is a receiver."""
    reserved = ReservedPort()
    async with running(Dc09PanelSimulator("127.0.0.1", reserved.number, habits=QUICK)) as panel:
        panel.press(1)
        with pytest.raises(TimeoutError, match="1 still to be acknowledged"):
            await panel.all_acknowledged(0.1)
        reserved.release()
        async with receiving(port=reserved.number) as receiver:
            await panel.all_acknowledged(5)
    assert len(receiver.frames) == 1


async def test_a_nak_sets_its_clock() -> None:
    """A panel whose clock is an hour ahead corrects it by the NAK, keeps its number, and is then believed."""
    async with receiving(KEY) as receiver:

        def nak_the_first(heard: Heard) -> bytes:
            return receiver.nak(heard) if len(receiver.frames) == 1 else receiver.ack(heard)

        receiver.answer = nak_the_first
        async with running(Dc09PanelSimulator("127.0.0.1", receiver.port, key=KEY, habits=QUICK)) as panel:
            panel.set_clock(3600)
            panel.press(1)
            await panel.all_acknowledged(5)
    told = [
        datetime.strptime(heard.text.rpartition("_")[2], "%H:%M:%S,%m-%d-%Y").replace(tzinfo=UTC)
        for heard in receiver.frames
    ]
    assert 3590 <= (told[0] - told[1]).total_seconds() <= 3601
    assert [heard.sequence for heard in receiver.frames] == ["0001", "0001"]
    assert abs(panel.clock_offset.total_seconds()) < 5


async def test_a_duh_lets_the_next_go(receiver: Receiver, panel: Dc09PanelSimulator) -> None:
    """What the receiver can't understand is not repeated for ever, and is not called acknowledged."""
    receiver.answer = lambda heard: (receiver.duh if "XX" in heard.text else receiver.ack)(heard)
    panel.send_data("XX")
    panel.press(1)
    await panel.all_acknowledged(5)

    assert [message.event.data for message in panel.refused] == ["XX"]
    assert [done.item.event.data for done in panel.acknowledged] == ["NPA1"]


async def test_an_answer_to_something_else_is_none(receiver: Receiver, panel: Dc09PanelSimulator) -> None:
    """An ACK with another number or account does not acknowledge; it is remembered as stray."""
    receiver.answer = lambda heard: (
        framed(f'"ACK"0009{heard.prefix}[]'.encode()) + framed(b'"ACK"0001L0#9999[]')
    )
    panel.press(1)
    await until(lambda: len(panel.strays) >= 2)
    assert not panel.acknowledged
    receiver.answer = receiver.ack
    await panel.all_acknowledged(5)


async def test_supervision(receiver: Receiver) -> None:
    """NULL goes at power-on and each interval, number 0000, and an event starts the interval anew."""
    habits = Habits(supervise_s=0.1, ack_timeout_s=1.0)
    async with running(Dc09PanelSimulator("127.0.0.1", receiver.port, habits=habits)) as panel:
        await until(lambda: panel.supervisions >= 3)
        panel.press(1)
        await panel.all_acknowledged(5)
    nulls = [heard for heard in receiver.frames if heard.token == "NULL"]
    assert {heard.sequence for heard in nulls} == {"0000"}
    assert {re.sub(r"_.*", "", heard.text) for heard in nulls} == {"]"}


async def test_a_power_cut_starts_the_numbers_again(receiver: Receiver, panel: Dc09PanelSimulator) -> None:
    """After a power cut the first message is 0001 again; what was not acknowledged before is told then."""
    panel.press(1)
    panel.press(2)
    await panel.all_acknowledged(5)
    await panel.power_off()
    panel.press(3)
    await panel.power_on()
    await panel.all_acknowledged(5)
    assert [heard.sequence for heard in receiver.frames] == ["0001", "0002", "0001"]


async def test_numbers_go_on_after_9999(receiver: Receiver, panel: Dc09PanelSimulator) -> None:
    """9999 is followed by 0001."""
    panel._composer._sequence = 9998
    panel.press(1)
    panel.press(2)
    await panel.all_acknowledged(5)
    assert [heard.sequence for heard in receiver.frames] == ["9999", "0001"]


# Faults


async def test_silent_and_half_open_tell_nothing(receiver: Receiver, panel: Dc09PanelSimulator) -> None:
    """The connection stands, not a byte passes; once healed everything is told."""
    for number, fault in enumerate([Fault.SILENT, Fault.HALF_OPEN], 1):
        await panel.connected(5)
        await panel.misbehave(fault)
        told = len(receiver.chunks)
        panel.press(number)
        with pytest.raises(TimeoutError):
            await panel.all_acknowledged(0.3)
        assert (len(receiver.chunks), receiver.connections, panel.connections) == (told, 1, 1)
        await panel.misbehave(Fault.NONE)
        await panel.all_acknowledged(5)
    assert len(receiver.frames) == 2


async def test_slow_comes_in_small_pieces(receiver: Receiver) -> None:
    """A frame of 60 bytes comes four at a time, and is acknowledged all the same."""
    async with running(Dc09PanelSimulator("127.0.0.1", receiver.port)) as panel:
        await panel.misbehave(Fault.SLOW)
        panel.press(1)
        await panel.all_acknowledged(10)
    assert len(receiver.chunks) > 5
    assert len(receiver.frames) == 1


@pytest.mark.parametrize("transport", list(Carrier))
async def test_garbage_around_good_frames(transport: Carrier) -> None:
    """Before and after each frame comes noise; the frames are good."""
    async with receiving(transport=transport) as receiver:
        panel = Dc09PanelSimulator("127.0.0.1", receiver.port, carrier=transport)
        async with running(panel):
            await panel.misbehave(Fault.GARBAGE)
            for zone in range(1, 6):
                panel.press(zone)
            await panel.all_acknowledged(10)
    assert len(receiver.frames) == 5
    assert sum(map(len, receiver.chunks)) > sum(len(heard.raw) for heard in receiver.frames) + 50


@pytest.mark.parametrize("key", [None, KEY], ids=["clear", "encrypted"])
async def test_refused_shows_false_credentials(key: bytes | None) -> None:
    """Without a key another account, with one a wrong key under the right account; healed, the event is told."""
    async with receiving(key) as receiver:
        receiver.answer = lambda heard: receiver.ack(heard) if heard.account == "1234" else None
        async with running(Dc09PanelSimulator("127.0.0.1", receiver.port, key=key, habits=QUICK)) as panel:
            await panel.misbehave(Fault.REFUSED)
            panel.press(1)
            await until(lambda: bool(receiver.wrong if key else receiver.frames))
            assert not panel.acknowledged
            assert not key or b"#1234[" in receiver.wrong[0]
            assert key or receiver.frames[0].account == "FFFF"
            await panel.misbehave(Fault.NONE)
            await panel.all_acknowledged(5)


async def test_split_joined_doubled_damaged_and_cut(receiver: Receiver) -> None:
    """Each fault of one frame is on the wire as named, and every event is acknowledged in the end."""
    habits = Habits(ack_timeout_s=1.0, redial_s=0.02)
    async with running(Dc09PanelSimulator("127.0.0.1", receiver.port, habits=habits)) as panel:
        panel.split_next(10, 0.2)
        panel.press(1)
        await panel.all_acknowledged(5)
        assert len(receiver.chunks[0]) == 10

        receiver.chunks.clear()
        panel.join_next()
        panel.press(2)
        panel.press(3)
        await panel.all_acknowledged(5)
        assert receiver.chunks == [receiver.frames[-2].raw + receiver.frames[-1].raw]

        panel.duplicate_next()
        panel.press(4)
        await panel.all_acknowledged(5)
        await until(lambda: len(receiver.frames) == 5)
        assert receiver.frames[-1] == receiver.frames[-2]

        panel.damage_next()
        panel.press(5)
        await panel.all_acknowledged(5)
        assert len(receiver.wrong) == 1
        assert panel.acknowledged[-1].attempts == 2

        panel.cut_next(20)
        panel.press(6)
        await panel.all_acknowledged(5)
        assert (receiver.connections, len(receiver.chunks[-2])) == (2, 20)

    assert [done.item.event.data for done in panel.acknowledged] == [f"NPA{zone}" for zone in range(1, 7)]


async def test_a_decimal_length_and_raw_bytes(receiver: Receiver, panel: Dc09PanelSimulator) -> None:
    """The vendors' bug and any bytes at all can be put on the wire."""
    await panel.send_raw(b"hello")
    panel.count_in_decimal()
    panel.press(1)
    await until(lambda: bool(receiver.wrong))
    assert receiver.chunks[0].startswith(b"hello")
    assert receiver.wrong[0][5:9] == b"0052"  # 0x34
    assert not panel.acknowledged


async def test_a_flood_keeps_its_order(receiver: Receiver, panel: Dc09PanelSimulator) -> None:
    """1,000 events at once are told one by one, in order, none lost; more than the memory holds are refused."""
    for zone in range(1000):
        panel.press(zone)
    done = await panel.acknowledgement(1000, 30)
    assert done.item.event.data == "NPA999"
    assert [re.sub(r"\D", "", text.split("|")[1].split("]")[0]) for text in receiver.texts()] == [
        str(zone) for zone in range(1000)
    ]
    await panel.stop()
    for _ in range(10_000):
        panel.press(1)
    with pytest.raises(ValueError, match="wait already"):
        panel.press(1)


async def test_it_lets_go(receiver: Receiver) -> None:
    """A stopped panel leaves no task, whatever it was doing, and can be started again."""
    tasks = asyncio.all_tasks()
    for fault in Fault:
        panel = Dc09PanelSimulator("127.0.0.1", receiver.port, habits=QUICK)
        await panel.misbehave(fault)
        async with running(panel):
            panel.press(1)
            await panel.connected(5)
        await until(lambda: len(asyncio.all_tasks()) <= len(tasks))
        await panel.misbehave(Fault.NONE)
        async with running(panel):
            await panel.all_acknowledged(5)
        await until(lambda: len(asyncio.all_tasks()) <= len(tasks))
