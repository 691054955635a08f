"""Keeps a pull point of a camera and pulls from it, for as long as an attempt lasts; looks at its clock now and then."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from drivers.onvif.answers import Fault, Garbled, HungUp, LoginRefused
from drivers.onvif.camera import Camera
from drivers.onvif.codec import Notification, happening, is_known, is_of_no_matter
from drivers.onvif.memory import Memory
from drivers.onvif.pullpoint import MOST_MESSAGES, PullPoint, limits_of
from drivers.onvif.reports import Reports
from drivers.onvif.settings import SiteConnection
from drivers.onvif.tracking import Tracker
from gateway.clock import Clock
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.policy.backoff import Backoff

#: How often the camera's clock is looked at, in seconds.
CLOCK_EVERY_S = 600.0

#: A camera has told the state of its inputs so soon after it was asked, in seconds, or it never will.
TOLD_WITHIN_S = 10.0

#: Answers in a row that are no SOAP, before the connection counts as lost; and the pause after each, in seconds.
MOST_GARBLED = 3
PAUSE_S = 0.5

#: Subscriptions in a row of which none has answered, before that is told as a refusal.
MOST_DEAF = 4

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
    malformed: Callable[[bytes, str], None]
    _losses: int = 0
    _deaf: int = 0
    _has_answered: bool = False
    _most: int = MOST_MESSAGES
    _garbled: int = 0
    _subscribed_at: float = 0.0
    _clock_due: float = 0.0
    _pull_s: float = 0.0
    _asked_for_state: bool = True
    _untold_is_said: bool = False
    _sets_clock: bool = True

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
            if point is not None:
                await self._leave(point)

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
        try:
            self._asked_for_state = await point.synchronise()
        except DeviceUnavailable:
            await self._leave(point)
            raise
        self._subscribed_at = self.clock.monotonic()
        self._has_answered = False
        return point

    async def _leave(self, point: PullPoint) -> None:
        """Give it back: a camera has few."""
        if self.connection.settings.unsubscribe:
            await point.let_go()

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
            return await self._anew(point, fault)
        for told in pulled:  # before anything that may fail: the camera has forgotten them
            self._take(told)
        self._garbled, self._has_answered = 0, True
        if self.clock.monotonic() >= self._clock_due:
            if self._clock_due:
                await self.camera.read_clock()
                await self._set_clock()
            self._look_at_clock()
        self._look_at_untold()
        await point.renew()
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

    async def _anew(self, point: PullPoint, fault: Fault) -> PullPoint:
        """It does not know our subscription any more: after a restart, or as another client has ended all.

        One that never answers a pull is deaf, and told as such.
        """
        self._deaf = 0 if self._has_answered else self._deaf + 1
        if self._deaf >= MOST_DEAF:
            raise DeviceRefused(f"{self._name} gives us pull points and no answer from them: {fault.reason}")
        await self._leave(point)
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

    def _look_at_untold(self) -> None:
        """An input of the site file that the camera does not know is a button that nobody hears: a fault."""
        untold = self.tracker.untold
        is_late = self.clock.monotonic() - self._subscribed_at >= TOLD_WITHIN_S
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

    async def _set_clock(self) -> None:
        keys = self.connection.settings
        if not (
            keys.set_clock
            and self._sets_clock
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
            if self.camera.skew.is_wrong(
                keys.clock_limit_s
            ):  # something else sets it, or it is meant otherwise
                self._sets_clock = False
                logger.warning(
                    "%s: its clock was set, and is still wrong: %s; not set again until it is connected anew",
                    self._name,
                    self.camera.skew.words(keys.clock_limit_s),
                )

    def _look_at_clock(self) -> None:
        """Tell how it is, unless ours is no better."""
        self._clock_due = self.clock.monotonic() + CLOCK_EVERY_S
        skew = self.camera.skew
        if skew.known and self.connection.clock_trusted():
            self.reports.signal(self.tracker.clock(skew, self.connection.settings.clock_limit_s))
