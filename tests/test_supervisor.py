"""gateway.supervisor: retries, losses told once, and one connection's trouble kept from the others."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn

import pytest

from gateway.clock import Clock
from gateway.driver import CANCEL_LIMIT_S, Driver, Sink
from gateway.errors import DeviceRefused
from gateway.model import Kind, Level, Origin, Presence, Reading, Signal
from gateway.supervisor import Supervisor, keeper
from gateway.supervisor.readings import MOST_POINTS, LatestReadings
from tests.clocks import START
from tests.drivers.recorder import Recorder
from tests.scripted import (
    BUS,
    GONE,
    GONE_LATER,
    AnyConnection,
    RetryClock,
    Scene,
    Scripted,
    connection,
    failing,
    serve,
)
from tests.wait import until

PRESS = Signal(device="module", point="button", kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT)


async def test_waits_double_and_are_spread() -> None:
    """A connection that stays away is tried after half a second, then ever more rarely, at least twice a minute."""
    scene = Scene(GONE)
    async with scene.playing():
        await scene.failures(1)
        await scene.clock.retry(9)

    for wait, ceiling in zip(scene.clock.waits, [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30], strict=True):
        assert ceiling / 2 <= wait <= ceiling
    assert len(set(scene.clock.waits)) > 7
    assert scene.script.built == 10


async def test_each_attempt_has_a_fresh_driver_and_success_forgets_failures() -> None:
    """After a connection has served, the next loss is followed by a quick retry again."""
    scene = Scene(GONE, GONE, GONE, GONE_LATER, GONE)
    async with scene.playing():
        await scene.failures(1)
        await scene.clock.retry(3)

        assert scene.script.built == 4
        assert 1 <= scene.clock.waits[2] <= 2
        assert 0.25 <= scene.clock.waits[3] <= 0.5


async def test_a_bus_down_is_one_fault(caplog: pytest.LogCaptureFixture) -> None:
    """However often the retries fail, its loss is recorded once and logged once, and so is its return."""
    caplog.set_level(logging.INFO)
    scene = Scene(GONE_LATER, GONE, GONE, serve)
    async with scene.playing(BUS):
        await scene.failures(1)
        await scene.clock.retry(2)
        scene.clock.advance(60)
        await until(lambda: scene.script.built == 4 and len(scene.journal.presences) == 2)

    buses = [told for told in scene.journal.own if told[0].startswith("bus")]
    assert buses == [("bus-back", "bus"), ("bus-lost", "bus"), ("bus-back", "bus")]
    assert scene.journal.reasons == ["the cable came out"]
    assert {presence for _, presence, _ in scene.journal.presences} == {Presence.ONLINE}
    assert [(r.levelname, r.getMessage()) for r in caplog.records if r.name.startswith("gateway")] == [
        ("WARNING", "bus: unavailable: the cable came out"),
        ("INFO", "bus: back"),
    ]


async def test_a_device_of_its_own_is_lost_itself() -> None:
    """A connection that is no bus has one device, which is told to be offline once, with the reason."""
    scene = Scene(GONE_LATER, GONE, GONE, serve)
    async with scene.playing():
        await scene.failures(1)
        await scene.clock.retry(2)
        scene.clock.advance(60)
        await until(lambda: len(scene.journal.presences) == 3)

    assert scene.journal.presences == [
        ("module", Presence.ONLINE, ""),
        ("module", Presence.OFFLINE, "the cable came out"),
        ("module", Presence.ONLINE, ""),
    ]
    assert not [told for told in scene.journal.own if told[0].startswith("bus")]


async def test_gone_from_the_start_is_told() -> None:
    """A device that was never there is a loss too."""
    scene = Scene(GONE)
    async with scene.playing():
        await scene.failures(1)

        assert scene.journal.presences == [("module", Presence.OFFLINE, "the cable is out")]


async def test_a_refusal_is_retried_slowly_and_told_to_a_person() -> None:
    """A wrong password is not hammered: a fault is raised once, and it returns when the device serves."""
    scene = Scene(failing(DeviceRefused("wrong password")), failing(DeviceRefused("wrong password")), serve)
    async with scene.playing():
        await scene.failures(1)
        await scene.clock.retry()
        scene.clock.advance(60)
        await until(lambda: scene.journal.presence_of("module") is Presence.ONLINE)

    assert all(30 <= wait <= 60 for wait in scene.clock.waits)
    assert scene.journal.own == [("fault raised", "module"), ("fault returned", "module")]
    assert scene.journal.reasons == ["wrong password"]


async def test_a_broken_driver_harms_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    """A driver's bug is a fault of its device, logged once with its traceback; others go on, and it is tried again."""
    scene = Scene(serve, failing(ZeroDivisionError("oh")))
    async with scene.playing(connection("module"), connection("second")) as supervisor:
        await scene.failures(1)
        await scene.clock.retry(2)
        stats = {stat.connection: stat for stat in supervisor.stats()}

    assert stats["module"].serving
    assert stats["module"].attempts == 1
    assert stats["second"].faults == 3
    assert scene.journal.own.count(("fault raised", "second")) == 1
    assert "ZeroDivisionError: oh" in scene.journal.reasons[0]
    assert scene.journal.presence_of("second") is Presence.OFFLINE
    assert [0.25 <= scene.clock.waits[0] <= 0.5, 1 <= scene.clock.waits[2] <= 2] == [True, True]
    (logged,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert logged.exc_info
    assert logged.exc_info[0] is ZeroDivisionError


async def test_a_driver_that_breaks_soon_after_it_served_is_not_hammered() -> None:
    """Only one that ran well for a minute starts again without a longer wait."""
    broken = failing(ValueError("x"), first=serve)
    scene = Scene(broken)
    async with scene.playing():
        await scene.failures(1)
        await scene.clock.retry(3)

    assert 2 <= scene.clock.waits[3] <= 4


async def _cancel_itself(_: Sink) -> None:
    raise asyncio.CancelledError


class _Returning:
    def __init__(self, connection: AnyConnection, clock: Clock) -> None:
        pass

    async def run(self, sink: Sink) -> NoReturn:  # type: ignore[misc] # against the contract, as a bug is
        del sink


def _unbuildable(connection: AnyConnection, clock: Clock) -> Driver:
    raise LookupError(f"no {connection.id} at {clock}")


@pytest.mark.parametrize("build", [None, _Returning, _unbuildable])
async def test_other_ways_to_break(build: Callable[[AnyConnection, Clock], Driver] | None) -> None:
    """A driver that cancels itself, one whose run returns, and one that can't be built, are broken."""
    scene = Scene(_cancel_itself)
    if build is not None:
        scene.script.spec = replace(scene.script.spec, build=build)  # type: ignore[arg-type] # Callable loses names
    async with scene.playing() as supervisor:
        await scene.failures(1)

        assert supervisor.stats()[0].faults == 1
        assert scene.journal.own == [("fault raised", "module")]


async def test_one_that_swallows_a_cancellation_is_cancelled_again() -> None:
    """A library that loses the first cancellation does not hold up the end."""
    swallowed = asyncio.Event()

    async def act(sink: Sink) -> None:
        await serve(sink)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed.set()

    scene = Scene(act)
    async with asyncio.timeout(2 * CANCEL_LIMIT_S), scene.playing():
        await until(lambda: bool(scene.journal.presences))

    assert swallowed.is_set()


async def test_one_that_never_lets_go_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    """A driver that ignores every cancellation can't keep the daemon from ending; it is named in the log."""
    release = asyncio.Event()

    async def act(sink: Sink) -> None:
        await serve(sink)
        while not release.is_set():
            with suppress(asyncio.CancelledError):
                await release.wait()

    scene = Scene(act)
    async with asyncio.timeout(3 * CANCEL_LIMIT_S), scene.playing():
        await until(lambda: bool(scene.journal.presences))

    release.set()
    assert "module: driver does not let go" in caplog.text


async def test_who_speaks_is_there() -> None:
    """A report of a device of which nothing has been told means that it is online; what has been told stands."""

    async def act(sink: Sink) -> None:
        await sink.report(PRESS)
        await sink.report(PRESS)
        await sink.presence("module", Presence.OFFLINE, "refuses")
        await sink.report(PRESS)
        await sink.presence("module", Presence.OFFLINE, "refuses")

    scene = Scene(act)
    async with scene.playing():
        await until(lambda: len(scene.journal.signals) == 3)

    assert scene.journal.presences == [
        ("module", Presence.ONLINE, ""),
        ("module", Presence.OFFLINE, "refuses"),
    ]


async def test_a_hanging_commit_of_one_is_no_matter_to_another() -> None:
    """While the journal takes its time with one connection's signal, the other is served."""

    async def act(sink: Sink) -> None:
        await sink.report(PRESS)

    scene = Scene(act, serve)
    scene.journal.commits.clear()
    async with scene.playing(connection("first"), connection("module")) as supervisor:
        await until(lambda: [stat.serving for stat in supervisor.stats()] == [True, True])

        assert not scene.journal.signals


async def test_an_error_of_the_journal_is_not_hidden() -> None:
    """If a loss can't be recorded, the supervisor ends with the error, for the daemon to start again."""

    class Broken(Recorder):
        async def presence(self, *_: object, **__: object) -> None:
            raise RuntimeError("no journal")

    scene = Scene(GONE)
    supervisor = Supervisor(
        [connection()], {"scripted": scene.script.spec}, Broken(), scene.clock, random.Random(3)
    )

    with pytest.raises(ExceptionGroup) as caught:
        await supervisor.run()

    assert "no journal" in repr(caught.value.exceptions)


async def test_readings_and_garbage_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """The latest value of each point is at hand; unreadable input is counted for its device, logged once, kept once."""

    def value(point: str, number: float) -> Reading:
        return Reading(device="module", point=point, value=number, unit="°C", at=START)

    async def act(sink: Sink) -> None:
        for number in (1, 2, 3):
            sink.reading(value("t", number))
        sink.reading(value("h", 40))
        for _ in range(3):
            sink.malformed("module", b"\x00\xff" * 100, "no frame")
        sink.malformed(None, b"?", "nobody's")

    scene = Scene(act)
    async with scene.playing() as supervisor:
        await until(lambda: supervisor.stats()[0].readings == 4)

        assert [(reading.point, reading.value) for reading in supervisor.latest_readings()] == [
            ("t", 3),
            ("h", 40),
        ]
        assert supervisor.readings_dropped == 0
        assert supervisor.stats()[0].malformed == {"module": 4}
        assert supervisor.last_garbage()["module"].why == "nobody's"

    assert caplog.text.count("unreadable input") == 1


def test_readings_are_bounded() -> None:
    """Points beyond any site's number are dropped and counted; known ones go on."""
    readings = LatestReadings()
    for number in range(MOST_POINTS + 2):
        readings.take(Reading(device="d", point=f"p{number}", value=1, unit="", at=START))
    readings.take(Reading(device="d", point="p0", value=2, unit="", at=START))

    assert readings.dropped == 2
    assert len(readings.all()) == MOST_POINTS
    assert readings.all()[0].value == 2


async def test_signs_of_life() -> None:
    """A polling driver says itself when it last polled; one that listens, and a retry to come, are alive."""
    scene = Scene(GONE, serve)
    async with scene.playing() as supervisor:
        await scene.failures(1)
        assert supervisor.progress() == {"module": scene.clock.monotonic()}
        scene.clock.advance(10_000)
        await until(lambda: bool(supervisor.stats()[0].serving))

        assert supervisor.progress() == {"module": Scripted.polled_at}


async def test_a_keeper_that_is_dead_shows_no_life() -> None:
    """Signs of life are stamped by the keeper itself: time alone makes nobody alive."""
    scene = Scene(GONE)
    async with scene.playing() as supervisor:
        await scene.failures(1)
        stamped = scene.clock.monotonic()

    scene.clock.advance(10_000)
    assert supervisor.progress() == {"module": stamped}


async def test_a_driver_that_listens_is_alive_while_its_task_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is no stall: the keeper stamps a listening driver as long as it is awaited, and not after."""
    monkeypatch.setattr(keeper, "LOOK_S", 0.02)
    scene = Scene(serve)
    scene.script.spec = replace(scene.script.spec, build=_Listening)
    async with scene.playing() as supervisor:
        await until(lambda: supervisor.stats()[0].attempts == 1)
        scene.clock.advance(10_000)
        await until(lambda: supervisor.progress() == {"module": scene.clock.monotonic()})

    scene.clock.advance(10_000)
    assert supervisor.progress() == {"module": scene.clock.monotonic() - 10_000}


class _Listening:
    def __init__(self, connection: AnyConnection, clock: Clock) -> None:
        pass

    async def run(self, sink: Sink) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError(f"unreachable with {sink}")


async def test_nothing_to_supervise() -> None:
    """A site without devices, cameras alone, is no error."""
    await Supervisor([], {}, Recorder(), RetryClock(), random.Random(3)).run()
