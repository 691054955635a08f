"""The driver with the real journal: no fire is lost, hidden or returned by what panels, lines and restarts do."""

import asyncio
from pathlib import Path

import pytest

from gateway.model import Kind, Presence
from tests.clocks import ManualClock
from tests.drivers.gb26875.panels import (
    ANSWER,
    CONFIRM,
    SEND,
    TIME,
    component,
    frame,
    system,
)
from tests.drivers.gb26875.places import Place
from tests.store.test_disk import bring_back, take_away
from tests.wait import until

OTHER = (1, 2)


def reset(of: tuple[int, int] = (1, 1)) -> bytes:
    """Application data of type 4: operator 7 has reset this system."""
    return bytes((4, 1, *of, 1, 7)) + TIME


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def test_fire_behind_a_reset(place: Place) -> None:
    """Fire, reset and fire again in one segment: the journal takes what is urgent first, and the fire burns all the same."""
    async with place.on() as sink:
        panel = await place.call()
        await panel.confirmed(component("10.2", 0))
        burning = component("10.2", 2)
        for n in range(10, 40, 3):
            await panel.send(
                frame(n, SEND, burning) + frame(n + 1, SEND, reset()) + frame(n + 2, SEND, burning)
            )
            await panel.hear_reply(n + 2)

            assert sink.burns("smoke-201")


async def test_restart_in_the_middle(place: Place) -> None:
    """A fire that was committed and not confirmed is sent again after a restart: one alarm, and it is confirmed."""
    fire = frame(1, SEND, component("10.2", 2))
    async with place.on() as sink:
        panel = await place.call()
        await panel.send(fire)
        await panel.hear_reply(1)
    async with place.on() as sink:
        panel = await place.call()
        await panel.send(fire)
        assert (await panel.hear_reply(1)).command == CONFIRM

        assert sink.burns("smoke-201")
        assert sink.alarm("smoke-201").repeats == 0


async def test_fire_while_we_were_away(place: Place) -> None:
    """A component that burns when the gateway starts is an alarm by the panel's answer; one that was known is not new."""
    for _ in range(2):
        async with place.on() as sink:
            panel = await place.call()
            await panel.confirmed(b"")
            for kind, data in ((81, b"\x15\x01\x01" + TIME), (61, system(3)), (62, component("10.2", 3))):
                await panel.send(frame((await panel.hear_command(kind)).serial, ANSWER, data))
            await until(
                lambda: any(alarm.source.point == "smoke-201" for alarm in sink.journal.open_alarms.values())
            )
            await panel.confirmed(component("10.2", 7))  # faulty, too, and still a fire

            assert sink.burns("smoke-201")
            assert sink.burns("smoke-201", Kind.FAULT)
    assert (
        sink.alarm("smoke-201").repeats == 1
    )  # by the event after the restart; before it, the answer is what raised it


async def test_a_detector_that_burns_up(place: Place) -> None:
    """A word of a fault or a shield alone returns no fire, also after a restart; a word of rest does."""
    async with place.on() as sink:
        panel = await place.call()
        for status in (2, 4, 8, 0x100):
            await panel.confirmed(component("10.2", status))
            assert sink.burns("smoke-201")
    async with place.on() as sink:
        panel = await place.call()
        await panel.confirmed(component("10.2", 4))
        assert sink.burns("smoke-201")
        await panel.confirmed(component("10.2", 1))
        assert not sink.burns("smoke-201")


#: Two points with one address, in two systems.
TWO = "".join(
    f'[[device.point]]\nid = "p{n}"\nkind = "fire"\naddress = "5.5"\nsystem = [1, {n}]\n' for n in (1, 2)
)


async def test_reset_of_one_system_of_several(tmp_path: Path) -> None:
    """A reset returns what its own system had reported, not another's, nor the device's own faults."""
    place = Place(tmp_path, TWO)
    async with place.on() as sink:
        panel = await place.call()
        await panel.confirmed(b"\x15\x01\x08" + TIME)
        await panel.confirmed(component("5.5", 2))
        await panel.confirmed(component("5.5", 2, system=OTHER))
        await panel.confirmed(reset(OTHER))

        assert sink.burns("p1")
        assert not sink.burns("p2")
        await panel.confirmed(component("5.5", 2, system=OTHER))
        assert sink.burns("p2")
        await panel.confirmed(b"\x18\x01\x01\x07" + TIME)
        assert not sink.burns("panel:transmitter.mains", Kind.FAULT)
        assert sink.burns("p1")


async def test_reset_of_the_only_system_after_a_restart(place: Place) -> None:
    """A reset returns also what was reported before our start; a fault of the device itself lasts on."""
    async with place.on() as sink:
        panel = await place.call()
        await panel.confirmed(component("10.2", 2))
    async with place.on() as sink:
        panel = await place.call()
        await panel.confirmed(b"\x15\x01\x08" + TIME)
        await panel.confirmed(reset())

        assert not sink.burns("smoke-201")
        assert sink.burns("panel:transmitter.mains", Kind.FAULT)


async def test_reset_of_a_named_system_after_a_restart(tmp_path: Path) -> None:
    """Points that the site file gives a system return with its reset, though nothing is remembered of them."""
    place = Place(tmp_path, TWO)
    async with place.on() as sink:
        panel = await place.call()
        await panel.confirmed(component("5.5", 2))
        await panel.confirmed(component("5.5", 2, system=OTHER))
    async with place.on() as sink:
        panel = await place.call()
        await panel.confirmed(reset(OTHER))

        assert sink.burns("p1")
        assert not sink.burns("p2")


async def test_rest_of_the_same_address_in_another_system(place: Place) -> None:
    """A point without a system is no longer in alarm when the system that said so says so."""
    async with place.on() as sink:
        panel = await place.call()
        await panel.confirmed(component("10.2", 2))
        await panel.confirmed(component("10.2", 0, system=OTHER))
        assert sink.burns("smoke-201")
        await panel.confirmed(component("10.2", 0))
        assert not sink.burns("smoke-201")


async def test_asked_after_a_reset(place: Place) -> None:
    """A fire that outlasts a reset is heard by the question that follows half a minute later, if not before."""
    clock = ManualClock()
    async with place.on(clock) as sink:
        panel = await place.call()
        await panel.confirmed(component("10.2", 2))
        for kind, data in ((81, b"\x15\x01\x01" + TIME), (61, system(3)), (62, component("10.2", 3))):
            await panel.send(frame((await panel.hear_command(kind)).serial, ANSWER, data))
        await panel.confirmed(reset())
        assert not sink.burns("smoke-201")
        for _ in range(8):  # in steps, for the wait begins when the first answers have been taken
            clock.advance(10)
            await asyncio.sleep(0.01)
        for kind, data in ((81, b"\x15\x01\x01" + TIME), (61, system(3)), (62, component("10.2", 3))):
            await panel.send(frame((await panel.hear_command(kind)).serial, ANSWER, data))

        await until(lambda: sink.burns("smoke-201"))


async def test_panel_whose_clock_stands_still(place: Place) -> None:
    """Power-cycled, it counts from 0 again: a second fire has the bytes of the first, and is heard."""
    fire = frame(1, SEND, component("10.2", 2))
    async with place.on() as sink:
        panel = await place.call()
        for raw in (fire, frame(2, SEND, reset())):
            await panel.send(raw)
            await panel.hear_reply(raw[2])
        assert not sink.burns("smoke-201")
        for _ in range(2):  # the second is a repetition of this one
            await panel.send(fire)
            assert (await panel.hear_reply(1)).command == CONFIRM

        assert sink.burns("smoke-201")
        assert sink.alarm("smoke-201").repeats == 1


async def test_hundred_and_two_objects(place: Place) -> None:
    """A frame with as many objects as go into one is one message, and is confirmed in time."""
    async with place.on() as sink:
        panel = await place.call()
        bodies = b"".join(bytes((1, n)) + (2).to_bytes(2, "little") + TIME for n in range(102))
        await panel.confirmed(b"\x01\x66" + bodies)

        assert len(sink.journal.open_alarms) == 102


async def test_old_connection_lingers(place: Place) -> None:
    """A panel that comes back by a new connection is served there, whatever becomes of the old one."""
    async with place.on() as sink:
        old, new = await place.call(), await place.call()
        await old.confirmed(b"")
        await new.confirmed(component("10.2", 2))
        await old.confirmed(b"")
        await old.close()
        await new.confirmed(component("10.2", 3))

        assert sink.burns("smoke-201")
        assert sink.presences_of("panel")[-1] is Presence.ONLINE


async def test_memory_mode(place: Place) -> None:
    """The disk is gone, and nobody is in reach: a fault is confirmed at its second repetition, the fire behind it too."""
    fault, fire = frame(1, SEND, b"\x63\x01\x01"), frame(2, SEND, component("10.2", 2))
    async with place.on() as sink:
        panel = await place.call()
        await panel.confirmed(b"")
        gone = take_away(sink.journal)
        await panel.send(fault + fire)
        await until(
            lambda: any(alarm.source.kind is Kind.FIRE for alarm in sink.journal.open_alarms.values())
        )
        assert await panel.is_silent()
        await panel.send(fire + fault)
        assert await panel.is_silent()
        await panel.send(fire)
        assert (await panel.hear_reply(2)).command == CONFIRM
        await panel.send(fault)
        assert (await panel.hear_reply(1)).command == CONFIRM
        assert sink.alarm("smoke-201").repeats == 0
        bring_back(sink.journal, gone)
