"""One device in one session: its requests with their deadlines, how it has answered, and what is known of its points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from drivers.modbus.codec import Block, plan, value_of
from drivers.modbus.settings import ModbusDevice, ModbusPoint
from drivers.modbus.tracking import PointTrack
from gateway.model import Level, Origin, Presence
from gateway.policy.backoff import Backoff

#: A lost device is asked once in so long, one request each time.
LOST_RETRY = Backoff(first_s=1.0, longest_s=8.0)

#: What a device refuses to read is asked again after so long, in case somebody has put it right.
REFUSED_RETRY_S = 10.0

#: A value that does not change is given again after so long, so that its time tells that it is still measured.
READING_REFRESH_S = 60.0


@dataclass(frozen=True, slots=True)
class LevelNews:
    """A level to report; `detail` is the value behind it, in words."""

    point: ModbusPoint
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

    `due` is a monotonic second. `refusals` are those in a row.
    """

    def __init__(self, owner: "PolledDevice", block: Block, due: float) -> None:
        self.owner = owner
        self.block = block
        self.due = due
        self.refusals = 0
        points = [
            (point, point.settings.address - block.address)
            for point in owner.device.points
            if (point.settings.function, point.settings.address) in block
        ]
        self._levels = [(point, offset) for point, offset in points if point.settings.says_level]
        self._values = [(point, offset) for point, offset in points if point.settings.is_value]
        self.forget()

    def forget(self) -> None:
        """Begin anew: the next answer tells the present state."""
        self._cells: Sequence[int] | None = None
        self._settling = False
        self._refresh_at = -math.inf if self._values else math.inf
        self._tracks = [(point, offset, PointTrack(point.settings)) for point, offset in self._levels]

    def take(self, cells: Sequence[int], now: float) -> News | None:
        """The news in an answer at that monotonic second; an answer like the last one costs one comparison."""
        if cells == self._cells and not self._settling and now < self._refresh_at:
            return None
        news = News(self._news_of_levels(cells), self._news_of_values(cells, now))
        self._cells = cells
        return news

    def _news_of_levels(self, cells: Sequence[int]) -> list[LevelNews]:
        news = [
            LevelNews(point, *found, _in_words(point, cells[offset]))
            for point, offset, track in self._tracks
            if (found := track.observe(cells[offset])) is not None
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
            if before is None or cells[offset] != before[offset]
        ]


def _in_words(point: ModbusPoint, cell: int) -> str:
    if not point.settings.is_value:
        return ""
    return f"{value_of(point.settings, cell):g} {point.settings.unit}".rstrip()


class PolledDevice:
    """How one device has answered so far.

    `failures` are those in a row, `silent_since` the monotonic second of the first of them, `why` the words for the
    last; `lost` is whether they were enough. `refused` is what it will not let us read, and why. `told` is the last
    word on its presence.
    """

    def __init__(self, device: ModbusDevice, now: float) -> None:
        self.device = device
        self.interval = device.settings.poll_ms / 1000
        self.failures = 0
        self.silent_since = now
        self.why = ""
        self.lost = False
        self.refused: dict[Block, str] = {}
        self.told: tuple[Presence, str] | None = None
        self.blocks = self._planned(now, bridge=True)

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

    def answered(self) -> None:
        """A request got an answer, be it a refusal. After a loss, what was known of its points is old."""
        if self.is_missed:
            for polled in self.blocks:
                polled.forget()
        self.failures = 0
        self.lost = False

    def put_off(self, until: float) -> None:
        """Ask nothing before that monotonic second: whoever does not answer costs a time-out each time."""
        for polled in self.blocks:
            polled.due = max(polled.due, until)

    def split(self, now: float) -> bool:
        """Ask for named cells only from now on; False if that has been so already."""
        blocks = self._planned(now, bridge=False)
        if len(blocks) == len(self.blocks):
            return False
        self.blocks = blocks
        self.refused.clear()
        return True

    def _planned(self, now: float, *, bridge: bool) -> list[PolledBlock]:
        cells = [(point.settings.function, point.settings.address) for point in self.device.points]
        return [PolledBlock(self, block, now) for block in plan(cells, bridge=bridge)]
