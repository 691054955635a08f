"""The driver against real sockets: what is recorded, what is answered and when."""

import asyncio
import socket
import time

import pytest

from drivers.gb26875 import SPEC
from gateway.driver import CANCEL_LIMIT_S
from gateway.errors import DeviceUnavailable, JournalUnwritable
from gateway.model import Kind, Level, Origin, Presence
from tests.drivers.contract import AnyConnection, ending, open_files, running
from tests.drivers.gb26875.panels import (
    ANSWER,
    CONFIRM,
    DENY,
    SEND,
    TIME,
    Panel,
    call,
    component,
    frame,
)
from tests.drivers.gb26875.vectors import B3, CENTRE, DEVICE, WIRE
from tests.drivers.recorder import Recorder
from tests.wait import until


async def test_golden_fire(panel: Panel, sink: Recorder) -> None:
    """A1 raises the fire of the point at 10.2, with what the panel said, and is answered like A2 but for the time."""
    await panel.send(WIRE["A1"])
    reply = await panel.hear_reply(1)

    fire = next(signal for signal in sink.signals if signal.level is Level.ACTIVE)
    assert (fire.point, fire.kind, fire.origin) == ("smoke-201", Kind.FIRE, Origin.EVENT)
    assert "感烟火灾探测器 10.2" in fire.detail
    assert fire.occurred_at is not None
    assert fire.occurred_at.timestamp() == 1348624682
    assert (reply.raw[:6], reply.raw[12:27]) == (WIRE["A2"][:6], WIRE["A2"][12:27])


async def test_golden_notices(panel: Panel, sink: Recorder) -> None:
    """A4 is a mains fault, A5 a guard-check answer, A6 a version; each is confirmed."""
    for name in ("A4", "A5", "A6"):
        await panel.send(WIRE[name])
        assert (await panel.hear_reply(1)).command == CONFIRM

    active = [(signal.point, signal.kind) for signal in sink.signals if signal.level is Level.ACTIVE]
    assert active == [("panel:transmitter.mains", Kind.FAULT)]
    assert [(notice.what, notice.operator) for notice in sink.notices] == [("guard-check-answer", "1")]


async def test_an_address_in_no_table(panel: Panel, sink: Recorder) -> None:
    """A fire where no point is still is one, with the component's type, its address and the panel's words."""
    await panel.confirmed(component("217.6", 2, kind=23, text="Ａ区１层呷哺走廊"))

    fire = next(signal for signal in sink.signals if signal.level is Level.ACTIVE)
    assert (fire.point, fire.kind) == ("panel:217.6", Kind.FIRE)
    assert fire.detail == "火警: 手动火灾报警按钮 217.6 Ａ区１层呷哺走廊"


async def test_confirmed_only_after_commit(panel: Panel, sink: Recorder) -> None:
    """No confirmation leaves before the message is committed."""
    sink.commits.clear()
    serial = await panel.tell(component("10.2", 2))
    await until(lambda: sink.waiting == 1)

    assert await panel.is_silent()
    sink.commits.set()
    assert (await panel.hear_reply(serial)).command == CONFIRM
    assert sink.signals


async def test_journal_that_takes_nothing(panel: Panel, sink: Recorder) -> None:
    """What is not kept is not answered; the same frame sent again is, once it is kept, and the driver served on."""
    sink.refusal = JournalUnwritable("disk full")
    serial = await panel.tell(component("10.2", 2))
    assert await panel.is_silent()
    sink.refusal = None
    await panel.send(frame(serial, SEND, component("10.2", 2)))

    assert (await panel.hear_reply(serial)).command == CONFIRM
    assert Level.ACTIVE in sink.levels_of("smoke-201")


async def test_heartbeat(panel: Panel, sink: Recorder) -> None:
    """A frame without data is confirmed and is no message; the panel is there."""
    await panel.confirmed(b"")

    assert sink.messages == []
    assert sink.presences_of("panel") == [Presence.UNKNOWN, Presence.ONLINE]


async def test_damaged_frame_is_denied(panel: Panel, sink: Recorder) -> None:
    """A known panel's damaged frame is counted and denied with its serial; sent again it is taken."""
    bad = bytearray(frame(7, SEND, component("10.2", 2)))
    bad[-3] ^= 1
    await panel.send(bytes(bad))

    denied = await panel.hear_reply(7)
    assert (denied.command, denied.source, denied.destination) == (DENY, CENTRE, DEVICE)
    assert [(device, "checksum" in why) for device, _, why in sink.garbage] == [("panel", True)]
    assert sink.signals == []
    await panel.send(frame(7, SEND, component("10.2", 2)))
    assert (await panel.hear_reply(7)).command == CONFIRM


@pytest.mark.parametrize("command", [CONFIRM, ANSWER, DENY])
async def test_damaged_reply_is_not_denied(panel: Panel, sink: Recorder, command: int) -> None:
    """A damaged reply to us is counted; we send again by ourselves, and the panel must not."""
    bad = bytearray(frame(7, command))
    bad[-3] ^= 1
    await panel.send(bytes(bad))
    await until(lambda: bool(sink.garbage))

    assert await panel.is_silent()


async def test_unknown_command_is_denied(panel: Panel, sink: Recorder) -> None:
    """A command that is none of the centre's is counted and denied."""
    await panel.send(frame(9, 77, b"\x01\x02"))

    assert (await panel.hear_reply(9)).command == DENY
    assert sink.garbage[0][0] == "panel"


@pytest.mark.parametrize("raw", [frame(1, SEND, component("1.1", 2), source=4711), B3, WIRE["B1"]])
async def test_strangers_get_no_answer(panel: Panel, sink: Recorder, raw: bytes) -> None:
    """Whoever the site file does not know is never answered, and no signal is made of what it says."""
    await panel.send(raw)
    await until(lambda: bool(sink.strangers or sink.garbage))

    assert await panel.is_silent()
    assert sink.signals == []
    assert sink.strangers == [] or "which is not in the site file" in sink.strangers[0][1]


@pytest.mark.parametrize("data", [b"\x63\x01\x00", component("1.1", 2)[:-1]])
async def test_unreadable_data(panel: Panel, sink: Recorder, data: bytes) -> None:
    """What nobody understands is an alarm of its own that keeps the bytes; it is confirmed, for it came undamaged."""
    await panel.confirmed(data)

    (signal,) = sink.signals
    assert (signal.point, signal.kind) == ("panel:unparsed", Kind.UNPARSED)
    assert frame(1, SEND, data).hex(" ") in signal.detail


async def test_fire_in_front_of_damage(panel: Panel, sink: Recorder) -> None:
    """A fire is told even if the objects behind it are damaged."""
    data = component("10.2", 2)
    await panel.confirmed(data[:1] + b"\x02" + data[2:] + b"\x01")

    assert Level.ACTIVE in sink.levels_of("smoke-201")
    assert Level.ACTIVE in sink.levels_of("panel:unparsed")


async def test_repetition(panel: Panel, sink: Recorder) -> None:
    """The same frame again is the same message, and is confirmed again; a new serial is a new press."""
    data = component("3.1", 2)
    for serial in (5, 5, 6):
        await panel.send(frame(serial, SEND, data))
        assert (await panel.hear_reply(serial)).command == CONFIRM

    assert [message.data for message in sink.messages[:2]] == [frame(5, SEND, data)] * 2
    assert sink.levels_of("button").count(Level.ACTIVE) == 2


async def test_late_repetition(panel: Panel, sink: Recorder) -> None:
    """A repetition that comes after others is the message that it was; the point's true rest is told all the same."""
    await panel.confirmed(component("10.2", 0))
    await panel.confirmed(component("10.2", 2))
    await panel.send(frame(1, SEND, component("10.2", 0)))
    await panel.hear_reply(1)
    await panel.confirmed(component("10.2", 0))

    assert sink.messages[2] == sink.messages[0]
    fires = [
        signal.level for signal in sink.signals if (signal.point, signal.kind) == ("smoke-201", Kind.FIRE)
    ]
    assert fires == [Level.NORMAL, Level.ACTIVE, Level.NORMAL]


async def test_fire_then_reset(panel: Panel, sink: Recorder) -> None:
    """A reset at the panel is told with its operator, and what the panel had reported returns."""
    await panel.confirmed(component("10.2", 2))
    await panel.confirmed(bytes((4, 1, 1, 1, 0x01, 7)) + TIME)

    assert [message.reset for message in sink.messages] == [False, True]
    assert [(notice.what, notice.operator) for notice in sink.notices] == [("reset", "7")]


async def test_half_a_frame_then_silence(
    panel: Panel, sink: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame that breaks off is given up after a while, and what came behind its beginning is read."""
    monkeypatch.setattr("drivers.gb26875.links.STALL_S", 0.2)
    await panel.send(WIRE["A1"][:30] + frame(3, SEND, component("10.2", 2))[:60])
    await panel.hear_reply(1)
    await panel.send(frame(3, SEND, component("10.2", 2)))

    assert (await panel.hear_reply(3)).command == CONFIRM


async def test_flood_in_order(panel: Panel, sink: Recorder) -> None:
    """A thousand frames at once: none is lost, their order is kept, each is confirmed."""

    async def confirmations() -> list[int]:
        serials: list[int] = []
        while len(serials) < 1000:
            heard = await panel.hear()
            if heard.command == CONFIRM:
                serials.append(heard.serial)
        return serials

    hearing = asyncio.create_task(confirmations())
    await panel.send(
        b"".join(frame(n, SEND, component("10.2", 2 * (n % 2), text=str(n))) for n in range(1000))
    )

    assert await hearing == list(range(1000))
    assert [message.data[2:4] for message in sink.messages] == [n.to_bytes(2, "little") for n in range(1000)]
    assert sink.levels_of("smoke-201")[-1000:] == [Level.NORMAL, Level.ACTIVE] * 500


async def test_cancelled_within_the_limit(connection: AnyConnection, sink: Recorder, port: int) -> None:
    """With a panel connected, a commit hanging and a question open, the driver lets go in time; nothing is left."""
    files, tasks = open_files(), asyncio.all_tasks()
    sink.commits.clear()
    async with running(SPEC, connection, sink) as run:
        panel = await call(port)
        await panel.tell(component("10.2", 2))
        await until(lambda: sink.waiting == 1)
        begun = time.monotonic()
        run.cancel()
        await asyncio.wait({run}, timeout=CANCEL_LIMIT_S)

        assert run.cancelled()
        assert time.monotonic() - begun < CANCEL_LIMIT_S
        await panel.close()
    await until(lambda: len(open_files()) <= len(files), 3)
    await until(lambda: len(asyncio.all_tasks()) <= len(tasks), 3)


async def test_error_of_the_sink_ends_the_run(connection: AnyConnection, sink: Recorder, port: int) -> None:
    """A sink that breaks is not talked over."""
    sink.refusal = ArithmeticError("not kept")
    async with running(SPEC, connection, sink) as run:
        panel = await call(port)
        await panel.tell(component("10.2", 2))
        await asyncio.wait({run}, timeout=5)

        assert "not kept" in repr(run.exception())
        await panel.close()


async def test_port_in_use(connection: AnyConnection, sink: Recorder, port: int) -> None:
    """A port that another program has ends the run with words, before anything is told of a panel."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        async with running(SPEC, connection, sink) as run:
            words = await ending(run, DeviceUnavailable, 5)

    assert str(port) in words
    assert sink.presences == []
