"""How one direction of a line behaves: its delay, its rate, whether anything passes, whether it passes whole."""

import asyncio
import time
from dataclasses import dataclass, field

#: A paced direction hands on so much at once that it looks smooth.
PACE_STEP_SECONDS = 0.05


class Pace:
    """Keeps one direction of one connection at its rate."""

    def __init__(self) -> None:
        self._free_at = 0.0

    def pieces(self, data: bytes, rate: float | None) -> list[bytes]:
        """Cut so small that a piece takes one step."""
        size = len(data) if rate is None else max(1, int(rate * PACE_STEP_SECONDS))
        return [data[start : start + size] for start in range(0, len(data), size)]

    async def wait(self, count: int, rate: float | None) -> None:
        """Return when so many bytes have taken the time that they take at this rate."""
        if rate is None:
            return
        self._free_at = max(self._free_at, time.monotonic()) + count / rate
        await asyncio.sleep(self._free_at - time.monotonic())


@dataclass(slots=True)
class Shape:
    """How one direction behaves at this moment; may be changed at any time."""

    #: Seconds that every byte takes. The 256 KiB on their way bound the throughput to 256 KiB / latency.
    latency: float = 0.0
    #: The rate of each connection, or of all together where they share the line; None for as fast as it goes.
    bytes_per_second: float | None = None
    shared: bool = False
    garbage: bool = False  # every byte is replaced by a random one
    passed_bytes: int = 0  # handed on so far, all connections together
    _gate: asyncio.Event = field(default_factory=asyncio.Event)
    _pace: Pace = field(default_factory=Pace)

    def hold(self) -> None:
        """Nothing passes from now on."""
        self._gate.clear()

    def release(self) -> None:
        """What was held goes on."""
        self._gate.set()

    def pace(self) -> Pace:
        """What a connection is paced by."""
        return self._pace if self.shared else Pace()

    async def wait_open(self) -> None:
        """Return when bytes may pass. A hold has no end of its own: it lasts until `release` or cancellation."""
        await self._gate.wait()
