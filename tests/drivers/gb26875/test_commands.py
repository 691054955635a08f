"""What a panel can be told: golden bytes, sent again, confirmed, denied, not answered."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.gb26875 import SPEC
from drivers.gb26875.driver import FireDriver
from gateway.driver import Command, Commandable
from gateway.errors import DeviceRefused, DeviceUnavailable
from tests.clocks import ManualClock
from tests.drivers.contract import AnyConnection
from tests.drivers.gb26875.panels import (
    ANSWER,
    CONFIRM,
    CONTROL,
    DENY,
    TIME,
    Panel,
    call,
    connection_of,
    frame,
    serving,
)
from tests.drivers.gb26875.vectors import WIRE
from tests.drivers.recorder import Recorder
from tests.wait import until

#: The moment of the golden vectors' objects.
MOMENT = datetime(2012, 9, 26, 1, 58, 2, tzinfo=UTC)

GUARD_ANSWER = b"\x18\x01\x20\x03" + TIME


@pytest.fixture
def connection(tmp_path: Path, port: int) -> AnyConnection:
    return connection_of(tmp_path, f'host = "127.0.0.1"\nport = {port}\nresend_after_s = 10')


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MOMENT)


@pytest.fixture
async def driver(connection: AnyConnection, sink: Recorder, clock: ManualClock) -> AsyncIterator[FireDriver]:
    async with serving(connection, sink, clock) as driver:
        yield driver


@pytest.fixture
async def panel(driver: FireDriver, port: int) -> AsyncIterator[Panel]:
    """It has called, and has denied to tell its present state."""
    panel = await call(port)
    await panel.confirmed(b"")
    for kind in (81, 61, 62):
        for _ in range(4):
            await panel.send(frame((await panel.hear_command(kind)).serial, DENY))
    yield panel
    await panel.close()


async def pass_time(clock: ManualClock, told: asyncio.Task[str]) -> None:
    """Second by second, until the command has come to its end."""
    while not told.done():
        clock.advance(1)
        await asyncio.sleep(0.005)


async def test_is_commandable(driver: FireDriver) -> None:
    """It has the capability, and says all four commands of itself."""
    assert isinstance(driver, Commandable)
    assert SPEC.commands == set(Command)


@pytest.mark.parametrize(
    ("command", "kind", "name"), [(Command.INITIALISE, 89, "A10"), (Command.SET_CLOCK, 90, "A11")]
)
async def test_golden_commands(
    driver: FireDriver, panel: Panel, command: Command, kind: int, name: str
) -> None:
    """A10 and A11 byte for byte, from the source address to the data; the confirmation ends it."""
    told = asyncio.create_task(driver.command("panel", command))
    heard = await panel.hear_command(kind)
    await panel.send(frame(heard.serial, CONFIRM))

    assert heard.raw[12:-3] == WIRE[name][12:-3]
    assert "confirmed" in await told


async def test_guard_check_answered(
    driver: FireDriver, panel: Panel, sink: Recorder, clock: ManualClock
) -> None:
    """A12 byte for byte; whoever answers within the time is named, and the answer is on the record."""
    told = asyncio.create_task(driver.command("panel", Command.GUARD_CHECK, minutes=10))
    heard = await panel.hear_command(91)
    assert heard.raw[12:-3] == WIRE["A12"][12:-3]
    await panel.send(frame(heard.serial, CONFIRM))
    clock.advance(42)
    await panel.confirmed(GUARD_ANSWER)

    assert await told == "operator 3 answered the guard check after 42 s"
    assert [(notice.what, notice.operator) for notice in sink.notices] == [("guard-check-answer", "3")]


async def test_guard_check_answered_before_confirmed(driver: FireDriver, panel: Panel) -> None:
    """An answer that is quicker than the confirmation counts."""
    told = asyncio.create_task(driver.command("panel", Command.GUARD_CHECK, minutes=10))
    heard = await panel.hear_command(91)
    await panel.confirmed(GUARD_ANSWER)
    await panel.send(frame(heard.serial, CONFIRM))

    assert "operator 3" in await told


async def test_guard_check_not_answered(driver: FireDriver, panel: Panel, clock: ManualClock) -> None:
    """Nobody there within the time: that is said."""
    told = asyncio.create_task(driver.command("panel", Command.GUARD_CHECK, minutes=1))
    heard = await panel.hear_command(91)
    await panel.send(frame(heard.serial, CONFIRM))
    await panel.confirmed(b"")
    await pass_time(clock, told)

    with pytest.raises(DeviceUnavailable, match="nobody answered"):
        await told


async def test_denied(driver: FireDriver, panel: Panel) -> None:
    """A denial has it sent again, three times; then it is refused."""
    told = asyncio.create_task(driver.command("panel", Command.GUARD_CHECK))
    heard = [await panel.hear_command(91)]
    for _ in range(3):
        await panel.send(frame(heard[-1].serial, DENY))
        heard.append(await panel.hear_command(91))
    await panel.send(frame(heard[-1].serial, DENY))

    with pytest.raises(DeviceRefused, match="denies"):
        await told
    assert len({one.raw for one in heard}) == 1


async def test_denied_once(driver: FireDriver, panel: Panel) -> None:
    """What was damaged on its way is denied, sent again and confirmed."""
    told = asyncio.create_task(driver.command("panel", Command.INITIALISE))
    await panel.send(frame((await panel.hear_command(89)).serial, DENY))
    await panel.send(frame((await panel.hear_command(89)).serial, CONFIRM))

    assert "confirmed" in await told


async def test_not_confirmed(driver: FireDriver, panel: Panel, clock: ManualClock) -> None:
    """Without an answer it is sent again after 10 s, three times; then the panel does not answer."""
    told = asyncio.create_task(driver.command("panel", Command.INITIALISE))
    await pass_time(clock, told)

    with pytest.raises(DeviceUnavailable, match="40 s"):
        await told
    heard = [await panel.hear_command(89) for _ in range(4)]
    assert len({one.raw for one in heard}) == 1
    assert await panel.is_silent()


async def test_another_serial_is_no_answer(driver: FireDriver, panel: Panel) -> None:
    """A confirmation of something else does not count."""
    told = asyncio.create_task(driver.command("panel", Command.INITIALISE))
    heard = await panel.hear_command(89)
    await panel.send(frame(heard.serial ^ 1, CONFIRM))
    await panel.confirmed(b"")
    assert not told.done()
    await panel.send(frame(heard.serial, CONFIRM))

    assert "confirmed" in await told


async def test_read_state(driver: FireDriver, panel: Panel, sink: Recorder) -> None:
    """Its state is asked for at once, and recorded as it is answered."""
    told = asyncio.create_task(driver.command("panel", Command.READ_STATE))
    await panel.send(frame((await panel.hear_command(81)).serial, ANSWER, b"\x15\x01\x08" + TIME))
    for kind in (61, 62):
        for _ in range(4):
            await panel.send(frame((await panel.hear_command(kind)).serial, DENY))

    assert "1 of 3" in await told
    assert any(signal.point == "panel:transmitter.mains" for signal in sink.signals)


async def test_not_connected(driver: FireDriver, sink: Recorder) -> None:
    """A panel that has not called can't be told anything."""
    await until(lambda: bool(sink.presences))

    with pytest.raises(DeviceUnavailable, match="not connected"):
        await driver.command("panel", Command.INITIALISE)


async def test_connection_ends(driver: FireDriver, panel: Panel, clock: ManualClock) -> None:
    """A panel that hangs up in the middle and comes back is asked again on its new connection."""
    port = driver._connection.settings.port
    assert port is not None
    told = asyncio.create_task(driver.command("panel", Command.INITIALISE))
    await panel.hear_command(89)
    await panel.close()
    again = await call(port)
    await again.confirmed(b"")
    clock.advance(10)
    await again.send(frame((await again.hear_command(89)).serial, CONFIRM))

    assert "confirmed" in await told
    await again.close()


async def test_driver_ends(connection: AnyConnection, sink: Recorder, port: int) -> None:
    """Whoever waits when the driver ends is told so, and does not wait on."""
    async with serving(connection, sink) as driver:
        panel = await call(port)
        await panel.confirmed(b"")
        await panel.send(frame((await panel.hear_command(81)).serial, ANSWER))
        await panel.send(frame((await panel.hear_command(61)).serial, ANSWER))
        await panel.send(frame((await panel.hear_command(62)).serial, ANSWER))
        guard = asyncio.create_task(driver.command("panel", Command.GUARD_CHECK))
        heard = await panel.hear_command(91)
        assert heard.command == CONTROL
        await panel.send(frame(heard.serial, CONFIRM))
        await panel.confirmed(b"")

    with pytest.raises(DeviceUnavailable, match="not served"):
        await asyncio.wait_for(guard, 2)
    await panel.close()


async def test_our_clock_is_not_trusted(connection: AnyConnection, sink: Recorder, port: int) -> None:
    """No panel's clock is set by a clock that may be wrong."""
    async with serving(dataclasses.replace(connection, clock_trusted=lambda: False), sink) as driver:
        panel = await call(port)
        await panel.confirmed(b"")

        with pytest.raises(DeviceRefused, match="not trusted"):
            await driver.command("panel", Command.SET_CLOCK)
        await panel.close()


@pytest.mark.parametrize("minutes", [0, 256])
async def test_minutes_that_do_not_fit(driver: FireDriver, panel: Panel, minutes: int) -> None:
    """A guard check's time is one byte."""
    with pytest.raises(DeviceRefused, match="1 to 255"):
        await driver.command("panel", Command.GUARD_CHECK, minutes=minutes)


async def test_guard_check_answered_and_never_confirmed(
    driver: FireDriver, panel: Panel, clock: ManualClock
) -> None:
    """A guard who has answered was there, though the panel confirms nothing."""
    told = asyncio.create_task(driver.command("panel", Command.GUARD_CHECK, minutes=10))
    await panel.hear_command(91)
    await panel.confirmed(GUARD_ANSWER)
    await pass_time(clock, told)

    assert "operator 3" in await told


async def test_serials_go_round(driver: FireDriver, panel: Panel) -> None:
    """Behind 65535 comes 0, and its confirmation counts."""
    driver._panels[889]._serial = 65535
    for serial in (65535, 0):
        told = asyncio.create_task(driver.command("panel", Command.INITIALISE))
        heard = await panel.hear_command(89)
        await panel.send(frame(heard.serial, CONFIRM))
        await told
        assert heard.serial == serial


async def test_a_question_that_is_only_confirmed(driver: FireDriver, panel: Panel) -> None:
    """A confirmation tells nothing of the panel's state: that is not called an answer."""
    told = asyncio.create_task(driver.command("panel", Command.READ_STATE))
    for kind in (81, 61, 62):
        await panel.send(frame((await panel.hear_command(kind)).serial, CONFIRM))

    with pytest.raises(DeviceRefused, match="only confirms"):
        await told
