"""The conformance suite of drivers that are called by their devices: what gateway.driver asks, tried with each simulator.

A driver's test module makes a subclass of `ReceiverContract` with a fixture `subject` that gives its `ReceiverUnderTest`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import pytest

from gateway.clock import SystemClock
from gateway.driver import CANCEL_LIMIT_S, DriverSpec
from gateway.errors import DeviceRefused, DeviceUnavailable, JournalUnwritable
from gateway.model import Kind, Level, Origin, Presence
from simulators.fault import Fault
from tests.drivers.contract import AnyConnection, ending, open_files, running, supervised
from tests.drivers.recorder import Recorder
from tests.wait import until

#: Messages of a flood.
MANY = 1000


class ReceiverUnderTest(Protocol):
    """One driver that listens, and a simulated panel with one point, not started yet.

    The panel sends one message at a time, waits for its acknowledgement, repeats what was not acknowledged and drops
    nothing, as the protocols have it. Its time-outs are short.
    """

    spec: DriverSpec
    device: str
    point: str
    kind: Kind

    @property
    def connection(self) -> AnyConnection:
        """From a site file; the panel is lost after a second of silence, or as soon as the driver allows."""
        ...

    @property
    def patient_connection(self) -> AnyConnection:
        """From a site file, with times that a loaded machine does not reach."""
        ...

    @property
    def acknowledged(self) -> int:
        """How many events of the panel have been acknowledged to it; supervision does not count."""
        ...

    async def start(self) -> None:
        """The panel begins to call, and lives until `stop`."""
        ...

    async def stop(self) -> None:
        """From now on it is gone for good."""
        ...

    def press(self) -> None:
        """The point goes into alarm: an event waits at the panel."""
        ...

    def release(self) -> None:
        """The point returns: an event waits at the panel."""
        ...

    def flood(self, count: int) -> None:
        """So many events wait at the panel: presses and returns of the point in turn, beginning with a press."""
        ...

    async def repeat_next(self) -> None:
        """The next event is sent a second time, byte for byte, although it is acknowledged."""
        ...

    async def break_next(self) -> None:
        """The line breaks in the middle of the next event's frame; the panel calls again and sends it whole."""
        ...

    async def surround_next(self) -> None:
        """Bytes that are no frame come before and after the next event's frame."""
        ...

    async def misbehave(self, fault: Fault) -> None:
        """Give the panel this fault; `REFUSED` is an unknown account, or a wrong key."""
        ...

    async def power_cycle(self, off_seconds: float) -> None:
        """Take its power away for so long; what waited in it is sent when it is back."""
        ...

    @asynccontextmanager
    def occupied(self) -> AsyncIterator[None]:
        """The place where the driver listens is taken by somebody else, or is not there."""
        ...


def told(sink: Recorder, subject: ReceiverUnderTest) -> list[Level]:
    """The levels of the point's own kind that were told as events, in order; present states are another matter."""
    return [
        signal.level
        for signal in sink.signals
        if (signal.point, signal.kind, signal.origin) == (subject.point, subject.kind, Origin.EVENT)
    ]


def has_twice(things: Sequence[bytes]) -> bool:
    """Whether one of them is there twice."""
    return len(set(things)) < len(things)


class ReceiverContract:
    """What every driver that listens does and never does."""

    @pytest.fixture
    async def started(self, subject: ReceiverUnderTest) -> AsyncIterator[ReceiverUnderTest]:
        """The driver's panel, alive and healthy."""
        await subject.start()
        yield subject
        await subject.stop()

    async def test_constructor_does_no_io(self, started: ReceiverUnderTest) -> None:
        """Building a driver opens nothing and starts nothing."""
        files, tasks = len(open_files()), len(asyncio.all_tasks())

        started.spec.build(started.connection, SystemClock())

        assert len(open_files()) <= files
        assert len(asyncio.all_tasks()) <= tasks

    async def test_place_that_is_taken(self, subject: ReceiverUnderTest) -> None:
        """Where it can't listen the run ends in words at once, as unavailable or refused."""
        sink = Recorder()

        async with subject.occupied(), running(subject.spec, subject.connection, sink) as run:
            words = await ending(run, (DeviceUnavailable, DeviceRefused), 5)

        assert len(words) > 20
        assert not sink.signals

    async def test_panel_that_never_speaks(self, subject: ReceiverUnderTest) -> None:
        """It is lost in the declared time, and was never told to be there."""
        await subject.misbehave(Fault.SILENT)
        await subject.start()
        sink = Recorder()

        try:
            async with supervised(subject, sink):
                await until(lambda: Presence.OFFLINE in sink.presences_of(subject.device), 10)
        finally:
            await subject.stop()

        assert Presence.ONLINE not in sink.presences_of(subject.device)
        assert not sink.signals

    async def test_panel_that_calls(self, started: ReceiverUnderTest) -> None:
        """It is told as there at its first word, before any alarm."""
        sink = Recorder()

        async with running(started.spec, started.patient_connection, sink):
            await until(lambda: sink.presence_of(started.device) is Presence.ONLINE, 10)

    async def test_press_and_release(self, started: ReceiverUnderTest) -> None:
        """Each is told once, in order, and acknowledged."""
        sink = Recorder()

        async with running(started.spec, started.patient_connection, sink):
            started.press()
            started.release()
            await until(lambda: started.acknowledged == 2, 10)

        assert told(sink, started) == [Level.ACTIVE, Level.NORMAL]
        assert sink.presence_of(started.device) is Presence.ONLINE

    async def test_i1_acknowledged_after_the_commit(self, started: ReceiverUnderTest) -> None:
        """While the journal has not committed, the panel hears nothing; then it does."""
        sink = Recorder()
        sink.commits.clear()

        async with running(started.spec, started.patient_connection, sink):
            started.press()
            await until(lambda: sink.waiting > 0, 10)
            await asyncio.sleep(0.1)  # an answer would have come
            assert started.acknowledged == 0
            sink.commits.set()
            await until(lambda: started.acknowledged == 1, 10)

    async def test_i1_not_acknowledged_if_it_is_not_kept(self, started: ReceiverUnderTest) -> None:
        """A journal that does not take it: no acknowledgement; the panel repeats, and is heard when it can be kept."""
        sink = Recorder()
        sink.refusal = JournalUnwritable("not kept")

        async with running(started.spec, started.patient_connection, sink) as run:
            started.press()
            await asyncio.sleep(0.5)
            assert not run.done()
            assert started.acknowledged == 0
            sink.refusal = None
            await until(lambda: started.acknowledged == 1, 20)

        assert told(sink, started) == [Level.ACTIVE]

    async def test_i1_repetitions_are_heard_while_the_first_waits(self, started: ReceiverUnderTest) -> None:
        """In memory mode the journal waits for a device's second repetition: it must reach it while the first waits."""
        sink = Recorder()
        sink.commits.clear()

        async with running(started.spec, started.patient_connection, sink):
            started.press()
            await until(lambda: sink.waiting >= 3, 20)
            sink.commits.set()
            await until(lambda: started.acknowledged == 1, 10)

        assert told(sink, started) == [Level.ACTIVE]

    async def test_repetition(self, started: ReceiverUnderTest) -> None:
        """The same bytes again are handed on as they are: the journal knows them (I3), and the panel is answered."""
        sink = Recorder()

        async with running(started.spec, started.patient_connection, sink):
            await until(lambda: sink.presence_of(started.device) is Presence.ONLINE, 10)
            await started.repeat_next()
            started.press()
            await until(lambda: has_twice([message.data for message in sink.messages]), 10)

        assert told(sink, started) == [Level.ACTIVE]

    async def test_line_that_breaks_in_a_frame(self, started: ReceiverUnderTest) -> None:
        """Half a frame is no message; the whole one that follows is."""
        sink = Recorder()
        await started.break_next()

        async with running(started.spec, started.patient_connection, sink):
            started.press()
            await until(lambda: started.acknowledged == 1, 20)

        assert told(sink, started) == [Level.ACTIVE]

    async def test_garbage_around_a_frame(self, started: ReceiverUnderTest) -> None:
        """Bytes before and after it that are no frame are counted, and it is heard."""
        sink = Recorder()
        await started.surround_next()

        async with running(started.spec, started.patient_connection, sink):
            started.press()
            await until(lambda: started.acknowledged == 1, 10)
            started.release()
            await until(lambda: started.acknowledged == 2, 10)

        assert told(sink, started) == [Level.ACTIVE, Level.NORMAL]
        assert sink.garbage

    async def test_stranger(self, started: ReceiverUnderTest) -> None:
        """Whom the site file does not know, or with a wrong key, is told as such; no alarm is made of it."""
        await started.misbehave(Fault.REFUSED)
        sink = Recorder()

        async with running(started.spec, started.patient_connection, sink):
            started.press()
            await until(lambda: bool(sink.strangers), 10)

        data, why = sink.strangers[0]
        assert data
        assert len(why) > 20
        assert not told(sink, started)

    @pytest.mark.timeout(120)
    async def test_flood(self, started: ReceiverUnderTest) -> None:
        """A thousand events at once: none is lost, all are in order."""
        sink = Recorder()

        async with running(started.spec, started.patient_connection, sink):
            started.flood(MANY)
            await until(lambda: started.acknowledged == MANY, 90)

        assert told(sink, started) == [Level.ACTIVE, Level.NORMAL] * (MANY // 2)

    async def test_slow_panel(self, started: ReceiverUnderTest) -> None:
        """One that sends a few bytes at a time is heard all the same."""
        sink = Recorder()

        async with running(started.spec, started.patient_connection, sink):
            await until(lambda: sink.presence_of(started.device) is Presence.ONLINE, 10)
            await started.misbehave(Fault.SLOW)
            started.press()
            await until(lambda: told(sink, started) == [Level.ACTIVE], 30)

    @pytest.mark.parametrize("fault", [Fault.SILENT, Fault.HALF_OPEN])
    async def test_panel_that_falls_silent(self, started: ReceiverUnderTest, fault: Fault) -> None:
        """It is told as lost within the declared time, and as there when it speaks again, with what it had to say."""
        journal = Recorder()

        async with supervised(started, journal):
            await until(lambda: journal.presence_of(started.device) is Presence.ONLINE, 10)
            await started.misbehave(fault)
            await until(lambda: Presence.OFFLINE in journal.presences_of(started.device), 10)
            started.press()
            await started.misbehave(Fault.NONE)
            await until(lambda: journal.presence_of(started.device) is Presence.ONLINE, 20)
            await until(lambda: Level.ACTIVE in told(journal, started), 20)

    @pytest.mark.parametrize("fault", [Fault.NONE, Fault.SILENT, Fault.SLOW, Fault.GARBAGE, Fault.HALF_OPEN])
    async def test_lets_go_when_cancelled(self, started: ReceiverUnderTest, fault: Fault) -> None:
        """Whatever the panel does, a cancelled run ends within the limit, and listens no more."""
        sink = Recorder()
        async with running(started.spec, started.patient_connection, sink) as run:
            await until(lambda: sink.presence_of(started.device) is Presence.ONLINE, 10)
            await started.misbehave(fault)
            started.press()
            await asyncio.sleep(0.05)  # into the middle of something
            begun = time.monotonic()
            run.cancel()
            await asyncio.wait({run}, timeout=CANCEL_LIMIT_S)

            assert time.monotonic() - begun < CANCEL_LIMIT_S
            assert run.cancelled()

        async with running(started.spec, started.patient_connection, Recorder()) as run:
            await asyncio.wait({run}, timeout=0.3)
            assert not run.done(), "the place is still taken"

    async def test_lets_go_while_a_commit_hangs(self, started: ReceiverUnderTest) -> None:
        """A journal that does not answer keeps no driver from ending."""
        sink = Recorder()
        sink.commits.clear()

        async with running(started.spec, started.patient_connection, sink) as run:
            started.press()
            await until(lambda: sink.waiting > 0, 10)
            run.cancel()
            await asyncio.wait({run}, timeout=CANCEL_LIMIT_S)

            assert run.cancelled()

    async def test_error_of_the_sink_ends_the_run(self, started: ReceiverUnderTest) -> None:
        """What nobody expected is not swallowed: the run ends with the error, and the next begins anew."""
        sink = Recorder()
        sink.refusal = ArithmeticError("a bug")

        async with running(started.spec, started.patient_connection, sink) as run:
            started.press()
            await asyncio.wait({run}, timeout=10)

            assert run.done()
            assert "a bug" in repr(run.exception())

    async def test_supervised_through_a_power_cycle(self, started: ReceiverUnderTest) -> None:
        """After a power cut of the panel its alarms come through, without help."""
        journal = Recorder()

        async with supervised(started, journal, started.patient_connection):
            await until(lambda: journal.presence_of(started.device) is Presence.ONLINE, 10)
            await started.power_cycle(0.3)
            started.press()
            await until(lambda: Level.ACTIVE in told(journal, started), 20)

    async def test_supervised_through_a_restart_of_the_gateway(self, started: ReceiverUnderTest) -> None:
        """An event that waits at the panel while nobody listens is heard once somebody does."""
        async with supervised(started, Recorder(), started.patient_connection):
            pass
        started.press()
        journal = Recorder()

        async with supervised(started, journal, started.patient_connection):
            await until(lambda: told(journal, started) == [Level.ACTIVE], 20)
            await until(lambda: started.acknowledged == 1, 20)
