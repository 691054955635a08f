"""Pure: which of a point's readings are news, and in what words they are told."""

import math
from collections import deque
from typing import NamedTuple

from drivers.modbus.codec import level_of, sensor_fault_of, value_of
from drivers.modbus.settings import InputKeys
from gateway.model import Level, Origin

#: The window of a rise is kept in so many parts, of each its lowest value.
RISE_PARTS = 30

#: A rise is over when it has fallen below this share of what raised the alarm.
RISE_ENDS_AT = 0.5


class Told(NamedTuple):
    """A level to tell; `fault` says what is wrong with the sensor, if it is of the sensor that it is told."""

    level: Level
    origin: Origin
    of_sensor: bool = False
    fault: str = ""


class Settled:
    """One condition without chatter: told at once when it comes, and when it has gone for good.

    Gone is after `debounce` reads in a row, the first and the last of them `after_s` seconds apart: so two returns are
    at least so long apart, and whatever happens in between is one and the same press.
    """

    __slots__ = ("_after_s", "_debounce", "_normal_reads", "_normal_since", "level")

    def __init__(self, debounce: int, after_s: float) -> None:
        self._debounce = debounce
        self._after_s = after_s
        self._normal_reads = 0
        self._normal_since = 0.0
        self.level: Level | None = None

    @property
    def settling(self) -> bool:
        """Whether the next read counts even if it is the same as this one."""
        return self._normal_reads > 0

    def observe(self, level: Level, now: float) -> tuple[Level, Origin] | None:
        """The news in what was read at that second, if there is any. The first read tells the present state."""
        if self.level is None:
            self.level = level
            return level, Origin.STATE
        if level is self.level:
            self.unsettle()
            return None
        if level is Level.NORMAL:
            if not self._normal_reads:
                self._normal_since = now
            self._normal_reads += 1
            if self._normal_reads < self._debounce or now - self._normal_since < self._after_s:
                return None
        self.unsettle()
        self.level = level
        return level, Origin.EVENT

    def unsettle(self) -> None:
        """The reads at rest so far don't count."""
        self._normal_reads = 0


class Rise:
    """How much a value has risen above its lowest within a window. Holds `RISE_PARTS` + 1 numbers at most."""

    __slots__ = ("_over_s", "_parts")

    def __init__(self, over_s: float) -> None:
        self._over_s = over_s
        self._parts: deque[tuple[int, float]] = deque()

    def observe(self, value: float, now: float) -> float:
        """The rise up to this value at that second."""
        part = math.floor(now * RISE_PARTS / self._over_s)
        while self._parts and self._parts[0][0] < part - RISE_PARTS:
            self._parts.popleft()
        if self._parts and self._parts[-1][0] == part:
            value_before = self._parts.pop()[1]
            self._parts.append((part, min(value, value_before)))
        else:
            self._parts.append((part, value))
        return value - min(lowest for _, lowest in self._parts)

    def forget(self) -> None:
        """Begin anew."""
        self._parts.clear()


class PointTrack:
    """What has been told of one point since its device was last found.

    The way into an alarm is never debounced; the way out is, by reads and by time (`Settled`). A broken sensor is told as
    a fault; while it is broken nothing is told of what it measures.
    """

    __slots__ = ("_keys", "_main", "_rise", "_sensor")

    def __init__(self, keys: InputKeys) -> None:
        self._keys = keys
        self._main = Settled(keys.return_debounce, keys.return_after_s or 0.0) if keys.says_level else None
        self._sensor = Settled(keys.return_debounce, 0.0) if keys.has_validity else None
        self._rise = Rise(keys.rise_over_s) if keys.rise_per_min is not None else None

    @property
    def settling(self) -> bool:
        """Whether the next read counts even if it is the same as this one: a value that stands still ends a rise."""
        parts = (self._main, self._sensor)
        return self._rise is not None or any(part is not None and part.settling for part in parts)

    def observe(self, cell: int, now: float) -> list[Told]:
        """The news in this bit or register, read at that monotonic second."""
        found: list[Told] = []
        fault = sensor_fault_of(self._keys, cell)
        if self._sensor is not None:
            level = Level.ACTIVE if fault else Level.NORMAL
            if (news := self._sensor.observe(level, now)) is not None:
                found.append(Told(*news, of_sensor=True, fault=fault))
        if fault or (self._sensor is not None and self._sensor.level is Level.ACTIVE):
            self._wait_for_the_sensor()
        elif self._main is not None and (news := self._main.observe(self._level(cell, now), now)) is not None:
            found.append(Told(*news))
        return found

    def _wait_for_the_sensor(self) -> None:
        if self._main is not None:
            self._main.unsettle()
        if self._rise is not None:
            self._rise.forget()

    def _level(self, cell: int, now: float) -> Level:
        assert self._main is not None
        level = level_of(self._keys, cell, self._main.level)
        if self._rise is None or self._keys.rise_per_min is None:
            return level
        risen = self._rise.observe(value_of(self._keys, cell), now)
        limit = self._keys.rise_per_min * self._keys.rise_over_s / 60
        if self._main.level is Level.ACTIVE:
            limit *= RISE_ENDS_AT
        return Level.ACTIVE if risen >= limit else level
