"""Polls the devices of one Modbus connection by deadline, and reports what their points say."""

import asyncio
import math
from collections.abc import Sequence
from typing import NoReturn

from drivers.modbus.codec import OUT_OF_RANGE
from drivers.modbus.link import GatewayAnswered, Link, NoAnswer, RequestRefused
from drivers.modbus.polling import LOST_RETRY, REFUSED_RETRY_S, News, PolledBlock, PolledDevice
from drivers.modbus.reports import Reports
from drivers.modbus.settings import ModbusConnection
from gateway.clock import Clock
from gateway.driver import Sink
from gateway.errors import DeviceUnavailable
from gateway.model import Reading, Signal


class ModbusDriver:
    """One connection, TCP or serial, and all its devices; one request is under way at a time.

    A silent device costs the others one time-out now and then. It is lost only if somebody else answers; if nobody
    does, the connection is gone. `polled_at` is the monotonic second at which the last request ended, or to which there
    is none to make.
    """

    def __init__(self, connection: ModbusConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self.polled_at = clock.monotonic()

    async def run(self, sink: Sink) -> NoReturn:
        """Serve until cancelled. Raises DeviceUnavailable and DeviceRefused, after all that was seen is reported."""
        link = Link(self._connection.settings, self._clock)
        try:
            await link.open()
            async with asyncio.TaskGroup() as tasks:
                end = await self._serve(
                    _Session(self._connection, self._clock, sink, Reports(sink, tasks)), link
                )
                link.close()
        finally:
            link.close()
        raise end

    async def _serve(self, session: "_Session", link: Link) -> DeviceUnavailable:
        while True:
            polled, due = session.next()
            wait = due - self._clock.monotonic()
            if wait > 0:
                self.polled_at = due
                await self._clock.sleep(wait)
            try:
                cells = await link.read(polled.owner.device.settings.slave, polled.block)
            except NoAnswer as failure:
                session.missed(polled, failure)
                if session.is_dead:
                    return DeviceUnavailable(f"{link.name}: {session.obituary}")
            except RequestRefused as refusal:
                session.refused(polled, refusal)
            except DeviceUnavailable as gone:
                return gone
            else:
                session.answered(polled, cells)
            self.polled_at = self._clock.monotonic()


class _Session:
    """What has become of the devices since the connection was made. Never waits.

    `_unanswered` counts requests since anybody on the line answered, `_alive_at` is when somebody last did. No silent
    device is asked before `_knock_at`: after each time-out the others have the line for as long.
    """

    def __init__(self, connection: ModbusConnection, clock: Clock, sink: Sink, reports: Reports) -> None:
        self._clock = clock
        self._sink = sink
        self._reports = reports
        self._timeout = connection.settings.request_timeout_s
        self._needs_quiet = not connection.settings.has_transaction_ids
        self._devices = [PolledDevice(device, clock.monotonic()) for device in connection.devices]
        self._blocks = self._all_blocks()
        self._unanswered = 0
        self._alive_at = -math.inf
        self._knock_at = -math.inf
        self.is_dead = False

    @property
    def obituary(self) -> str:
        """Why nobody on the connection counts as there, in a technician's words."""
        whys = {device.why for device in self._devices}
        if len(self._devices) == 1:
            return f"device {self._devices[0].device.id}: {self._devices[0].why}"
        return f"none of {len(self._devices)} devices answers: {', '.join(sorted(whys))}"

    def next(self) -> tuple[PolledBlock, float]:
        """The request whose deadline comes first, and that deadline."""
        polled = min(self._blocks, key=self._due)
        return polled, self._due(polled)

    def _due(self, polled: PolledBlock) -> float:
        return max(polled.due, self._knock_at) if polled.owner.failures else polled.due

    def answered(self, polled: PolledBlock, cells: Sequence[int]) -> None:
        """Report what is new in an answer."""
        now = self._clock.monotonic()
        polled.due = max(polled.due + polled.owner.interval, now)
        device = polled.owner
        self._has_answered(device, now)
        polled.refusals = 0
        device.refused.pop(polled.block, None)
        self._tell_presence(device)
        news = polled.take(cells, now)
        if news is not None:
            self._tell(device, news)

    def refused(self, polled: PolledBlock, refusal: RequestRefused) -> None:
        """The device is there and will not let us read: what else it has goes on, and a person is told.

        It may only mind the unused cells that were read along: then it is asked without them.
        """
        now = self._clock.monotonic()
        polled.due = now + polled.owner.interval
        device = polled.owner
        self._has_answered(device, now)
        if refusal.code in OUT_OF_RANGE and device.split(now):
            self._blocks = self._all_blocks()
            return
        polled.refusals += 1
        if polled.refusals >= device.device.settings.lost_after:
            polled.due = now + REFUSED_RETRY_S
            device.refused[polled.block] = str(refusal)
            self._tell_presence(device)

    def missed(self, polled: PolledBlock, failure: NoAnswer) -> None:
        """The device said nothing that could be read: ask it less often, and see whether it is only this one."""
        now = self._clock.monotonic()
        device = polled.owner
        device.failed(now, str(failure))
        if failure.heard:
            self._sink.malformed(device.device.id, failure.heard, str(failure))
        if isinstance(failure, GatewayAnswered):
            self._line_is_alive(now)
        else:
            self._unanswered += 1
            self._suspect_line(device, now)
        if device.is_missed and self._alive_at >= device.silent_since:
            self._lose(device)
        everybody_silent = all(other.failures for other in self._devices)
        self._knock_at = -math.inf if everybody_silent else now + self._timeout
        device.put_off(now + self._retry_after(device, everybody_silent=everybody_silent))

    def _suspect_line(self, device: PolledDevice, now: float) -> None:
        """Nobody has answered since this one fell silent: ask the others now, before it is called lost."""
        everybody_silent = all(other.failures for other in self._devices)
        self.is_dead = everybody_silent and self._unanswered >= device.device.settings.lost_after
        if device.is_missed and self._alive_at < device.silent_since:
            for other in self._devices:
                if not other.failures:
                    other.blocks[0].due = min(other.blocks[0].due, now)

    def _has_answered(self, device: PolledDevice, now: float) -> None:
        if device.lost:  # power is back, perhaps for others too
            for other in self._devices:
                if other.lost:
                    other.blocks[0].due = now
        device.answered()
        self._line_is_alive(now)

    def _line_is_alive(self, now: float) -> None:
        self._alive_at = now
        if self._unanswered:
            self._unanswered = 0
            for device in self._devices:
                if device.is_missed:
                    self._lose(device)

    def _lose(self, device: PolledDevice) -> None:
        if not device.lost:
            device.lost = True
            self._tell_presence(device)

    def _retry_after(self, device: PolledDevice, *, everybody_silent: bool) -> float:
        """How long a silent device is left alone, in seconds: the lost ones take a fifth of the line at most.

        Without transaction ids a late answer could pass for the answer to the next request of the same device.
        """
        if device.lost:
            times = device.failures - device.device.settings.lost_after + 1
            lost = sum(other.lost for other in self._devices)
            return max(LOST_RETRY.ceiling(max(1, times)), 5 * lost * self._timeout)
        if everybody_silent:
            return max(device.interval, self._timeout if self._needs_quiet else 0.0)
        return max(device.interval, self._timeout)

    def _tell_presence(self, device: PolledDevice) -> None:
        if device.told != device.presence:
            device.told = device.presence
            self._reports.presence(device.device.id, *device.presence)

    def _tell(self, device: PolledDevice, news: News) -> None:
        at = self._clock.now()
        for level in news.levels:
            self._reports.signal(
                Signal(
                    device=device.device.id,
                    point=level.point.id,
                    kind=level.point.kind,
                    level=level.level,
                    origin=level.origin,
                    occurred_at=at,
                    detail=level.detail,
                )
            )
        for point, value in news.values:
            self._sink.reading(
                Reading(device=device.device.id, point=point.id, value=value, unit=point.settings.unit, at=at)
            )

    def _all_blocks(self) -> list[PolledBlock]:
        return [polled for device in self._devices for polled in device.blocks]
