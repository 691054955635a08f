"""A pull point: subscribed, asked, kept alive, let go (ONVIF Core, real-time pull-point notification; protocols.md 5.2)."""

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Self

from drivers.onvif.account import Need
from drivers.onvif.addresses import rewritten
from drivers.onvif.answers import Answer, Fault, NoService
from drivers.onvif.camera import Camera
from drivers.onvif.codec import Notification, moment, notifications
from drivers.onvif.toolkit import EVENTS, PULL_POINT, SUBSCRIPTION, Parameter, Reference
from gateway.clock import Clock
from gateway.errors import DeviceRefused, DeviceUnavailable

#: For how long a subscription is asked for, in seconds: after a loss the camera has its place free again that soon.
LIFE_S = 60

#: Messages in one answer.
MOST_MESSAGES = 64

#: How long the goodbye may take, in seconds; the rest of `CANCEL_LIMIT_S` is for closing.
GOODBYE_S = 0.8

logger = logging.getLogger(__name__)


class PullPoint:
    """One subscription. Its methods raise DeviceUnavailable and DeviceRefused; Fault or NoService is one that the camera has forgotten."""

    def __init__(self, camera: Camera, clock: Clock, address: str, references: tuple[Reference, ...]) -> None:
        self._camera = camera
        self._clock = clock
        self._address = address
        self._references = references
        self._renews = True
        self._form = "relative"
        self._left_s = float(LIFE_S)

    @classmethod
    async def subscribe(cls, camera: Camera, clock: Clock) -> Self:
        """A new one. Raises DeviceRefused where the camera gives none: all are taken, or it has no events."""
        refusals: list[str] = []
        for form in ("relative", "absolute", "none"):
            wish = _termination(camera, clock, form)
            parameters: dict[str, Parameter] = {} if wish is None else {"InitialTerminationTime": wish}
            try:
                answer = await camera.ask(EVENTS, "CreatePullPointSubscription", parameters, need=Need.HEAR)
            except Fault as fault:
                refusals.append(fault.reason)
                continue
            point = cls(camera, clock, *_reference(camera, answer))
            point._form = form
            return point
        raise DeviceRefused(
            f"{camera.keys.host} gives us no pull point for its events: {'; '.join(dict.fromkeys(refusals))}: "
            "perhaps other clients hold all it has (cameras have few, often 5): end one of them"
        )

    async def synchronise(self) -> bool:
        """Have the present state of every property told; False where the camera can't."""
        try:
            await self._ask("SetSynchronizationPoint")
        except (Fault, NoService) as refused:
            logger.warning(
                "%s: can't be asked for the present state of its inputs (%s)", self._camera.keys.host, refused
            )
            return False
        return True

    async def pull(self, wait_s: float, most: int = MOST_MESSAGES) -> tuple[Notification, ...]:
        """What it has to tell, `most` messages; the answer comes at once if there is anything, else within `wait_s`.

        The camera has forgotten them by then: take them before anything else is asked.
        """
        answer = await self._camera.ask(
            PULL_POINT,
            "PullMessages",
            {"Timeout": timedelta(seconds=wait_s), "MessageLimit": most},
            address=self._address,
            references=self._references,
            wait_s=wait_s,
            need=Need.HEAR,
        )
        self._left_s = _left_s(answer)
        return tuple(notifications(answer.body, answer.data))

    async def let_go(self) -> None:
        """Say goodbye, for `GOODBYE_S` at most: it ends by itself otherwise."""
        with suppress(TimeoutError, DeviceUnavailable, DeviceRefused):
            async with asyncio.timeout(GOODBYE_S):
                await self._camera.ask(
                    SUBSCRIPTION, "Unsubscribe", address=self._address, references=self._references
                )

    async def renew(self) -> None:
        """Where pulling alone does not keep it alive. One that can't be renewed is made anew when it has ended."""
        if not self._renews or self._left_s > LIFE_S / 2:
            return
        wish = _termination(self._camera, self._clock, self._form) or f"PT{LIFE_S}S"
        try:
            await self._camera.ask(
                SUBSCRIPTION,
                "Renew",
                {"TerminationTime": wish},
                address=self._address,
                references=self._references,
                need=Need.HEAR,
            )
        except (Fault, NoService) as refused:
            self._renews = False
            logger.info("%s: a subscription can't be renewed: %s", self._camera.keys.host, refused)

    async def _ask(self, operation: str) -> Answer:
        return await self._camera.ask(
            PULL_POINT, operation, address=self._address, references=self._references, need=Need.HEAR
        )


def _termination(camera: Camera, clock: Clock, form: str) -> str | None:
    """The end that we wish for: some cameras can't do durations, some want to be told one (protocols.md 5.4)."""
    if form == "none":
        return None
    if form == "relative":
        return f"PT{LIFE_S}S"
    end = camera.skew.theirs(clock.now()) + timedelta(seconds=LIFE_S)
    return end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def limits_of(fault: Fault) -> tuple[float | None, int | None]:
    """How many seconds and messages it takes at most, from a PullMessagesFaultResponse (Core, PullMessages)."""
    if fault.detail is None:
        return None, None
    time = _DURATION.fullmatch(fault.detail.text_of("MaxTimeout"))
    most = fault.detail.text_of("MaxMessageLimit")
    seconds = int(time[1] or 0) * 60 + float(time[2] or 0) if time is not None else None
    return seconds, int(most) if _NUMBER.fullmatch(most) else None


_DURATION = re.compile(r"PT(?:(\d{1,6})M)?(?:(\d{1,6}(?:\.\d{1,9})?)S)?", re.ASCII)
_NUMBER = re.compile(r"\d{1,6}", re.ASCII)


def _reference(camera: Camera, answer: Answer) -> tuple[str, tuple[Reference, ...]]:
    """Where the subscription is, at the configured host and port, and what of it must be echoed."""
    told = answer.body.text_of("SubscriptionReference", "Address")
    try:
        address = rewritten(told, camera.keys.host, camera.keys.port)
    except ValueError:  # some tell none: then it is where the events are
        address = camera.address_of(EVENTS.namespace)
    return address, tuple(_echoed(answer))


def _echoed(answer: Answer) -> Iterator[Reference]:
    holder = answer.body.first("SubscriptionReference", "ReferenceParameters")
    for one in holder.children if holder is not None else ():
        yield Reference(one.namespace, one.name, one.text.strip(), dict(one.attributes))


def _left_s(answer: Answer) -> float:
    """How long it lives on, by the camera's own two times; 0 where it does not say."""
    now, end = (_told(answer, name) for name in ("CurrentTime", "TerminationTime"))
    return 0.0 if now is None or end is None else (end - now).total_seconds()


def _told(answer: Answer, name: str) -> datetime | None:
    return moment(answer.body.text_of(name))
