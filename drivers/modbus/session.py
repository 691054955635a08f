"""What has become of the devices of one connection since it was made: whose turn it is, who is lost, what is told."""

import math
from collections.abc import Sequence

from drivers.modbus.codec import OUT_OF_RANGE
from drivers.modbus.link import GatewayAnswered, NoAnswer, RequestRefused
from drivers.modbus.outputs import Order, Orders
from drivers.modbus.polling import LOST_RETRY, REFUSED_RETRY_S, News, PolledBlock, PolledDevice
from drivers.modbus.reports import Reports
from drivers.modbus.schedule import Turns
from drivers.modbus.settings import ModbusConnection
from gateway.clock import Clock
from gateway.driver import Sink
from gateway.model import Reading, Signal


class Session:
    """What has become of the devices since the connection was made. Never waits.

    `_unanswered` counts requests since anybody on the line answered, `_alive_at` is when somebody last did. No silent
    device is asked before `_knock_at`: after each time-out the others have the line for as long, and until all quick
    requests that were due by then (`_timed_out_at`) are made.
    """

    def __init__(
        self, connection: ModbusConnection, clock: Clock, sink: Sink, reports: Reports, orders: Orders
    ) -> None:
        self._clock = clock
        self._sink = sink
        self._reports = reports
        self._timeout = connection.settings.request_timeout_s
        self._needs_quiet = not connection.settings.has_transaction_ids
        self._devices = [
            PolledDevice(device, clock.monotonic(), by_shape=self._needs_quiet)
            for device in connection.devices
        ]
        self._by_id = {polled.device.id: polled for polled in self._devices}
        self._blocks = self._all_blocks()
        self._turns = Turns()
        self.orders = orders
        self._unanswered = 0
        self._alive_at = -math.inf
        self._knock_at = -math.inf
        self._timed_out_at = -math.inf
        self.is_dead = False

    @property
    def obituary(self) -> str:
        """Why nobody on the connection counts as there, in a technician's words."""
        whys = {device.why for device in self._devices}
        if len(self._devices) == 1:
            return f"device {self._devices[0].device.id}: {self._devices[0].why}"
        return f"none of {len(self._devices)} devices answers: {', '.join(sorted(whys))}"

    def next(self) -> tuple[PolledBlock | Order, float]:
        """What is to be sent next, and the monotonic second of its turn."""
        now = self._clock.monotonic()
        writes: list[tuple[float, PolledBlock | Order]] = [
            (self._ready(self._by_id[order.device.id]), order) for order in self.orders.waiting()
        ]
        reads: list[tuple[float, PolledBlock | Order]] = [
            (self._at(polled, now), polled) for polled in self._blocks
        ]
        living = sum(polled.fast and not polled.owner.failures for polled in self._blocks)
        at, chosen = self._turns.choose(reads, writes, now, max(1, living))
        return chosen, at

    def _at(self, polled: PolledBlock, now: float) -> float:
        """When it can be made: at its deadline, by which those that are late are ranked, but not before its device is ready."""
        ready = self._ready(polled.owner)
        return polled.due if ready <= now else max(polled.due, ready)

    def _ready(self, device: PolledDevice) -> float:
        if not device.failures:
            return device.quiet_until
        if self._somebody_still_waits():
            return math.inf
        return max(device.quiet_until, self._knock_at)

    def _somebody_still_waits(self) -> bool:
        """Whether a quick request that the last time-out has held up was not made yet: one time-out is enough for it."""
        return any(
            polled.fast and not polled.owner.failures and polled.due <= self._timed_out_at
            for polled in self._blocks
        )

    def sent(self, chosen: PolledBlock | Order) -> None:
        """That had its turn: it was answered, or not."""
        self._turns.took(fast=chosen.fast)
        if isinstance(chosen, Order):
            self._by_id[chosen.device.id].leave_alone(self._clock.monotonic(), chosen.gap_s)
        else:
            chosen.owner.leave_alone(self._clock.monotonic(), block=chosen.block)

    def written(self, order: Order) -> None:
        """The device has taken a write."""
        self._has_answered(self._by_id[order.device.id], self._clock.monotonic())
        self._tell_presence(self._by_id[order.device.id])

    def answered(self, polled: PolledBlock, cells: Sequence[int]) -> None:
        """Report what is new in an answer, unless it may be one to an older request: then it is asked for again."""
        now = self._clock.monotonic()
        device = polled.owner
        self._has_answered(device, now)
        if not device.believes(polled.block, cells, now):
            polled.due = now
            self._tell_presence(device)
            return
        polled.due = max(polled.due + polled.interval, now)
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
        polled.due = now + polled.interval
        device = polled.owner
        self._has_answered(device, now)
        if polled.only_watches:
            self._tell_presence(device)
            return
        if refusal.code in OUT_OF_RANGE and device.split(now):
            self._blocks = self._all_blocks()
            return
        polled.refusals += 1
        if polled.refusals >= device.device.settings.lost_after:
            polled.due = now + REFUSED_RETRY_S
            device.refused[polled.block] = str(refusal)
            self._tell_presence(device)

    def missed(self, sent: PolledBlock | Order, failure: NoAnswer) -> None:
        """The device said nothing that could be read: ask it less often, and see whether it is only this one."""
        now = self._clock.monotonic()
        device = self._by_id[sent.device.id] if isinstance(sent, Order) else sent.owner
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
        self._timed_out_at = now
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
                    kind=level.kind,
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
