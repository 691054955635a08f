"""The daemon: opens the journal, runs the services, and stops them in order."""

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway import __version__
from gateway.clock import Clock
from gateway.driver import DriverSpec
from gateway.errors import GatewayError
from gateway.health.clockwatch import CONFIRMED, ClockWatch
from gateway.health.notify import Notifier
from gateway.health.tracer import MetricsTracer
from gateway.keep import INTAKE_AGAIN_S, INTAKE_WELL_AFTER_S, Keep, Service
from gateway.model import GATEWAY, EventType, Kind
from gateway.services import INTAKE, Basis, Services, Started
from gateway.site import Site
from gateway.store import Journal
from gateway.tracefile import TraceFile, Tracers

logger = logging.getLogger(__name__)


#: Threads for what blocks, made as they are needed: a few that hang in a dying disk must not keep the uplink from dialling.
MOST_THREADS = 64


class AlreadyRunning(GatewayError):  # noqa: N818 - says what is the case
    """Another daemon has this state directory: stop it first."""


class Daemon:
    """One gateway. `problem` is what is wrong with the site file that was named, if it runs on the last good one."""

    def __init__(
        self,
        site: Site,
        drivers: Mapping[str, DriverSpec],
        clock: Clock,
        *,
        problem: str = "",
        trace: Path | None = None,
    ) -> None:
        latencies = MetricsTracer(uplink.name for uplink in site.uplinks)
        trace_file = TraceFile(trace, clock) if trace else None
        self._problem = problem
        self._basis = Basis(
            site=site,
            drivers=drivers,
            clock=clock,
            clock_watch=ClockWatch(site.site.clock, clock, confirmed_by=site.site.state_dir / CONFIRMED),
            latencies=latencies,
            tracer=Tracers(latencies, *([trace_file] if trace_file else [])),
            trace_file=trace_file,
            notifier=Notifier.from_environment(),
        )

    async def run(self, stop: asyncio.Event, started: Callable[[Started], None] = lambda _: None) -> None:
        """Serve until `stop` is set. Raises AlreadyRunning."""
        basis = self._basis
        asyncio.get_running_loop().set_default_executor(
            ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="gateway")
        )
        with _lock(basis.site.site.state_dir):
            journal = await Journal.open(
                basis.site, clock=basis.clock, tracer=basis.tracer, clock_state=basis.clock_watch.state
            )
            await asyncio.to_thread(basis.clock_watch.not_before, journal.status.newest)
            try:
                await self._begin(journal)
                await self._serve(journal, stop, started)
            finally:
                basis.notifier.stopping()
                await journal.close()

    async def _begin(self, journal: Journal) -> None:
        """What the journal hears at every start."""
        boot = journal.status.boot
        await journal.emit(EventType.GATEWAY_STARTED, GATEWAY, {"boot": boot, "version": __version__})
        if withdrawn := await journal.withdraw_missing():
            logger.info(
                "%d open alarms are of points no longer in the site file: they count as returned", withdrawn
            )
        if self._problem:
            await journal.raise_own(Kind.SITE_FILE, GATEWAY, self._problem[:2000])
        else:
            await journal.return_own(Kind.SITE_FILE, GATEWAY)

    async def _serve(self, journal: Journal, stop: asyncio.Event, started: Callable[[Started], None]) -> None:
        keep = Keep(journal, self._basis.clock)
        services = Services(self._basis, journal, started, failing=lambda: keep.failing)
        tasks = [
            asyncio.create_task(_kept(keep, name, service), name=name)
            for name, service in services.all().items()
        ]
        # Alarms are taken in from here on; a console whose port is taken must not make the service manager end us.
        self._basis.notifier.ready("alarm intake has started")
        try:
            await stop.wait()
            logger.info("stopping")
        finally:
            # Outputs and devices first, so that nothing new is taken in; the journal is closed last of all, by `run`.
            for task in tasks:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


def _kept(keep: Keep, name: str, service: Service) -> Coroutine[None, None, None]:
    if name == INTAKE:
        return keep.run(name, service, again_s=INTAKE_AGAIN_S, well_s=INTAKE_WELL_AFTER_S)
    return keep.run(name, service)


@contextlib.contextmanager
def _lock(state_dir: Path) -> Iterator[None]:
    """One daemon for a state directory. A disk that does not even take a lock file does not stop us."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        logger.warning("no lock file can be made in %s: %s", state_dir, error)
        yield
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(f"another gateway is using {state_dir}; stop it first") from error
        yield
    finally:
        os.close(descriptor)
