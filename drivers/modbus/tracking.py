"""Pure: which of a point's readings are news, and in what words they are told."""

from drivers.modbus.codec import level_of
from drivers.modbus.settings import PointKeys
from gateway.model import Level, Origin


class PointTrack:
    """What has been told of one point since its device was last found.

    The way into an alarm is never debounced; the way out needs `return_debounce` normal reads in a row.
    """

    __slots__ = ("_keys", "_level", "_normal_reads")

    def __init__(self, keys: PointKeys) -> None:
        self._keys = keys
        self._level: Level | None = None
        self._normal_reads = 0

    @property
    def settling(self) -> bool:
        """Whether the next read counts even if it is the same as this one."""
        return self._normal_reads > 0

    def observe(self, cell: int) -> tuple[Level, Origin] | None:
        """The news in this bit or register, if there is any. The first one tells the present state."""
        level = level_of(self._keys, cell, self._level)
        if self._level is None:
            self._level = level
            return level, Origin.STATE
        if level is self._level:
            self._normal_reads = 0
            return None
        if level is Level.NORMAL:
            self._normal_reads += 1
            if self._normal_reads < self._keys.return_debounce:
                return None
        self._normal_reads = 0
        self._level = level
        return level, Origin.EVENT
