"""Pull points: subscriptions with their queues and their ends (ONVIF Core, real-time pull-point notification)."""

import asyncio
import itertools
import re
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from simulators.onvif.properties import Notice
from simulators.onvif.soap import SoapFault

#: A subscription without a wish lasts so long, and no subscription longer than the second.
DEFAULT_LIFE = timedelta(minutes=1)
LONGEST_LIFE = timedelta(hours=1)
#: Messages that wait in one pull point; the oldest go first.
MOST_WAITING = 1000

#: The subcode of what is said of a subscription that is not there (WS-ResourceFramework).
UNKNOWN = "wsrf-rw:ResourceUnknownFault"

_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


@dataclass(slots=True, eq=False)
class PullPoint:
    """One subscription. `topics` is the filter; empty takes all. `ends_at` is monotonic seconds."""

    id: str
    ends_at: float
    topics: frozenset[str]
    waiting: deque[Notice] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    news: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False
    waiters: int = 0

    @property
    def left(self) -> timedelta:
        """How long it still lasts."""
        return timedelta(seconds=max(0.0, self.ends_at - time.monotonic()))

    def put(self, notice: Notice) -> None:
        """Let a message wait here if it passes the filter."""
        if not self.topics or any(_passes(notice.topic, one) for one in self.topics):
            self.waiting.append(notice)
            self.news.set()

    def last(self, at_least: timedelta) -> None:
        """Stay active so long at least."""
        self.ends_at = max(self.ends_at, time.monotonic() + at_least.total_seconds())

    async def pull(self, patience: timedelta, limit: int) -> list[Notice]:
        """Messages at once if there are some; else wait for the first, at most so long. Raises SoapFault if it ends meanwhile."""
        self.last(patience)
        if not self.waiting and not self.gone:
            await self._hear(patience)
        if self.gone:
            raise unknown()
        self.last(patience)
        return [self.waiting.popleft() for _ in range(min(limit, len(self.waiting)))]

    async def _hear(self, patience: timedelta) -> None:
        self.news.clear()
        self.waiters += 1
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await self.news.wait()
        except TimeoutError:
            pass
        finally:
            self.waiters -= 1


class PullPoints:
    """All subscriptions of a camera. Those that are over are forgotten when somebody next asks."""

    def __init__(self) -> None:
        self._open: dict[str, PullPoint] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        self._forget_ended()
        return len(self._open)

    @property
    def waiters(self) -> int:
        """Pulls that wait for news now."""
        return sum(point.waiters for point in self._open.values())

    def create(self, life: timedelta, topics: frozenset[str], most: int) -> PullPoint:
        """Raises SoapFault when there are as many as this camera can have."""
        if len(self) >= most:
            raise SoapFault(
                "no more pull points", "ter:Action", "ter:MaxPullPoints", code="Receiver", status=500
            )
        point = PullPoint(str(next(self._numbers)), time.monotonic() + life.total_seconds(), topics)
        self._open[point.id] = point
        return point

    def find(self, number: str | None) -> PullPoint:
        """Raises SoapFault for one that is not there, or is over."""
        self._forget_ended()
        point = self._open.get(number or "")
        if point is None:
            raise unknown()
        return point

    def close(self, point: PullPoint) -> None:
        """End one; whoever waits there gets a fault."""
        self._open.pop(point.id, None)
        point.gone = True
        point.news.set()

    def close_all(self) -> None:
        """End all, as a reboot does."""
        for point in list(self._open.values()):
            self.close(point)

    def tell(self, notice: Notice) -> None:
        """Put a message into every queue."""
        self._forget_ended()
        for point in self._open.values():
            point.put(notice)

    def _forget_ended(self) -> None:
        for point in [one for one in self._open.values() if not one.left]:
            self.close(point)


def unknown() -> SoapFault:
    """What is said of a subscription that is not there (WS-ResourceFramework)."""
    return SoapFault("no such subscription", UNKNOWN)


def life_until(text: str, now: datetime, *, relative: bool) -> timedelta:
    """How long a wished termination time is away. Raises SoapFault for one that is past, nonsense, or of a kind not taken."""
    if text.startswith("P"):
        if not relative:
            raise _unacceptable("durations are not supported")
        life = duration(text)
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise _unacceptable(f"no time: {text[:40]}") from None
        life = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) - now
    if life <= timedelta():
        raise _unacceptable("it is past")
    return min(life, LONGEST_LIFE)


def duration(text: str) -> timedelta:
    """An xs:duration of days and less. Raises SoapFault for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None or text.endswith(("P", "T")):
        raise SoapFault(f"no duration: {text[:40]}", "ter:InvalidArgVal")
    parts = {name: float(value) for name, value in match.groupdict().items() if value is not None}
    return timedelta(**parts)


def filtered(expressions: Collection[str]) -> frozenset[str]:
    """The topics of a filter in ConcreteSet or Concrete dialect: alternatives with `|`, a whole branch with `//.`."""
    return frozenset(one.strip() for text in expressions for one in text.split("|") if one.strip())


def _passes(topic: str, expression: str) -> bool:
    if expression.endswith("//."):
        branch = expression.removesuffix("//.")
        return topic == branch or topic.startswith(branch + "/")
    return topic == expression


def _unacceptable(reason: str) -> SoapFault:
    return SoapFault(reason, "wsnt:UnacceptableInitialTerminationTimeFault")
