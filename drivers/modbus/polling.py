"""One device in one session: its requests with their deadlines, how it has answered, and what is known of its points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from drivers.modbus.codec import Block, sensor_fault_of, value_of
from drivers.modbus.schedule import COPY_S, Request, confusable, requests_of
from drivers.modbus.settings import ModbusDevice, ModbusPoint
from drivers.modbus.tracking import PointTrack, Told
from gateway.model import Kind, Level, Origin, Presence
from gateway.policy.backoff import Backoff

#: A lost device is asked once in so long, one request each time.
LOST_RETRY = Backoff(first_s=1.0, longest_s=8.0)

#: What a device refuses to read is asked again after so long, in case somebody has put it right.
REFUSED_RETRY_S = 10.0

#: So long after a request without an answer that may still come, on lines without transaction numbers, in seconds.
OLD_ANSWERS_S = 3.0

#: A value that does not change is given again after so long, so that its time tells that it is still measured.
READING_REFRESH_S = 60.0


@dataclass(frozen=True, slots=True)
class LevelNews:
    """A level to report; `kind` is the point's own, or a fault of its sensor; `detail` the value or fault in words."""

    point: ModbusPoint
    kind: Kind
    level: Level
    origin: Origin
    detail: str


@dataclass(frozen=True, slots=True)
class News:
    """What an answer has brought: levels to report, values to give on."""

    levels: list[LevelNews]
    values: list[tuple[ModbusPoint, float]]


class PolledBlock:
    """One request that is made again and again, and what is known from its answers.

    `due` is a monotonic second, `interval` how often it is made, in seconds. `refusals` are those in a row.
    One that `only_watches` has no points: any answer tells that the device is there.
    """

    def __init__(self, owner: "PolledDevice", request: Request, due: float) -> None:
        self.owner = owner
        self.block = request.block
        self.fast = request.fast
        self.only_watches = not request.points
        self.due = due
        keys = owner.device.settings
        self.interval = keys.fast_s if request.fast else keys.slow_s
        self.refusals = 0
        points = [(point, point.settings.address - request.block.address) for point in request.points]
        self._tracked = [
            (point, offset)
            for point, offset in points
            if point.settings.says_level or point.settings.has_validity
        ]
        self._values = [(point, offset) for point, offset in points if point.settings.is_value]
        self.forget()

    def forget(self) -> None:
        """Begin anew: the next answer tells the present state."""
        self._cells: Sequence[int] | None = None
        self._settling = False
        self._refresh_at = -math.inf if self._values else math.inf
        self._tracks = [(point, offset, PointTrack(point.settings)) for point, offset in self._tracked]

    def take(self, cells: Sequence[int], now: float) -> News | None:
        """The news in an answer at that monotonic second; an answer like the last one costs one comparison."""
        if cells == self._cells and not self._settling and now < self._refresh_at:
            return None
        news = News(self._news_of_levels(cells, now), self._news_of_values(cells, now))
        self._cells = cells
        return news

    def _news_of_levels(self, cells: Sequence[int], now: float) -> list[LevelNews]:
        news = [
            _news(point, told, cells[offset])
            for point, offset, track in self._tracks
            for told in track.observe(cells[offset], now)
        ]
        self._settling = any(track.settling for _, _, track in self._tracks)
        return news

    def _news_of_values(self, cells: Sequence[int], now: float) -> list[tuple[ModbusPoint, float]]:
        before = self._cells
        if now >= self._refresh_at:
            before, self._refresh_at = None, now + READING_REFRESH_S
        return [
            (point, value_of(point.settings, cells[offset]))
            for point, offset in self._values
            if (before is None or cells[offset] != before[offset])
            and not sensor_fault_of(point.settings, cells[offset])
        ]


def _news(point: ModbusPoint, told: Told, cell: int) -> LevelNews:
    kind = Kind.FAULT if told.of_sensor else point.kind
    return LevelNews(point, kind, told.level, told.origin, told.fault or in_words(point, cell))


def in_words(point: ModbusPoint, cell: int) -> str:
    """The value in a cell with its unit; empty for a point that measures nothing."""
    if not point.settings.is_value:
        return ""
    return f"{value_of(point.settings, cell):g} {point.settings.unit}".rstrip()


class PolledDevice:
    """How one device has answered so far.

    `failures` are those in a row, `silent_since` the monotonic second of the first of them, `why` the words for the
    last; `lost` is whether they were enough. `refused` is what it will not let us read, and why. `told` is the last
    word on its presence. `quiet_until` is the monotonic second before which it is to be left alone. With `by_shape` its
    answers are known by their function and length alone: until `doubtful_until` an old one may be on its way.
    """

    def __init__(self, device: ModbusDevice, now: float, *, by_shape: bool) -> None:
        self.device = device
        self.doubtful_until = -math.inf
        self._unconfirmed: dict[Block, Sequence[int]] = {}
        self._by_shape = by_shape
        self._confusable: frozenset[Block] = frozenset()
        self.quiet_until = -math.inf
        self.failures = 0
        self.silent_since = now
        self.why = ""
        self.lost = False
        self.refused: dict[Block, str] = {}
        self.told: tuple[Presence, str] | None = None
        self.blocks = self._planned(now, bridge=True)

    @property
    def interval(self) -> float:
        """How often anything of it is asked for, in seconds."""
        return min(polled.interval for polled in self.blocks)

    @property
    def is_missed(self) -> bool:
        """It has been silent so often that it is lost, provided that the line is alive."""
        return self.failures >= self.device.settings.lost_after

    @property
    def presence(self) -> tuple[Presence, str]:
        """What there is to tell once it has answered or is lost."""
        if self.lost:
            return Presence.OFFLINE, self.why
        if self.refused:
            return Presence.OFFLINE, next(iter(self.refused.values()))
        return Presence.ONLINE, ""

    def failed(self, now: float, why: str) -> None:
        """A request got no answer."""
        if not self.failures:
            self.silent_since = now
        self.failures += 1
        self.why = why
        self.doubtful_until = now + OLD_ANSWERS_S

    def answered(self) -> None:
        """A request got an answer, be it a refusal. After a loss, what was known of its points is old."""
        if self.is_missed:
            for polled in self.blocks:
                polled.forget()
        self.failures = 0
        self.lost = False

    def believes(self, block: Block, cells: Sequence[int], now: float) -> bool:
        """Whether an answer is to this request: soon after a silence, one like another's must be said twice."""
        if now >= self.doubtful_until or block not in self._confusable:
            self._unconfirmed.pop(block, None)
            return True
        if self._unconfirmed.get(block) == cells:
            return True
        self._unconfirmed[block] = cells
        return False

    def put_off(self, until: float) -> None:
        """Ask nothing before that monotonic second: whoever does not answer costs a time-out each time."""
        for polled in self.blocks:
            polled.due = max(polled.due, until)

    def split(self, now: float) -> bool:
        """Ask for named cells only from now on; False if that has been so already."""
        blocks = self._planned(now, bridge=False)
        if {polled.block for polled in blocks} == {polled.block for polled in self.blocks}:
            return False
        self.blocks = blocks
        self.refused.clear()
        return True

    def leave_alone(self, now: float, gap_s: float = 0.0, block: Block | None = None) -> None:
        """A request to it has ended (that read `block`): the next one keeps its gap."""
        copy_s = COPY_S if block in self._confusable else 0.0
        self.quiet_until = now + max(gap_s, self.device.settings.gap_ms / 1000, copy_s)

    def _planned(self, now: float, *, bridge: bool) -> list[PolledBlock]:
        requests = requests_of(self.device, bridge=bridge)
        self._confusable = confusable(requests) if self._by_shape else frozenset()
        return [PolledBlock(self, request, now) for request in requests]
