"""The receiver over real sockets: what it journals, what it answers and when, and what it never does."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel
from siadc09.message import parse_frame

from drivers.dc09 import SPEC
from drivers.dc09.codec import pad_length, seal
from drivers.dc09.framing import wrap
from gateway.clock import SystemClock
from gateway.driver import CANCEL_LIMIT_S, Connection
from gateway.errors import DeviceUnavailable, JournalUnwritable
from gateway.model import Kind, Level, Origin, Presence
from tests.clocks import ManualClock
from tests.drivers.contract import ending, left_open, open_files, running
from tests.drivers.dc09.site import calling, datagrams, port_of, site
from tests.drivers.dc09.vectors import (
    ACK,
    CID_FIRE,
    CID_MAINS,
    CID_PANIC,
    CID_PANIC_RESTORE,
    CID_SMOKE,
    CID_TEST,
    DUH,
    KEY,
    NAK,
    NULL,
    SIA_ENCRYPTED,
    SIA_FIRE,
    SIA_HOLD_UP,
    SIA_PANIC,
    SIA_PANIC_RESTORE,
    SIA_TAMPER,
    SIA_TEST,
    framed,
)
from tests.drivers.recorder import Recorder
from tests.wait import until

AnyConnection = Connection[BaseModel, BaseModel, BaseModel]
MIDNIGHT = datetime(2026, 9, 1, tzinfo=UTC)
NULL_ACK = b'"ACK"0000L0#1234[]\r'
WITH_KEY = 'key_file = "panel.key"'


@pytest.fixture
def clear(tmp_path: Path) -> AnyConnection:
    return site(tmp_path)


@pytest.fixture
def sealed(tmp_path: Path) -> AnyConnection:
    return site(tmp_path, keys=WITH_KEY)


def clock() -> ManualClock:
    return ManualClock(MIDNIGHT + timedelta(seconds=10))


def message(
    sequence: int, content: str = "#1234|NPA1]", token: str = "SIA-DCS", account: str = "1234"
) -> bytes:
    return wrap(f'"{token}"{sequence:04d}L0#{account}[{content}'.encode())


def encrypted(content: bytes, key: bytes = KEY, sequence: int = 3) -> bytes:
    pad = b"p" * pad_length(content)
    return wrap(b'"*SIA-DCS"%04dL0#1234[%b' % (sequence, seal(key, content, pad)))


@pytest.mark.parametrize(
    ("vector", "point", "kind", "level"),
    [
        (CID_PANIC, "button", Kind.PANIC, Level.ACTIVE),
        (CID_PANIC_RESTORE, "button", Kind.PANIC, Level.NORMAL),
        (CID_FIRE, "smoke-lab", Kind.FIRE, Level.ACTIVE),
        (CID_SMOKE, "smoke-lab", Kind.SMOKE, Level.ACTIVE),
        (CID_MAINS, "panel:301.000", Kind.FAULT, Level.ACTIVE),
        (SIA_PANIC, "button", Kind.PANIC, Level.ACTIVE),
        (SIA_PANIC_RESTORE, "button", Kind.PANIC, Level.NORMAL),
        (SIA_FIRE, "smoke-lab", Kind.FIRE, Level.ACTIVE),
        (SIA_HOLD_UP, "button", Kind.PANIC, Level.ACTIVE),
        (SIA_TAMPER, "panel:TA.3", Kind.TAMPER, Level.ACTIVE),
    ],
)
async def test_golden_messages(
    clear: AnyConnection, vector: str, point: str, kind: Kind, level: Level
) -> None:
    """Each documented message is a signal of the right point and kind, with the panel's time, and gets its ACK."""
    sink = Recorder()

    async with running(SPEC, clear, sink, clock()), calling(clear) as panel:
        assert await panel.ask(framed(vector)) == framed(ACK)

    signal = sink.signals[0]
    assert (signal.point, signal.kind, signal.level, signal.origin) == (point, kind, level, Origin.EVENT)
    assert signal.occurred_at == MIDNIGHT
    assert sink.messages[0].data == framed(vector)[9:-1]
    assert sink.messages[0].account == "panel"


@pytest.mark.parametrize("vector", [CID_TEST, SIA_TEST])
async def test_golden_notices(clear: AnyConnection, vector: str) -> None:
    """A periodic test is a notice and no alarm."""
    sink = Recorder()

    async with running(SPEC, clear, sink, clock()), calling(clear) as panel:
        assert await panel.ask(framed(vector)) == framed(ACK)

    assert not sink.signals
    assert [notice.what for notice in sink.notices] == ["periodic-test"]


async def test_acknowledged_only_after_the_commit(clear: AnyConnection) -> None:
    """While the commit waits nothing is sent; after it the ACK is (I1)."""
    sink = Recorder()
    sink.commits.clear()

    async with running(SPEC, clear, sink), calling(clear) as panel:
        panel.send(framed(SIA_PANIC))
        await until(lambda: sink.waiting == 1)
        assert await panel.silent()
        sink.commits.set()
        assert await panel.answer() == framed(ACK)


async def test_slow_commit_holds_up_nobody_else(clear: AnyConnection) -> None:
    """While one connection waits for its commit, another is served."""
    sink = Recorder()
    sink.commits.clear()

    async with running(SPEC, clear, sink), calling(clear) as slow, calling(clear) as quick:
        slow.send(framed(SIA_PANIC))
        await until(lambda: sink.waiting == 1)
        assert (await quick.ask(framed(NULL))).endswith(NULL_ACK)


async def test_repetition_is_heard_while_the_first_waits(clear: AnyConnection) -> None:
    """A repetition on the same connection reaches the journal while the first message waits: memory mode counts on it (I1)."""
    sink = Recorder()
    sink.commits.clear()
    loop = asyncio.get_running_loop()

    async with running(SPEC, clear, sink), calling(clear) as panel, datagrams(clear) as sock:
        panel.send(framed(SIA_PANIC))
        await until(lambda: sink.waiting == 1)
        panel.send(framed(SIA_PANIC) + framed(SIA_FIRE))
        await until(lambda: sink.waiting == 3)
        for _ in range(2):
            await loop.sock_sendall(sock, framed(SIA_PANIC))
        await until(lambda: sink.waiting == 5)
        sink.commits.set()
        assert [await panel.answer() for _ in range(3)] == [framed(ACK)] * 3


async def test_no_acknowledgement_of_what_is_not_kept(clear: AnyConnection) -> None:
    """Where the journal does not take a message there is no answer, and the receiver goes on."""
    sink = Recorder()
    sink.refusal = JournalUnwritable("disk is gone")

    async with running(SPEC, clear, sink) as run, calling(clear) as panel:
        panel.send(framed(SIA_PANIC))
        assert await panel.silent()
        sink.refusal = None
        assert await panel.ask(framed(SIA_PANIC)) == framed(ACK)
        assert not run.done()


async def test_repetition_is_acknowledged_again(clear: AnyConnection) -> None:
    """The same bytes are given to the journal again, which knows them, and are acknowledged again (I3)."""
    sink = Recorder()

    async with running(SPEC, clear, sink), calling(clear) as panel:
        assert await panel.ask(framed(SIA_PANIC)) == framed(ACK)
        assert await panel.ask(framed(SIA_PANIC)) == framed(ACK)

    assert len(sink.messages) == 2
    assert sink.messages[0].data == sink.messages[1].data
    assert len(sink.signals) == 1


async def test_sequence_begins_again(clear: AnyConnection) -> None:
    """A panel that restarts at 0001 is not mistaken for a repetition: the receiver drops nothing by its number."""
    sink = Recorder()

    async with running(SPEC, clear, sink), calling(clear) as panel:
        for content in ("#1234|NPA1]", "#1234|NFA2]"):
            assert await panel.ask(message(1, content)) == framed(ACK)

    assert [signal.point for signal in sink.signals] == ["button", "smoke-lab"]


async def test_encrypted_repetition_is_known(sealed: AnyConnection) -> None:
    """A repetition that is encrypted anew, with another pad, is the same message; its ACK is encrypted, with our time."""
    sink = Recorder()
    content = b"#1234|NPA1]_00:00:00,09-01-2026"
    again = wrap(b'"*SIA-DCS"0002L0#1234[' + seal(KEY, content, b"another pad, 16."))

    async with running(SPEC, sealed, sink, clock()), calling(sealed) as panel:
        answers = [await panel.ask(data) for data in (framed(SIA_ENCRYPTED), again)]

    assert [parse_frame(answer, KEY).idtoken for answer in answers] == ["ACK", "ACK"]
    assert parse_frame(answers[0], KEY).timestamp == MIDNIGHT + timedelta(seconds=10)
    assert answers[0] != answers[1]  # the pad is random
    assert sink.messages[0].data == sink.messages[1].data
    assert len(sink.signals) == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (message(1, account="9999"), "account 9999"),
        (framed(SIA_PANIC), "in clear, but must encrypt"),
        (framed(NULL), "in clear, but must encrypt"),
        (encrypted(b"#1234|NPA1]_00:00:10,09-01-2026", key=bytes(16)), "compare the keys"),
        (wrap(b'"*SIA-DCS"0001L0#1234[no hex'), "compare the keys"),
    ],
)
async def test_strangers_are_never_answered(sealed: AnyConnection, data: bytes, words: str) -> None:
    """An unknown account, a wrong key, or clear text where encryption is due: told as a stranger, not answered."""
    sink = Recorder()

    async with running(SPEC, sealed, sink, clock()), calling(sealed) as panel:
        panel.send(data)
        await until(lambda: bool(sink.strangers))
        assert await panel.silent()

    assert words in sink.strangers[0][1]
    assert sink.pretended == ["panel" if "9999" not in words else None]
    assert "127.0.0.1" in sink.strangers[0][1]
    assert not sink.messages
    assert sink.presences_of("panel") == [Presence.UNKNOWN]


async def test_no_key_ever_leaves(sealed: AnyConnection, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is sent, also the key itself, no answer, word or log has it."""
    key = KEY.hex().upper()
    sink = Recorder()
    answers = b""
    sent = [
        framed(SIA_ENCRYPTED),
        encrypted(b"#1234|NXX1][K%b]_00:00:10,09-01-2026" % key.encode()),
        message(2, f"#1234|NPA1][K{key}]"),
        message(3, f"#1234|NPA1][K{key}"),
        message(4, f"nonsense][K{key}]", account="777"),
        f"\n0000[K{key}]\r".encode(),
        encrypted(b"]_00:00:00,01-01-2020"),
        framed(SIA_ENCRYPTED),
    ]

    async with running(SPEC, sealed, sink, clock()), calling(sealed) as panel:
        for data in sent:
            panel.send(data)
        for _ in range(4):  # ACK, ACK, NAK, ACK
            answers += await panel.answer()

    assert [answers.count(token) for token in (b'"*ACK"', b'"NAK"', b'"')] == [3, 1, 8]
    kept = repr((sink.strangers, sink.garbage, sink.messages, sink.presences))
    hexed = key.encode().hex()
    for text in (answers.decode("latin-1"), kept, caplog.text, repr(SPEC.build(sealed, SystemClock()))):
        assert key.lower() not in text.lower()
        assert hexed not in text.lower()


@pytest.mark.parametrize("seconds", [-41, 21, 3600])
async def test_time_window(sealed: AnyConnection, seconds: int) -> None:
    """An encrypted message from outside the window gets a NAK with our time, in clear, and is not journalled."""
    sink = Recorder()
    time_ = ManualClock(MIDNIGHT - timedelta(seconds=seconds))

    async with running(SPEC, sealed, sink, time_), calling(sealed) as panel:
        answer = await panel.ask(framed(SIA_ENCRYPTED))

    assert answer.startswith(framed(NAK)[:1])
    stamp = time_.now().strftime("%H:%M:%S,%m-%d-%Y").encode()
    assert answer == wrap(b'"NAK"0000R0L0A0[]_' + stamp)
    assert not sink.messages


@pytest.mark.parametrize("seconds", [-40, 20])
async def test_edges_of_the_time_window(sealed: AnyConnection, seconds: int) -> None:
    """40 s back and 20 s ahead are within it."""
    async with (
        running(SPEC, sealed, Recorder(), ManualClock(MIDNIGHT - timedelta(seconds=seconds))),
        calling(sealed) as panel,
    ):
        assert b'"*ACK"' in await panel.ask(framed(SIA_ENCRYPTED))


async def test_no_time_window_while_our_clock_is_not_trusted(tmp_path: Path) -> None:
    """While nobody knows what time it is, no message is refused for it, nor its time believed."""
    known = site(tmp_path, keys=WITH_KEY)
    connection = Connection(
        id=known.id,
        driver=known.driver,
        shared=True,
        settings=known.settings,
        devices=known.devices,
        secret=known.secret,
        clock_trusted=lambda: False,
    )
    sink = Recorder()

    async with (
        running(SPEC, connection, sink, ManualClock(datetime(1970, 1, 1, tzinfo=UTC))),
        calling(connection) as panel,
    ):
        assert b'"*ACK"' in await panel.ask(framed(SIA_ENCRYPTED))

    assert sink.signals[0].occurred_at is None


async def test_time_window_switched_off(tmp_path: Path) -> None:
    """The site file can do without it."""
    connection = site(tmp_path, keys=WITH_KEY, bus="time_window = false")

    async with running(SPEC, connection, Recorder(), ManualClock()), calling(connection) as panel:
        assert b'"*ACK"' in await panel.ask(framed(SIA_ENCRYPTED))


async def test_old_messages_in_clear(clear: AnyConnection) -> None:
    """A message in clear may be of any age; a time that can't be is not used."""
    sink = Recorder()

    async with running(SPEC, clear, sink, clock()), calling(clear) as panel:
        for stamp in ("00:00:00,08-30-2026", "00:00:00,01-01-2020", "00:00:00,01-01-2027", "nonsense"):
            assert b"ACK" in await panel.ask(message(1, f"#1234|NPA1]_{stamp}"))
        assert b"ACK" in await panel.ask(message(1, "#1234|NPA1][H23:59:00,08-31-2026]_00:00:00,09-01-2026"))

    assert [signal.occurred_at for signal in sink.signals] == [
        datetime(2026, 8, 30, tzinfo=UTC),
        None,
        None,
        None,
        datetime(2026, 8, 31, 23, 59, tzinfo=UTC),
    ]


async def test_panel_that_does_not_take_our_time(sealed: AnyConnection) -> None:
    """A new panel whose messages are refused again and again is told as lost, with the reason; when they fit, it is back."""
    sink = Recorder()
    late = ManualClock(MIDNIGHT + timedelta(minutes=5))

    async with running(SPEC, sealed, sink, late), calling(sealed) as panel:
        for _ in range(3):
            assert b"NAK" in await panel.ask(framed(SIA_ENCRYPTED))
        late.step(-300)
        assert b"ACK" in await panel.ask(framed(SIA_ENCRYPTED))

    assert sink.presences_of("panel") == [Presence.UNKNOWN, Presence.OFFLINE, Presence.ONLINE]
    assert "300 s behind" in sink.presences[1][2]


@pytest.mark.parametrize(
    "data",
    [
        message(1, "#1234|NPA1]", token="XYZ"),
        message(1, "#1234|nonsense]"),
        message(1, "1120 00 001]", token="ADM-CID"),
        message(1, "#1234|NPA1"),
        message(1, "]"),
    ],
)
async def test_what_can_not_be_processed(clear: AnyConnection, data: bytes) -> None:
    """A good frame of a known account that makes no sense is kept as an unparsed alarm with its bytes, then gets a DUH."""
    sink = Recorder()

    async with running(SPEC, clear, sink), calling(clear) as panel:
        sink.commits.clear()
        panel.send(data)
        await until(lambda: sink.waiting == 1)
        assert await panel.silent()
        sink.commits.set()
        assert await panel.answer() == framed(DUH)

    (signal,) = sink.signals
    assert (signal.point, signal.kind, signal.level) == ("panel:unparsed", Kind.UNPARSED, Level.ACTIVE)
    assert data[9:-1].hex() in signal.detail


@pytest.mark.parametrize(
    ("content", "token"),
    [("#1234|NZ91]", "SIA-DCS"), ("#1234|NQZ1]", "SIA-DCS"), ("#1234|1999 00 001]", "ADM-CID")],
)
async def test_code_that_nobody_knows(clear: AnyConnection, content: str, token: str) -> None:
    """A block that can be read and has an unknown code is an unparsed alarm with its bytes, and acknowledged."""
    sink = Recorder()
    data = message(1, content, token)

    async with running(SPEC, clear, sink), calling(clear) as panel:
        answer = await panel.ask(data)

    (signal,) = sink.signals
    assert signal.point == "panel:unparsed"
    assert data[9:-1].hex() in signal.detail
    assert answer == framed(DUH if content == "#1234|NZ91]" else ACK)  # Z9 is no code at all


async def test_lost_and_back(clear: AnyConnection) -> None:
    """A panel is unknown, online at its first call, lost after its silence and back with the next call."""
    sink = Recorder()
    time_ = clock()

    async with running(SPEC, clear, sink, time_), calling(clear) as panel:
        await until(lambda: sink.presences_of("panel") == [Presence.UNKNOWN])
        assert (await panel.ask(framed(NULL))).endswith(NULL_ACK)
        assert sink.presence_of("panel") is Presence.ONLINE
        time_.advance(59)
        assert (await panel.ask(framed(NULL))).endswith(NULL_ACK)
        time_.advance(59)
        assert (await panel.ask(framed(NULL))).endswith(NULL_ACK)
        time_.advance(61)
        await until(lambda: sink.presence_of("panel") is Presence.OFFLINE)
        assert (await panel.ask(framed(NULL))).endswith(NULL_ACK)

    online, offline = Presence.ONLINE, Presence.OFFLINE
    assert sink.presences_of("panel") == [Presence.UNKNOWN, online, offline, online]
    assert not sink.messages


async def test_panel_that_never_calls(clear: AnyConnection) -> None:
    """A panel that has not called within its time is lost, too."""
    sink = Recorder()
    time_ = clock()

    async with running(SPEC, clear, sink, time_):
        await until(lambda: bool(sink.presences))
        time_.advance(61)
        await until(lambda: sink.presence_of("panel") is Presence.OFFLINE)

    assert "60 s" in sink.presences[-1][2]


async def test_half_a_frame_and_noise(clear: AnyConnection) -> None:
    """Noise and halves are counted and answered by nothing; the good frames between them are taken."""
    sink = Recorder()

    async with running(SPEC, clear, sink):
        async with calling(clear) as panel:
            panel.send(b"noise" + framed(SIA_PANIC).replace(b"NPA1", b"NPA2"))
            assert await panel.silent()
            assert await panel.ask(framed(SIA_PANIC)) == framed(ACK)
            panel.send(framed(SIA_FIRE)[:20])
        async with calling(clear) as panel:
            panel.send(framed(SIA_FIRE)[20:])
            assert await panel.silent()
            panel.send(wrap(b'"SIA-DCS" is no head['))
            assert await panel.silent()
        await until(lambda: len(sink.garbage) >= 4)

    assert [signal.point for signal in sink.signals] == ["button"]


async def test_answers_are_not_answered(clear: AnyConnection) -> None:
    """An ACK that is sent to us is no message: two receivers do not talk to each other for ever."""
    sink = Recorder()

    async with running(SPEC, clear, sink), calling(clear) as panel:
        panel.send(framed(ACK) + framed(DUH))
        await until(lambda: len(sink.garbage) == 2)
        assert await panel.silent()


async def test_datagrams(clear: AnyConnection) -> None:
    """Over UDP the same: answered after the commit, garbage and strangers not at all."""
    sink = Recorder()
    loop = asyncio.get_running_loop()

    async with running(SPEC, clear, sink), datagrams(clear) as sock:
        await until(lambda: bool(sink.presences))
        for data in (b"noise", message(1, account="9999"), framed(SIA_PANIC)):
            await loop.sock_sendall(sock, data)
        async with asyncio.timeout(5):
            assert await loop.sock_recv(sock, 4096) == framed(ACK)

    assert len(sink.garbage) == 1
    assert len(sink.strangers) == 1
    assert sink.levels_of("button") == [Level.ACTIVE]


async def test_flood(clear: AnyConnection) -> None:
    """A thousand messages at once are all journalled, in order, and each is acknowledged."""
    sink = Recorder()
    contents = ["#1234|NPA1]", "#1234|NPR1]"]
    data = b"".join(message(number % 9999 + 1, contents[number % 2]) for number in range(1000))

    async with running(SPEC, clear, sink), calling(clear) as panel:
        panel.send(data)
        answers = [await panel.answer() for _ in range(1000)]

    assert [int(answer[14:18]) for answer in answers] == list(range(1, 1001))
    assert [signal.level for signal in sink.signals if signal.kind is Kind.PANIC] == [
        Level.ACTIVE,
        Level.NORMAL,
    ] * 500


async def test_lets_go_when_cancelled(clear: AnyConnection) -> None:
    """With callers on the line, one in mid-frame and one in mid-commit, all is closed within the limit."""
    files = open_files()
    sink = Recorder()
    async with (
        running(SPEC, clear, sink) as run,
        calling(clear) as one,
        calling(clear) as two,
        calling(clear) as three,
    ):
        assert (await one.ask(framed(NULL))).endswith(NULL_ACK)
        two.send(framed(SIA_PANIC)[:9])
        sink.commits.clear()
        three.send(framed(SIA_PANIC))
        await until(lambda: sink.waiting == 1)
        begun = time.monotonic()
        run.cancel()
        await asyncio.wait({run}, timeout=CANCEL_LIMIT_S)
        assert run.cancelled()
        assert time.monotonic() - begun < CANCEL_LIMIT_S
        assert await one.answer() == b""
    await until(lambda: not left_open(files), 3)


async def test_error_of_the_sink_ends_the_run(clear: AnyConnection) -> None:
    """What the sink raises, but for the journal's refusal, is not swallowed."""
    sink = Recorder()
    sink.refusal = ArithmeticError("not kept")

    async with running(SPEC, clear, sink) as run, calling(clear) as panel:
        panel.send(framed(SIA_PANIC))
        assert await ending(run, ArithmeticError, 5) == "not kept"


async def test_port_in_use(clear: AnyConnection) -> None:
    """A port that somebody has is unavailable, in words, and no panel is told of."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", port_of(clear))
    sink = Recorder()

    async with server, running(SPEC, clear, sink) as run:
        assert "in use" in await ending(run, DeviceUnavailable, 5)

    assert not sink.presences


async def test_key_that_is_none(tmp_path: Path) -> None:
    """A malformed key takes its own device off, without being shown."""
    connection = site(tmp_path, keys=WITH_KEY, key="c0ffee")
    sink = Recorder()

    async with running(SPEC, connection, sink, clock()), calling(connection) as panel:
        panel.send(framed(SIA_ENCRYPTED))
        await until(lambda: bool(sink.strangers))
        assert await panel.silent()

    assert sink.presences_of("panel") == [Presence.OFFLINE]
    for words in (sink.presences[0][2], sink.strangers[0][1]):
        assert "32, 48 or 64" in words
    assert "c0ffee" not in repr((sink.presences, sink.strangers))


async def test_key_that_is_missing(tmp_path: Path) -> None:
    """A key file that is not there takes its own device off, with the places where it was looked for."""
    connection = site(tmp_path, keys=WITH_KEY)
    (tmp_path / "panel.key").unlink()
    sink = Recorder()

    async with running(SPEC, connection, sink, clock()):
        await until(lambda: bool(sink.presences))

    assert "panel.key is missing" in sink.presences[0][2]
    assert str(tmp_path) in sink.presences[0][2]


async def test_key_that_is_mended(tmp_path: Path) -> None:
    """Within a minute a key file is read again: a wrong key as well as none; one that vanishes keeps the old key."""
    connection = site(tmp_path, keys=WITH_KEY, key="ab" * 16)
    sink, time_ = Recorder(), clock()

    async with running(SPEC, connection, sink, time_):
        async with calling(connection) as panel:
            panel.send(framed(SIA_ENCRYPTED))
            await until(lambda: bool(sink.strangers))
        for text in (KEY.hex(), ""):
            (tmp_path / "panel.key").write_text(text)
            await asyncio.to_thread(sum, ())  # so that those who sleep are counted when all do
            sleepers = len(time_._sleepers)
            time_.advance(61)
            time_.step(-61)
            await until(lambda: len(time_._sleepers) >= sleepers)  # noqa: B023 - waited for in the loop
            async with calling(connection) as panel:
                assert b'"*ACK"' in await panel.ask(framed(SIA_ENCRYPTED))

    assert sink.presences_of("panel")[-1] is Presence.ONLINE


async def test_silence_says_what_was_wrong(tmp_path: Path) -> None:
    """A panel that calls with a wrong key is lost with that reason, not with "check the network"."""
    connection = site(tmp_path, keys=WITH_KEY, key="ab" * 16)
    sink, time_ = Recorder(), clock()

    async with running(SPEC, connection, sink, time_), calling(connection) as panel:
        panel.send(framed(SIA_ENCRYPTED))
        await until(lambda: bool(sink.strangers))
        time_.advance(61)
        await until(lambda: sink.presence_of("panel") is Presence.OFFLINE)

    assert "compare the keys" in sink.presences[-1][2]


async def test_half_a_key_in_garbage(clear: AnyConnection) -> None:
    """The rest of a message whose beginning was on another connection is kept without digits that may be of its key."""
    sink = Recorder()
    key = KEY.hex().upper()

    async with running(SPEC, clear, sink), calling(clear) as panel:
        panel.send(f"{key[7:]}]_00:00:00,09-01-2026\r\n".encode() + framed(NULL))
        assert (await panel.answer()).endswith(NULL_ACK)

    assert key[7:15].encode() not in sink.garbage[0][1]
