"""Every service of a running daemon: how each is built, and what they see of each other."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.exposition import CONTENT_TYPE_LATEST

from gateway.arming import ArmingService
from gateway.cameras import Cameras
from gateway.clock import Clock
from gateway.commanding import Commanding
from gateway.console.server import Console
from gateway.console.views import ConsoleDeps, HealthProblem, LinkState
from gateway.devices import Devices
from gateway.driver import DriverSpec
from gateway.errors import ActRefused, JournalUnwritable
from gateway.escalation import Escalation
from gateway.health.clockwatch import ClockNews, ClockWatch
from gateway.health.listener import MetricsListener
from gateway.health.metrics import Metrics
from gateway.health.notify import Notifier
from gateway.health.sources import Sources
from gateway.health.tracer import MetricsTracer
from gateway.health.watchdog import Stalls, Unattended, Watchdog
from gateway.keep import Service
from gateway.model import ClockState
from gateway.outputs import Outputs
from gateway.policy.outputs import OutputState
from gateway.recording.cameras import CameraStats
from gateway.site import Site
from gateway.store import Journal
from gateway.trace import Tracer
from gateway.tracefile import TraceFile
from gateway.uplink import Uplink

#: The service that serves the alarm devices: without it no alarm is taken in.
INTAKE = "supervisor"

#: Upkeep of the journal, and measured values to the destinations; seconds.
_PRUNE_S = 3600.0
_READINGS_S = 10.0


@dataclass(frozen=True, slots=True)
class Started:
    """Told once the console listens."""

    console: tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What every service is built upon."""

    site: Site
    drivers: Mapping[str, DriverSpec]
    clock: Clock
    clock_watch: ClockWatch
    latencies: MetricsTracer
    tracer: Tracer
    trace_file: TraceFile | None
    notifier: Notifier


class Services:
    """Every service of a running daemon, and what they see of each other through small views."""

    def __init__(
        self,
        basis: Basis,
        journal: Journal,
        started: Callable[[Started], None],
        *,
        failing: Callable[[], Mapping[str, str]],
    ) -> None:
        """`failing` gives the services that have failed and are not well again, and why."""
        self._site = basis.site
        self._clock = basis.clock
        self._clock_watch = basis.clock_watch
        self._latencies = basis.latencies
        self._tracer = basis.tracer
        self._trace_file = basis.trace_file
        self._notifier = basis.notifier
        self._journal = journal
        self._started = started
        self._outputs: Outputs | None = None
        self._uplinks: dict[str, Uplink] = {}
        self._devices = Devices(
            basis.site, basis.drivers, journal, basis.clock, clock_state=basis.clock_watch.state
        )
        self._cameras = Cameras(
            basis.site, journal, basis.clock, self._devices, clock_state=basis.clock_watch.state
        )
        self._commanding = Commanding(basis.site, journal, self._devices.command, basis.clock)
        self._unattended = Unattended(lambda: failing().get(INTAKE), self._clock)
        self._watchdog = Watchdog(
            journal,
            [self._unattended, Stalls(self._devices.progress, self._clock)],
            self._clock,
            self._notifier,
        )

    def all(self) -> dict[str, Service]:
        """By name, in the order of their stop: outputs, which are switched off through their devices, then devices."""
        services: dict[str, Service] = {"outputs": self._serve_outputs} if self._site.outputs else {}
        services |= {
            INTAKE: self._serve_devices,
            "escalation": self._escalate,
            "arming": self._arm,
            "commands": self._commanding.run,
        }
        services |= self._cameras.all()
        services |= {
            "console": self._serve_console,
            "clock": self._watch_clock,
            "metrics": self._serve_metrics,
            "readings": self._pass_readings,
            "upkeep": self._prune,
            "watchdog": self._watchdog.run,
        }
        for number, settings in enumerate(self._site.uplinks):
            services[f"uplink {settings.name}"] = lambda number=number: self._deliver(number)  # type: ignore[misc]
        if self._trace_file is not None:
            services["trace"] = self._trace_file.run
        return services

    # ---- the services, each built anew at each start

    async def _serve_devices(self) -> None:
        with self._unattended.attending():
            await self._devices.run()

    async def _escalate(self) -> None:
        await Escalation(self._journal, self._site.escalation, self._clock).run()

    async def _serve_outputs(self) -> None:
        self._outputs = Outputs(
            self._site, self._journal, self._devices, self._clock, self._clock_watch.state
        )
        await self._outputs.run()

    async def _arm(self) -> None:
        await ArmingService(self._site, self._journal, self._clock, self._clock_watch.state).run()

    async def _deliver(self, number: int) -> None:
        settings = self._site.uplinks[number]
        uplink = Uplink(
            settings,
            self._site,
            self._journal,
            self._clock,
            self._tracer,
            clock_state=self._clock_watch.state,
            reasons=self._degraded,
            snapshots=self._cameras if self._site.cameras else None,
        )
        self._uplinks[settings.name] = uplink
        await uplink.run()

    async def _serve_console(self) -> None:
        console = Console(
            ConsoleDeps(
                journal=self._journal,
                site=self._site,
                clock=self._clock,
                clock_state=self._clock_watch.state,
                uplink=self,
                health=self,
                coverage=self._cameras if self._site.cameras else None,
                outputs=self,
                commands=self._commanding,
                footage=self._cameras,
                media=self._cameras.media,
                evidence=self._cameras,
                watch=self._cameras,
                picture=self._cameras.picture,
                exports_dir=self._cameras.exports_dir,
            )
        )
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(console.serve())
            address = await console.listening()
            self._started(Started(address))
            await serving

    async def _watch_clock(self) -> None:
        await self._clock_watch.run(ClockNews(self._journal))

    async def _serve_metrics(self) -> None:
        metrics = Metrics(
            Sources(
                site=self._site,
                journal=self._journal,
                clock=self._clock,
                tracer=self._latencies,
                clock_state=self._clock_watch.state,
                problems=self._watchdog.problems,
                connections=self._devices,
                links=self,
                recording=self,
                footage=self._cameras.stats,
                outputs=self.outputs,
            )
        )
        await MetricsListener(self._site.metrics, metrics.page, CONTENT_TYPE_LATEST, self._clock).run()

    async def _pass_readings(self) -> None:
        """Measured values that are new since the last round go to every destination."""
        sent: dict[tuple[str, str], datetime] = {}
        while True:
            await self._clock.sleep(_READINGS_S)
            for reading in self._devices.latest_readings():
                key = (reading.device, reading.point)
                if sent.get(key) != reading.at:
                    sent[key] = reading.at
                    for uplink in self._uplinks.values():
                        uplink.reading(reading)

    async def _prune(self) -> None:
        while True:
            if self._clock_watch.state() is ClockState.TRUSTED:
                with contextlib.suppress(JournalUnwritable):  # the journal tells of its own trouble
                    while await self._journal.prune(self._clock.now()):
                        await self._clock.sleep(1)
            await self._clock.sleep(_PRUNE_S)

    # ---- what they see of each other

    def _degraded(self) -> tuple[str, ...]:
        """The reasons that `state` gives besides those of its line and of the journal (CONTRACT, `degraded`)."""
        return ("clock untrusted",) if self._clock_watch.state() is ClockState.UNTRUSTED else ()

    def links(self) -> Sequence[LinkState]:
        """Every destination's connection, for the console and the metrics."""
        views = [uplink.view() for uplink in self._uplinks.values()]
        return [LinkState(name=v.name, connected=v.connected, since=v.since, reason=v.problem) for v in views]

    def problems(self) -> Sequence[HealthProblem]:
        """Why alarm intake does not work, for the console's health page."""
        return [HealthProblem(problem.code, problem.message) for problem in self._watchdog.problems()]

    def outputs(self) -> Sequence[OutputState]:
        """How every output is; none where they are not served."""
        return self._outputs.states() if self._outputs else ()

    async def test_output(self, output: str, actor: str) -> OutputState:
        """A person tests an output. Raises NotFound, ActRefused."""
        if self._outputs is None:
            raise ActRefused("outputs are not served just now: try again", code="outputs-down")
        return await self._outputs.test(output, actor)

    def cameras(self) -> Sequence[CameraStats]:
        """The recording's figures."""
        return self._cameras.cameras()
