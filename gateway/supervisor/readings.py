"""The latest value of each point, for whoever sends readings on. In memory only: readings may be lost, counted."""

from gateway.model import Reading

#: Points whose value is kept. More than any site has; a driver gone wild must not fill the memory.
MOST_POINTS = 10_000


class LatestReadings:
    """One value for each point. A newer one takes the place of the older."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, str], Reading] = {}
        self.dropped = 0

    def take(self, reading: Reading) -> None:
        """Keep it; beyond `MOST_POINTS` points it is dropped and counted."""
        key = reading.device, reading.point
        if key not in self._latest and len(self._latest) >= MOST_POINTS:
            self.dropped += 1
            return
        self._latest[key] = reading

    def all(self) -> tuple[Reading, ...]:
        """Every point's latest value, in the order in which the points were first measured."""
        return tuple(self._latest.values())
