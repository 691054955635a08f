"""The journal as the arming service sees it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from gateway.model import Bypass, Kind, ZoneArming
from gateway.site import Directory
from gateway.store import Subscription
from gateway.store.arming import PointTest


class ArmingJournal(Protocol):
    """The journal, as far as arming is concerned. Acts raise NotFound, ActRefused, JournalUnwritable."""

    @property
    def directory(self) -> Directory:
        """What the site file says."""
        ...

    @property
    def armings(self) -> Mapping[str, ZoneArming]:
        """By zone, as of the last commit."""
        ...

    @property
    def bypasses(self) -> Mapping[str, Bypass]:
        """By point, as of the last commit; also those that have ended."""
        ...

    def subscribe(self) -> Subscription:
        """Hear of every commit."""
        ...

    async def arm(self, zone: str, actor: str) -> ZoneArming:
        """Arm a zone."""
        ...

    async def disarm(self, zone: str, actor: str) -> ZoneArming:
        """Disarm a zone."""
        ...

    async def end_exit(self, zone: str, until: datetime) -> None:
        """An exit delay is over."""
        ...

    async def end_entry(self, zone: str, until: datetime) -> None:
        """An entry is over."""
        ...

    async def restore(self, point: str, actor: str, until: datetime | None = ...) -> Bypass:
        """A bypass is over."""
        ...

    async def raise_held(self) -> None:
        """What a changed site file held back alarms."""
        ...

    async def watch_tests(self) -> Mapping[str, PointTest]:
        """Begin to watch points for tests; how each stands."""
        ...

    async def raise_own(self, kind: Kind, subject: str = ..., detail: str = "") -> None:
        """Raise an alarm of the gateway's own."""
        ...
