"""Keeps a pull point of a camera and pulls from it, for as long as an attempt lasts."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

from drivers.onvif.account import Need
from drivers.onvif.answers import Fault, Garbled, HungUp, LoginRefused, NoService
from drivers.onvif.camera import Camera
from drivers.onvif.clockwatch import ClockWatch
from drivers.onvif.codec import Notification, happening, is_known, is_of_no_matter
from drivers.onvif.losses import Losses
from drivers.onvif.memory import Memory
from drivers.onvif.pullpoint import MOST_MESSAGES, PullPoint, limits_of
from drivers.onvif.reports import Reports
from drivers.onvif.settings import SiteConnection
from drivers.onvif.skew import Skew
from drivers.onvif.toolkit import DEVICE, EVENTS
from drivers.onvif.tracking import Tracker
from gateway.clock import Clock
from gateway.errors import DeviceRefused, DeviceUnavailable

#: A camera has told the state of its inputs so soon after it was asked, in seconds, or it never will.
TOLD_WITHIN_S = 10.0

#: Answers in a row that are no SOAP, before the connection counts as lost; and the pause after each, in seconds.
MOST_GARBLED = 3
PAUSE_S = 0.5

#: Answers with nothing in them are no more often than so many seconds: some cameras do not wait for something to tell.
EMPTY_EVERY_S = 0.5

#: A camera without points that gave us no pull point is asked for one again so often, in seconds.
EVENTS_EVERY_S = 60.0

#: A pull that is hung up on sooner has not waited for a message: the camera is gone.
SHORTEST_PULL_S = 0.5

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
    malformed: Callable[[bytes, str], None]
    _losses: Losses = field(default_factory=Losses)
    _most: int = MOST_MESSAGES
    _garbled: int = 0
    _pull_s: float = 0.0
    _asked_for_state: bool = True
    _untold_is_said: bool = False
    _refusal_is_said: bool = False
    _clockwatch: ClockWatch = field(init=False)

    def __post_init__(self) -> None:
        self._clockwatch = ClockWatch(self.camera, self.connection, self.clock, self._tell_clock)

    @property
    def _name(self) -> str:
        return self.connection.devices[0].id

    async def serve(self, identity: dict[str, str]) -> NoReturn:
        """Until cancelled. Raises DeviceUnavailable, DeviceRefused."""
        self._pull_s = self.connection.settings.pull_s
        point = await self._first()
        try:
            self.memory.serve(self.camera.keys)
            self.reports.online(self._name, identity)
            if point is None:
                point = await self._without_events()
            while True:
                point = await self._pull(point)
        except DeviceRefused:
            point = None  # a goodbye could be one more refused login
            raise
        finally:
            if point is not None:
                await self._leave(point)

    async def _first(self) -> PullPoint | None:
        """None for a camera that gives none now, and of which none is needed for a point."""
        try:
            return await self._subscribe()
        except DeviceRefused as refused:
            if self.connection.devices[0].points or isinstance(refused, LoginRefused):
                raise
            if not self._refusal_is_said:
                logger.warning("%s: tells nothing of tampering and faults: %s", self._name, refused)
            self._refusal_is_said = True
            return None

    async def _subscribe(self) -> PullPoint:
        point = await PullPoint.subscribe(self.camera, self.clock)
        try:
            self._asked_for_state = await point.synchronise()
        except DeviceUnavailable:
            await self._leave(point)
            raise
        self._losses.made(self.clock.monotonic())
        return point

    async def _leave(self, point: PullPoint) -> None:
        """Give it back: a camera has few."""
        if self.connection.settings.unsubscribe:
            await point.let_go()

    async def _without_events(self) -> PullPoint:
        """Until it gives one, if it has events at all. A question that needs our login is the sign of life."""
        due = self.clock.monotonic() + EVENTS_EVERY_S
        while True:
            await self._clockwatch.look()
            await self.clock.sleep(self._pull_s)
            await self.camera.ask(DEVICE, "GetDeviceInformation", need=Need.HEAR)
            if self.clock.monotonic() >= due and self.camera.offers(EVENTS.namespace):
                if (point := await self._first()) is not None:
                    logger.info("%s: tells of tampering and faults now", self._name)
                    return point
                due = self.clock.monotonic() + EVENTS_EVERY_S

    async def _pull(self, point: PullPoint) -> PullPoint:
        """One round; the subscription to go on with."""
        await self.reports.room()
        begun = self.clock.monotonic()
        try:
            pulled = await point.pull(self._pull_s, self._most)
        except Garbled:
            self._garbled += 1
            if self._garbled >= MOST_GARBLED:
                raise
            await self.clock.sleep(PAUSE_S)
            return await self._again(point)
        except HungUp as hung_up:
            self._shorten(hung_up, self.clock.monotonic() - begun)
            return await self._again(point)
        except Fault as fault:
            if self._obeys(fault):
                return point
            return await self._anew(point, fault.reason)
        except NoService as nobody:  # some say so of a subscription that they have forgotten
            return await self._anew(point, str(nobody))
        for told in pulled:  # before anything that may fail: the camera has forgotten them
            self._take(told)
        self._garbled = 0
        self._losses.answered()
        hurried_s = EMPTY_EVERY_S - (self.clock.monotonic() - begun)
        self._look_at_losses()
        await self._clockwatch.look()
        self._look_at_untold()
        await point.renew()
        if not pulled and hurried_s > 0:
            await self.clock.sleep(hurried_s)
        return point

    async def _again(self, point: PullPoint) -> PullPoint:
        """The answer that did not come may have had messages in it: what lasts is told again."""
        if not self._asked_for_state:
            return point
        with suppress(Garbled):  # counted, and the next pull tells whether it goes on
            await point.synchronise()
        return point

    def _obeys(self, fault: Fault) -> bool:
        """Whether it minds how long or for how much we ask, and says what it takes: then we ask so."""
        seconds, most = limits_of(fault)
        wait_s = min(self._pull_s, max(1.0, seconds or self._pull_s))
        number = min(self._most, max(1, most or self._most))
        if (wait_s, number) == (self._pull_s, self._most):
            return False
        self._pull_s, self._most = wait_s, number
        logger.info("%s: is asked every %g s for %d messages: %s", self._name, wait_s, number, fault.reason)
        return True

    def _shorten(self, hung_up: HungUp, lasted_s: float) -> None:
        """Some cameras hang up on whoever waits too long (agsh/onvif PR#314): then we wait less."""
        wait_s = max(1.0, lasted_s // 2)
        if lasted_s < SHORTEST_PULL_S or wait_s >= self._pull_s:
            raise hung_up
        self._pull_s = wait_s
        logger.info(
            "%s: hung up after %.0f s, is asked every %g s from now on", self._name, lasted_s, self._pull_s
        )

    async def _anew(self, point: PullPoint, why: str) -> PullPoint:
        """It does not know our subscription any more: after a restart, or as another client has ended all.

        One that never answers a pull is deaf, and told as such.
        """
        losses = self._losses
        losses.lost(self.clock.monotonic())
        if losses.is_deaf:
            raise DeviceRefused(f"{self._name} gives us pull points and no answer from them: {why}")
        if losses.are_many:
            self._tell_losses(many=True)
        await self._leave(point)
        logger.info("%s: subscription lost (%s), made anew in %g s", self._name, why, losses.wait_s)
        await self.clock.sleep(losses.wait_s)
        return await self._subscribe()

    def _take(self, told: Notification) -> None:
        meant = happening(told)
        if meant is not None:
            for signal in self.tracker.signals(told, meant, self.camera.skew, self.clock.now()):
                self.reports.signal(signal)
        elif is_known(told):
            self.malformed(told.xml, f"{told.topic_words[:200]}: tells no state that we understand")
        elif not is_of_no_matter(told) and self.memory.is_new(self._name, told.topic_words):
            logger.info(
                "%s: tells %s, which we don't know: %s",
                self._name,
                told.topic_words[:200],
                " ".join(told.xml.decode("utf-8", "replace").split()),
            )

    def _look_at_losses(self) -> None:
        """One that lasts is told, too: an attempt before this one may have ended with the fault."""
        if self._losses.is_good(self.clock.monotonic()):
            self._tell_losses(many=False)

    def _tell_losses(self, *, many: bool) -> None:
        for signal in self.tracker.losses(many=many):
            self.reports.signal(signal)

    def _tell_clock(self, skew: Skew) -> None:
        self.reports.signal(self.tracker.clock(skew, self.connection.settings.clock_limit_s))

    def _look_at_untold(self) -> None:
        """An input of the site file that the camera does not know is a button that nobody hears: a fault."""
        untold = self.tracker.untold
        is_late = self.clock.monotonic() - self._losses.since >= TOLD_WITHIN_S
        if self._asked_for_state and (is_late or not untold):
            for signal in self.tracker.untold_inputs():
                self.reports.signal(signal)
        if is_late and untold and not self._untold_is_said:
            self._untold_is_said = True
            how = "does not tell" if self._asked_for_state else "can't be asked for"
            logger.warning(
                "%s: %s the present state of %s: check its token with `campus-gateway probe`; if that is right, a press "
                "while the camera could not be reached goes unheard",
                self._name,
                how,
                ", ".join(untold),
            )
