"""While commits wait, as in memory mode: what comes behind them is heard, within bounds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.gb26875 import commits
from gateway.model import Durability, Kind, Level, Message
from tests.clocks import ManualClock
from tests.drivers.gb26875.panels import CONFIRM, SEND, Panel, component, frame, serving
from tests.drivers.gb26875.places import Place
from tests.drivers.recorder import Recorder
from tests.wait import until


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


class Waiting(Recorder):
    """Faults wait for ever, as in memory mode without a destination; what is worse is taken."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[bytes] = []

    async def receive(self, message: Message) -> Durability:
        """Faults are begun."""
        self.begun.append(message.data)
        if all(signal.kind is not Kind.FIRE for signal in message.signals):
            await asyncio.get_running_loop().create_future()
        return await super().receive(message)


@asynccontextmanager
async def waiting(place: Place, clock: ManualClock) -> AsyncIterator[tuple[Waiting, Panel]]:
    """A panel at the driver."""
    sink = Waiting()
    async with serving(place.connection, sink, clock):
        try:
            yield sink, await place.call()
        finally:
            await place.hang_up()


def fault(number: int) -> bytes:
    """A frame that nobody understands: no fire."""
    return frame(number, SEND, b"\x63\x01" + bytes((number,)))


async def test_fire_behind_what_waits(place: Place) -> None:
    """A fire is committed and confirmed while the fault in front of it waits, and so are the fault's repetitions."""
    async with waiting(place, ManualClock()) as (sink, panel):
        await panel.send(fault(2) + fault(2) + frame(3, SEND, component("10.2", 2)) + fault(2))

        assert (await panel.hear_reply(3)).command == CONFIRM
        await until(lambda: sink.begun.count(fault(2)) == 3)


async def test_too_many_wait(place: Place) -> None:
    """Behind as many faults as may wait, the oldest is given up, and the fire is heard; repetitions have a bound, too."""
    clock = ManualClock()
    async with waiting(place, clock) as (sink, panel):
        faults = [fault(n) for n in range(commits.MOST_AT_ONCE)]
        await panel.send(b"".join(faults))
        await until(lambda: len(sink.begun) == len(faults))
        await panel.send(frame(99, SEND, component("10.2", 2)))
        assert await panel.is_silent()
        clock.advance(commits.PATIENCE_S)
        assert (await panel.hear_reply(99)).command == CONFIRM


async def test_copies(place: Place) -> None:
    """However often one message is repeated, each copy reaches the journal, and few wait."""
    async with waiting(place, ManualClock()) as (sink, panel):
        for n in range(1, 30):
            await panel.send(fault(1))
            await until(lambda n=n: len(sink.begun) == n)  # type: ignore[misc] # bound at once
        await panel.confirmed(component("10.2", 2))


async def test_nobody_else_is_delayed(tmp_path: Path) -> None:
    """While one panel's messages wait, as many as may, another's fire is confirmed."""
    place = Place(tmp_path, '[[device]]\nid = "other"\nzone = "hall"\nbus = "fire"\npanel = 5\n')
    async with waiting(place, ManualClock()) as (sink, panel):
        other = await place.call()
        await panel.send(b"".join(fault(n) for n in range(2 * commits.MOST_AT_ONCE)))
        await until(lambda: len(sink.begun) == commits.MOST_AT_ONCE)
        await other.send(frame(7, SEND, component("9.9", 2), source=5))

        assert (await other.hear_reply(7)).command == CONFIRM


async def test_fire_while_a_command_waits(place: Place) -> None:
    """A fire with the very serial of our question is recorded and confirmed, and answers nothing."""
    async with waiting(place, ManualClock()) as (sink, panel):
        await panel.send(frame(1, SEND))
        heard = await panel.hear_command(81)
        await panel.send(frame(heard.serial, SEND, component("10.2", 2)))

        assert (await panel.hear_reply(heard.serial)).command == CONFIRM
        assert sink.levels_of("smoke-201")[0] is Level.ACTIVE
        await panel.send(frame(heard.serial, CONFIRM))
        assert (await panel.hear_command(61)).data[0] == 61
