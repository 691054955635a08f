"""Bounds what the media library gathers of a camera that sends without end and never comes to a picture."""

import threading
from collections.abc import Mapping

from gateway.clock import Clock
from gateway.recording.link import cut, received, same_server

#: A connection over which so many bytes came since the last packet is cut: no picture is as large.
MOST_BYTES = 16 * 1024 * 1024

_LOOK_S = 0.5
_LATELY_S = 1.5


class Meter:
    """One attempt's, of one camera. `taken` is kept by its reader: the bytes of all packets that it was given."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.taken = 0
        #: Its connection was cut.
        self.cut = False
        #: When a look last found that more had come, by the monotonic clock. None while packets come.
        self.heard_at: float | None = None
        self._before = -1
        self._since: tuple[Mapping[int, int], Mapping[Meter, int]] | None = None
        self._latest = 0

    @property
    def rests(self) -> bool:
        """Whether it was given no packet since this was last asked."""
        rests = self.taken == self._before
        self._before = self.taken
        if not rests:
            self._since = None
        return rests

    def look(self, connections: Mapping[int, int], taken: "Mapping[Meter, int]", now: float) -> int | None:
        """The connection to be cut, if any.

        `connections` (bytes that came over each) and `taken` (by each reader) are those of its server: an NVR has a
        connection for each channel, and nobody here knows whose is which.
        """
        total = sum(connections.values())
        if self._since is None:
            self._since, self._latest = (connections, taken), total
            self.heard_at = None
        elif total > self._latest:
            self._latest, self.heard_at = total, now
        before, taken_before = self._since
        grown = {port: count - before.get(port, 0) for port, count in connections.items()}
        read = sum(count - taken_before.get(reader, 0) for reader, count in taken.items())
        if sum(grown.values()) - read <= MOST_BYTES:
            return None
        return max(grown, key=lambda port: grown[port])

    def talks(self, now: float) -> bool:
        """Whether bytes still came of late, though no packet."""
        return self.heard_at is not None and now - self.heard_at < _LATELY_S


class Guard:
    """Looks at all attempts twice a second, in a thread of its own; one that is given packets costs nothing.

    Between two looks a line brings what it can: beyond `MOST_BYTES` that is a second's worth of it at most, and the
    library's own copies. Media over UDP are not counted; `stall_s` ends those.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._meters: list[Meter] = []

    def begin(self, url: str) -> Meter:
        """An attempt begins."""
        meter = Meter(url)
        with self._lock:
            self._meters.append(meter)
        return meter

    def end(self, meter: Meter) -> None:
        """It has ended."""
        with self._lock:
            self._meters.remove(meter)

    def run(self, stop: threading.Event) -> None:
        """Until told to stop."""
        while not stop.wait(_LOOK_S):
            self.look()

    def look(self) -> None:
        """Cut what has to be cut by now."""
        with self._lock:
            meters = tuple(self._meters)
        for meter in meters:
            if meter.rests:
                self._look_at(meter, meters)

    def _look_at(self, meter: Meter, meters: tuple[Meter, ...]) -> None:
        taken = {other: other.taken for other in meters if same_server(other.url, meter.url)}
        port = meter.look(received(meter.url), taken, self._clock.monotonic())
        if port is not None:
            meter.cut = True
            cut(meter.url, port)
