"""The conformance suite: what gateway.driver asks of every driver, tried on each with its own simulator.

A driver's test module makes a subclass of `DriverContract` with a fixture `subject` that gives its `DriverUnderTest`.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NoReturn, Protocol

import pytest
from pydantic import BaseModel

from gateway.clock import Clock, SystemClock
from gateway.driver import CANCEL_LIMIT_S, Connection, DriverSpec
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.model import Level, Origin, Presence
from gateway.supervisor import Supervisor
from simulators.fault import Fault
from tests.drivers.recorder import Recorder
from tests.wait import until

AnyConnection = Connection[BaseModel, BaseModel, BaseModel]
Run = asyncio.Task[NoReturn]


class DriverUnderTest(Protocol):
    """One driver, its simulator, not started yet, and one point at rest that can be acted on.

    Its connections are a device's own, not a bus.
    """

    spec: DriverSpec
    device: str
    point: str

    @property
    def connection(self) -> AnyConnection:
        """From a site file, with time-outs as short as the driver allows."""
        ...

    @property
    def patient_connection(self) -> AnyConnection:
        """From a site file, with time-outs that a loaded machine does not reach."""
        ...

    @property
    def connection_by_default(self) -> AnyConnection:
        """From a site file that says nothing of times."""
        ...

    async def start(self) -> None:
        """The device can be reached from now on."""
        ...

    async def stop(self) -> None:
        """From now on it is gone for good."""
        ...

    def hold(self) -> None:
        """Act on the point, whoever listens."""
        ...

    async def press(self) -> None:
        """Act on the point; returns when a driver that listens has been told."""
        ...

    async def release(self) -> None:
        """Put it to rest; returns when a driver that listens has been told."""
        ...

    async def misbehave(self, fault: Fault) -> None:
        """Give the device this fault; `SLOW` is later than the time-outs of `connection`."""
        ...

    async def answer_late(self) -> None:
        """From now on it takes its time for each answer, and stays within the time-outs of `patient_connection`."""
        ...

    async def vanish(self) -> None:
        """Take its power away."""
        ...

    async def power_cycle(self, off_seconds: float) -> None:
        """Take its power away for so long."""
        ...


class Supervisable(Protocol):
    """What the supervisor needs to know of a driver under test."""

    spec: DriverSpec

    @property
    def connection(self) -> AnyConnection:
        """From a site file."""
        ...


class DriverContract:
    """What every driver that asks its devices does and never does. Those that are called: tests/drivers/receiving.py."""

    @pytest.fixture
    async def started(self, subject: DriverUnderTest) -> AsyncIterator[DriverUnderTest]:
        """The driver's device, there and healthy."""
        await subject.start()
        yield subject
        await subject.stop()

    async def test_constructor_does_no_io(self, started: DriverUnderTest) -> None:
        """Building a driver opens nothing and starts nothing."""
        files, tasks = open_files(), asyncio.all_tasks()

        started.spec.build(started.connection, SystemClock())

        assert (open_files(), asyncio.all_tasks()) == (files, tasks)

    async def test_device_that_is_not_there(self, started: DriverUnderTest) -> None:
        """If nothing can be reached at the start, the run ends with DeviceUnavailable, in words, and reports nothing."""
        await started.vanish()
        sink = Recorder()

        async with running(started.spec, started.connection, sink) as run:
            words = await ending(run, DeviceUnavailable, started.spec.notices_loss_within_s)

        assert len(words) > 20
        assert not sink.signals

    async def test_present_state_at_rest(self, started: DriverUnderTest) -> None:
        """Whoever connects hears first that the point is normal, as a state and not as an event."""
        sink = Recorder()

        async with running(started.spec, started.connection, sink):
            await until(lambda: bool(sink.signals))

        assert sink.told_of(started.point)[0] == (Level.NORMAL, Origin.STATE)
        assert sink.presence_of(started.device) is Presence.ONLINE

    async def test_button_held_before_the_connection(self, started: DriverUnderTest) -> None:
        """A button that was pressed while nobody listened is told as the present state, at once."""
        started.hold()
        sink = Recorder()

        async with running(started.spec, started.connection, sink):
            await until(lambda: bool(sink.signals))

        assert sink.told_of(started.point)[0] == (Level.ACTIVE, Origin.STATE)

    async def test_press_and_release(self, started: DriverUnderTest) -> None:
        """A press is an event, and so is its end; nothing else is reported."""
        sink = Recorder()

        async with running(started.spec, started.connection, sink):
            await until(lambda: sink.presence_of(started.device) is Presence.ONLINE)
            await started.press()
            await started.release()
            await until(lambda: sink.levels_of(started.point)[-1] is Level.NORMAL)

        events = [level for level, origin in sink.told_of(started.point) if origin is Origin.EVENT]
        assert events == [Level.ACTIVE, Level.NORMAL]

    async def test_order_survives_a_slow_commit(self, started: DriverUnderTest) -> None:
        """Presses that come while a commit takes its time are all told afterwards, in order."""
        sink = Recorder()

        async with running(started.spec, started.connection, sink):
            await until(lambda: bool(sink.signals))
            del sink.signals[:]
            sink.commits.clear()
            for _ in range(5):
                await started.press()
                await started.release()
            assert not sink.signals
            sink.commits.set()
            await until(lambda: len(sink.signals) == 10)

        assert sink.levels_of(started.point) == [Level.ACTIVE, Level.NORMAL] * 5

    async def test_vanishing_in_mid_session(self, started: DriverUnderTest) -> None:
        """A device that loses its power ends the run with DeviceUnavailable within the declared time."""
        sink = Recorder()

        async with running(started.spec, started.connection, sink) as run:
            await until(lambda: bool(sink.signals))
            await started.vanish()
            await ending(run, DeviceUnavailable, started.spec.notices_loss_within_s)

    async def test_half_open_connection(self, started: DriverUnderTest) -> None:
        """A connection that stands while nothing passes is noticed within the declared time, with default settings."""
        sink = Recorder()

        async with running(started.spec, started.connection_by_default, sink) as run:
            await until(lambda: bool(sink.signals))
            await started.misbehave(Fault.HALF_OPEN)
            await ending(run, DeviceUnavailable, started.spec.notices_loss_within_s)

    async def test_refused_connection(self, started: DriverUnderTest) -> None:
        """A device that refuses ends the run with words, as refused or unavailable, and reports nothing."""
        await started.misbehave(Fault.REFUSED)
        sink = Recorder()

        async with running(started.spec, started.connection, sink) as run:
            words = await ending(run, (DeviceRefused, DeviceUnavailable), started.spec.notices_loss_within_s)

        assert len(words) > 20
        assert not sink.signals

    async def test_garbage(self, started: DriverUnderTest) -> None:
        """Bytes that are no message of the protocol are counted for the device, and no signal is made of them."""
        sink = Recorder()

        async with running(started.spec, started.connection, sink):
            await until(lambda: bool(sink.signals))
            known = list(sink.signals)
            await started.misbehave(Fault.GARBAGE)
            await until(lambda: bool(sink.garbage))

        device, data, why = sink.garbage[0]
        assert device in {started.device, None}
        assert data
        assert why
        assert sink.signals == known

    @pytest.mark.parametrize("fault", [Fault.NONE, Fault.SILENT, Fault.SLOW, Fault.GARBAGE, Fault.HALF_OPEN])
    async def test_lets_go_when_cancelled(self, started: DriverUnderTest, fault: Fault) -> None:
        """Whatever the device does, a cancelled run ends within the limit; no file, socket or task is left."""
        files, tasks = open_files(), asyncio.all_tasks()
        sink = Recorder()
        async with running(started.spec, started.connection, sink) as run:
            await until(lambda: bool(sink.signals))
            await started.misbehave(fault)
            await asyncio.sleep(0.05)  # into the middle of something
            begun = time.monotonic()
            run.cancel()
            await asyncio.wait({run}, timeout=CANCEL_LIMIT_S)

            assert time.monotonic() - begun < CANCEL_LIMIT_S
            assert run.cancelled()

        await started.misbehave(Fault.NONE)
        await until(lambda: len(open_files()) <= len(files), 3)
        await until(lambda: len(asyncio.all_tasks()) <= len(tasks), 3)

    async def test_lets_go_at_any_moment(self, started: DriverUnderTest) -> None:
        """A cancellation is heard at whichever moment it comes, also just as an answer does."""
        dice = random.Random(7)
        for _ in range(25):
            sink = Recorder()
            async with running(started.spec, started.connection, sink) as run:
                await until(lambda: bool(sink.signals))  # noqa: B023 - awaited at once
                await asyncio.sleep(dice.random() * 0.02)
                run.cancel()
                await asyncio.wait({run}, timeout=CANCEL_LIMIT_S)

                assert run.cancelled()

    async def test_lets_go_while_a_commit_hangs(self, started: DriverUnderTest) -> None:
        """A journal that does not answer keeps no driver from ending."""
        sink = Recorder()
        sink.commits.clear()

        async with running(started.spec, started.connection, sink) as run:
            await until(lambda: sink.waiting > 0)
            run.cancel()
            await asyncio.wait({run}, timeout=CANCEL_LIMIT_S)

            assert run.cancelled()

    async def test_error_of_the_sink_ends_the_run(self, started: DriverUnderTest) -> None:
        """A report that can't be kept is not swallowed: the run ends with the error, and the next begins anew."""
        sink = Recorder()
        sink.refusal = ArithmeticError("not kept")

        async with running(started.spec, started.connection, sink) as run:
            await asyncio.wait({run}, timeout=5)

            assert run.done()
            assert "not kept" in repr(run.exception())

    @pytest.mark.parametrize(
        "fault", [Fault.SILENT, Fault.SLOW, Fault.GARBAGE, Fault.HALF_OPEN, Fault.REFUSED]
    )
    async def test_supervised_through_a_fault(self, started: DriverUnderTest, fault: Fault) -> None:
        """Under a supervisor the loss is told, and a button pressed meanwhile is told once the fault is over."""
        journal = Recorder()

        async with supervised(started, journal):
            await until(lambda: bool(journal.signals))
            await started.misbehave(fault)
            await until(
                lambda: Presence.OFFLINE in journal.presences_of(started.device),
                started.spec.notices_loss_within_s,
            )
            started.hold()
            await started.misbehave(Fault.NONE)
            await until(lambda: Level.ACTIVE in journal.levels_of(started.point))

        assert journal.presence_of(started.device) is Presence.ONLINE

    async def test_supervised_while_answers_are_late(self, started: DriverUnderTest) -> None:
        """A device that answers late and yet in time is never lost, and its button is told."""
        journal = Recorder()

        async with supervised(started, journal, started.patient_connection):
            await until(lambda: bool(journal.signals))
            await started.answer_late()
            started.hold()
            await until(lambda: Level.ACTIVE in journal.levels_of(started.point))

        assert journal.presences_of(started.device) == [Presence.ONLINE]

    async def test_supervised_through_a_power_cycle(self, started: DriverUnderTest) -> None:
        """After a power cut the device serves as before, without help."""
        journal = Recorder()

        async with supervised(started, journal):
            await until(lambda: bool(journal.signals))
            await started.power_cycle(0.3)
            await started.press()
            await until(lambda: Level.ACTIVE in journal.levels_of(started.point))


@asynccontextmanager
async def running(
    spec: DriverSpec, connection: AnyConnection, sink: Recorder, clock: Clock | None = None
) -> AsyncIterator[Run]:
    """A driver at work, until the end of the block."""
    run = asyncio.create_task(spec.build(connection, clock or SystemClock()).run(sink))
    try:
        yield run
    finally:
        run.cancel()
        await asyncio.wait({run}, timeout=2 * CANCEL_LIMIT_S)
        assert run.done()
        with suppress(asyncio.CancelledError):
            run.exception()


@asynccontextmanager
async def supervised(
    subject: Supervisable, journal: Recorder, connection: AnyConnection | None = None
) -> AsyncIterator[Supervisor]:
    """The real supervisor over the driver, until the end of the block."""
    supervisor = Supervisor(
        [connection or subject.connection],
        {subject.spec.name: subject.spec},
        journal,
        SystemClock(),
        random.Random(1),
    )
    run = asyncio.create_task(supervisor.run())
    try:
        yield supervisor
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


async def ending(run: Run, errors: type[Exception] | tuple[type[Exception], ...], seconds: float) -> str:
    """The words with which a run ends by itself, with one of these errors, within so many seconds."""
    await asyncio.wait({run}, timeout=seconds)
    assert run.done(), f"still running after {seconds} s"
    error = run.exception()
    assert isinstance(error, errors), repr(error)
    return str(error)


def open_files() -> list[str]:
    """What this process has open: files, sockets, lines."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the listing's own is closed by now
            found.append(str(descriptor.readlink()))
    return sorted(found)


def left_open(before: list[str]) -> list[str]:
    """What is open now and was not then; what another test had still to close is no matter."""
    return sorted((Counter(open_files()) - Counter(before)).elements())
