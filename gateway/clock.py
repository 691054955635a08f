"""Time, injected: UTC for stamps, monotonic seconds for durations, and a sleep that tests can drive."""

import asyncio
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """What every part that knows about time is given."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC. For stamps only: it can step."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step. For durations and time-outs."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait so many monotonic seconds."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some start, never stepping."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        await asyncio.sleep(seconds)


async def wait_for_event(clock: Clock, event: asyncio.Event, seconds: float) -> None:
    """Until the event is set, or so many seconds are over; what was awaited is left to nobody."""
    waits = [asyncio.create_task(clock.sleep(seconds)), asyncio.create_task(_set(event))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _set(event: asyncio.Event) -> None:
    await event.wait()


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970-01-01T00:00:00Z: how the store keeps time."""
    return round(moment.timestamp() * 1000)


def ms_or_none(moment: datetime | None) -> int | None:
    """`to_ms` of a moment that need not have come."""
    return None if moment is None else to_ms(moment)


def from_ms(milliseconds: int) -> datetime:
    """The stamp that `to_ms` made, aware, UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


@lru_cache(maxsize=256)  # an event has the same moment several times
def rfc3339(moment: datetime) -> str:
    """`2026-11-21T09:30:00.123Z`: the only form of a time on the wire (CONTRACT: UTC, milliseconds)."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
