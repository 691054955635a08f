"""Keeps a pull point of a camera and pulls from it, for as long as an attempt lasts; looks at its clock now and then."""

import logging
from dataclasses import dataclass
from typing import NoReturn

from drivers.onvif.answers import Fault, Garbled, HungUp, LoginRefused
from drivers.onvif.camera import Camera
from drivers.onvif.codec import Notification, happening, is_of_no_matter
from drivers.onvif.memory import Memory
from drivers.onvif.pullpoint import PullPoint
from drivers.onvif.reports import Reports
from drivers.onvif.settings import SiteConnection
from drivers.onvif.tracking import Tracker
from gateway.clock import Clock
from gateway.errors import DeviceRefused
from gateway.policy.backoff import Backoff

#: How often the camera's clock is looked at, in seconds.
CLOCK_EVERY_S = 600.0

#: A camera has told the state of its inputs so soon after it was asked, in seconds, or it never will.
TOLD_WITHIN_S = 10.0

#: Answers in a row that are no SOAP, before the connection counts as lost; and the pause after each, in seconds.
MOST_GARBLED = 3
PAUSE_S = 0.5

#: A pull that is hung up on sooner has not waited for a message: the camera is gone.
SHORTEST_PULL_S = 0.5

#: Subscriptions are made anew with such waits: eight in the first two minutes, then two a minute (agsh/onvif PR#501).
AGAIN = Backoff(first_s=1.0, longest_s=30.0)

#: A subscription that has lasted so long in seconds was a good one: the next loss is a new one.
GOOD_AFTER_S = 60.0

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Listening:
    """What of one attempt is about what the camera tells."""

    camera: Camera
    connection: SiteConnection
    clock: Clock
    memory: Memory
    tracker: Tracker
    reports: Reports
    _losses: int = 0
    _garbled: int = 0
    _subscribed_at: float = 0.0
    _clock_due: float = 0.0
    _pull_s: float = 0.0
    _asked_for_state: bool = True
    _untold_is_said: bool = False

    @property
    def _name(self) -> str:
        return self.connection.devices[0].id

    async def serve(self, identity: dict[str, str]) -> NoReturn:
        """Until cancelled. Raises DeviceUnavailable, DeviceRefused."""
        self._pull_s = self.connection.settings.pull_s
        point = await self._first()
        try:
            self.reports.online(self._name, identity)
            if point is None:
                await self._without_events()
            await self._set_clock()
            while True:
                point = await self._pull(point)
        except DeviceRefused:
            point = None  # a goodbye could be one more refused login
            raise
        finally:
            if point is not None and self.connection.settings.unsubscribe:
                await point.let_go()

    async def _first(self) -> PullPoint | None:
        """None for a camera that has no events, and of which none are wanted."""
        try:
            return await self._subscribe()
        except DeviceRefused as refused:
            if self.connection.devices[0].points or isinstance(refused, LoginRefused):
                raise
            logger.warning("%s: tells nothing of tampering and faults: %s", self._name, refused)
            return None

    async def _subscribe(self) -> PullPoint:
        point = await PullPoint.subscribe(self.camera, self.clock)
        self._asked_for_state = await point.synchronise()
        self._subscribed_at = self.clock.monotonic()
        return point

    async def _without_events(self) -> NoReturn:
        """Its clock is the sign of life."""
        while True:
            if self.clock.monotonic() >= self._clock_due:
                await self._set_clock()
                self._look_at_clock()
            await self.clock.sleep(self._pull_s)
            await self.camera.read_clock()

    async def _pull(self, point: PullPoint) -> PullPoint:
        """One round; the subscription to go on with."""
        await self.reports.room()
        begun = self.clock.monotonic()
        try:
            pulled = await point.pull(self._pull_s)
        except Garbled:
            self._garbled += 1
            if self._garbled >= MOST_GARBLED:
                raise
            await self.clock.sleep(PAUSE_S)
            return point
        except HungUp as hung_up:
            self._shorten(hung_up, self.clock.monotonic() - begun)
            return point
        except Fault as fault:
            return await self._anew(fault)
        self._garbled = 0
        if self.clock.monotonic() >= self._clock_due:
            if self._clock_due:
                await self.camera.read_clock()
                await self._set_clock()
            self._look_at_clock()
        for told in pulled:
            self._take(told)
        self._say_untold()
        return point

    def _shorten(self, hung_up: HungUp, lasted_s: float) -> None:
        """Some cameras hang up on whoever waits too long (agsh/onvif PR#314): then we wait less."""
        if lasted_s < SHORTEST_PULL_S:
            raise hung_up
        self._pull_s = max(1.0, lasted_s // 2)
        logger.info(
            "%s: hung up after %.0f s, is asked every %g s from now on", self._name, lasted_s, self._pull_s
        )

    async def _anew(self, fault: Fault) -> PullPoint:
        """It does not know our subscription any more: after a restart, or as another client has ended all."""
        if self.clock.monotonic() - self._subscribed_at >= GOOD_AFTER_S:
            self._losses = 0
        self._losses += 1
        wait_s = AGAIN.delay(self._losses, 0.0)
        logger.info("%s: subscription lost (%s), made anew in %g s", self._name, fault.reason, wait_s)
        await self.clock.sleep(wait_s)
        return await self._subscribe()

    def _take(self, told: Notification) -> None:
        meant = happening(told)
        if meant is not None:
            for signal in self.tracker.signals(told, meant, self.camera.skew):
                self.reports.signal(signal)
        elif not is_of_no_matter(told) and self.memory.is_new(self._name, told.topic_words):
            logger.info(
                "%s: tells %s, which we don't know: %s",
                self._name,
                told.topic_words[:200],
                told.xml.decode("utf-8", "replace"),
            )

    def _say_untold(self) -> None:
        if self._untold_is_said or self.clock.monotonic() - self._subscribed_at < TOLD_WITHIN_S:
            return
        self._untold_is_said = True
        if untold := self.tracker.untold:
            how = "does not tell" if self._asked_for_state else "can't be asked for"
            logger.warning(
                "%s: %s the present state of %s: check its token with `campus-gateway probe`; if that is right, a press "
                "while the camera could not be reached goes unheard",
                self._name,
                how,
                ", ".join(untold),
            )

    async def _set_clock(self) -> None:
        keys = self.connection.settings
        if not (
            keys.set_clock
            and self.connection.clock_trusted()
            and self.camera.skew.is_wrong(keys.clock_limit_s)
        ):
            return
        words = self.camera.skew.words(keys.clock_limit_s)
        try:
            await self.camera.set_clock()
        except DeviceRefused as refused:
            logger.warning("%s: %s, and it can't be set: %s", self._name, words, refused)
        else:
            logger.info("%s: %s, set", self._name, words)

    def _look_at_clock(self) -> None:
        """Tell how it is, unless ours is no better."""
        self._clock_due = self.clock.monotonic() + CLOCK_EVERY_S
        skew = self.camera.skew
        if skew.known and self.connection.clock_trusted():
            self.reports.signal(self.tracker.clock(skew, self.connection.settings.clock_limit_s))
