"""Which panels are there, and what they are asked when they call."""

import asyncio
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.model import Level, Origin, Presence
from tests.clocks import ManualClock
from tests.drivers.contract import AnyConnection
from tests.drivers.gb26875.panels import (
    ANSWER,
    REQUEST,
    TIME,
    Panel,
    call,
    component,
    connection_of,
    frame,
    serving,
    system,
)
from tests.drivers.gb26875.vectors import CENTRE, DEVICE, WIRE
from tests.drivers.recorder import Recorder
from tests.wait import until


async def test_present_state_is_asked(panel: Panel, sink: Recorder) -> None:
    """A panel that calls is asked for itself (A8), its systems and its points; its answers are states."""
    await panel.confirmed(b"")
    question = await panel.hear_command(81)
    assert (question.command, question.source, question.destination) == (REQUEST, CENTRE, DEVICE)
    assert question.raw[24:] == WIRE["A8"][24:-3] + question.raw[-3:]
    await panel.send(frame(question.serial, ANSWER, b"\x15\x01\x08" + TIME))
    question = await panel.hear_command(61)
    assert question.data == bytes.fromhex("3D 01 0101")
    await panel.send(frame(question.serial, ANSWER, system(0x0001)))
    question = await panel.hear_command(62)
    assert question.data == bytes.fromhex("3E 03 0101 0A000200 0101 03000100 0101 14000700")
    await panel.send(frame(question.serial, ANSWER, component("3.1", 2)))
    await until(lambda: bool(sink.told_of("button")))

    assert sink.told_of("panel:transmitter.mains") == [(Level.ACTIVE, Origin.STATE)]
    assert (Level.ACTIVE, Origin.STATE) in sink.told_of("button")
    assert await panel.is_silent()


async def test_questions_are_sent_again(panel: Panel, sink: Recorder) -> None:
    """A question without an answer is sent again three times with the same bytes; then that is no fault."""
    await panel.confirmed(b"")
    asked = [await panel.hear_command(81) for _ in range(4)]

    assert len({heard.raw for heard in asked}) == 1
    assert await panel.is_silent(0.5)
    assert sink.signals == []
    assert sink.presence_of("panel") is Presence.ONLINE


async def test_lost_and_back(tmp_path: Path, port: int, sink: Recorder) -> None:
    """A panel that is silent for `lost_after_s` is lost, its connection closed; the next heartbeat brings it back."""
    clock = ManualClock()
    connection = connection_of(tmp_path, f'host = "127.0.0.1"\nport = {port}', "lost_after_s = 90")
    async with serving(connection, sink, clock):
        panel = await call(port)
        await panel.confirmed(b"")
        clock.advance(60)
        await panel.confirmed(b"")
        clock.advance(89)
        await asyncio.sleep(0.05)
        assert sink.presence_of("panel") is Presence.ONLINE
        clock.advance(2)
        await until(lambda: sink.presence_of("panel") is Presence.OFFLINE)
        await panel.hear_end()
        await panel.close()
        again = await call(port)
        await again.confirmed(b"")
        await again.close()

    assert sink.presences_of("panel") == [
        Presence.UNKNOWN,
        Presence.ONLINE,
        Presence.OFFLINE,
        Presence.ONLINE,
    ]


async def test_never_called(tmp_path: Path, port: int, sink: Recorder) -> None:
    """A panel that never calls is lost after the same time; with 0 it never is."""
    clock = ManualClock()
    more = '[[device]]\nid = "mute"\nzone = "hall"\nbus = "fire"\npanel = 5\nlost_after_s = 0\n'
    connection = connection_of(tmp_path, f'host = "127.0.0.1"\nport = {port}', more=more)
    async with serving(connection, sink, clock):
        await until(lambda: len(sink.presences) == 2)
        clock.advance(91)
        await until(lambda: len(sink.presences) == 3)
        clock.advance(100_000)
        await asyncio.sleep(0.05)

    assert sink.presences_of("panel") == [Presence.UNKNOWN, Presence.OFFLINE]
    assert sink.presences_of("mute") == [Presence.UNKNOWN]


@pytest.mark.parametrize(("trusted", "levels"), [(True, [Level.ACTIVE]), (False, [])])
async def test_wrong_clock(
    connection: AnyConnection, sink: Recorder, port: int, *, trusted: bool, levels: list[Level]
) -> None:
    """A panel whose clock is years off has a clock fault, unless our own clock may be wrong."""
    async with serving(dataclasses.replace(connection, clock_trusted=lambda: trusted), sink):
        panel = await call(port)
        await panel.send(WIRE["A7"])
        await panel.hear_reply(1)
        await panel.close()

    assert sink.levels_of("panel:clock") == levels


async def test_identity(connection: AnyConnection, port: int) -> None:
    """What is known of the panel: where it calls from, its version, and that it does not tell its state when asked."""
    told: list[dict[str, str]] = []

    class Identities(Recorder):
        async def presence(
            self, device: str, presence: Presence, reason: str = "", identity: Mapping[str, str] | None = None
        ) -> None:
            told.append(dict(identity or {}))

    async with serving(connection, Identities()):
        panel = await call(port)
        await panel.send(WIRE["A6"])
        await panel.hear_reply(1)
        await until(lambda: "present state" in told[-1])
        await panel.close()

    assert told[0] == {}
    assert set(told[1]) == {"address"}
    assert told[-1]["address"].startswith("127.0.0.1")
    assert told[-1]["version"] == "1.1"
    assert "does not answer" in told[-1]["present state"]
