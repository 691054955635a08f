"""What must follow from an act in the demo, looked for at the county, on the console and on the shelf; and how long it may take."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from gateway.demo.guard import Json
from gateway.demo.stage import Stage
from gateway.demo.words import Words
from gateway.model import EventType
from simulators.county import Event

#: So long one thing may take on a loaded machine; seconds.
PATIENCE_S = 40.0
#: A receipt is there within a tenth of a second on a quiet one; seconds.
RECEIPT_S = 10.0

_LOOK_S = 0.1
_LOST_AT_MOST = timedelta(seconds=3)  # fragments are a second; a loaded machine adds to that


class StepFailed(Exception):  # noqa: N818 - what happened
    """What had to follow did not; the message says it in words."""


class Following:
    """Waits, for PATIENCE_S at most, for what must come; every wait raises StepFailed in words."""

    def __init__(self, stage: Stage, words: Words) -> None:
        self._stage = stage
        self._clock = stage.clock
        self._guard = stage.guard
        self._words = words
        self._told: set[str] = set()

    async def _heard(self, event_type: EventType, subject: str) -> Event:
        """The county has an event of this type and subject that no earlier step was about."""
        return await self._comes(event_type, subject, lambda event: event.subject == subject)

    async def _shot(self, event_type: EventType, raised: Event) -> Event:
        """The county is told of a snapshot or clip of this alarm."""
        alarm = raised.data["alarm"]
        return await self._comes(event_type, raised.subject, lambda event: event.data.get("alarm") == alarm)

    async def _comes(self, event_type: EventType, subject: str, match: Callable[[Event], bool]) -> Event:
        try:
            event = await self._stage.county.wait_for_event(
                lambda event: event.type == event_type and event.id not in self._told and match(event),
                PATIENCE_S,
            )
        except TimeoutError:
            why = self._words("why-event", type=event_type, subject=subject, seconds=f"{PATIENCE_S:g}")
            raise StepFailed(why) from None
        self._told.add(event.id)
        return event

    async def _receipted(self, event: Event) -> None:
        timeline = self._stage.timeline

        async def arrived() -> bool:
            return timeline.is_receipted(event.id)

        await self._until(arrived, "why-receipt", limit_s=RECEIPT_S, sequence=event.sequence)

    async def _settled(self) -> None:
        """Everything that the county has is confirmed to the gateway, and on record there."""
        timeline = self._stage.timeline

        async def quiet() -> bool:
            return not timeline.missing_receipts() and not timeline.trace.waiting()

        await self._until(quiet, "why-receipt", sequence="…")

    async def _shown(self, subject: str, match: Callable[[Json], bool]) -> Json:
        """The console shows an open alarm of the subject that matches."""
        found: list[Json] = []

        async def look() -> bool:
            found[:] = [a for a in await self._guard.alarms() if a["subject"] == subject and match(a)]
            return bool(found)

        await self._until(look, "why-console", what=subject)
        return found[0]

    async def _is_link(self, *, up: bool) -> bool:
        return await self._guard.is_link_up() is up

    async def _has_called(self, panel: str) -> bool:
        return any(one["id"] == panel and one["presence"] == "online" for one in await self._guard.devices())

    async def _is_sounding(self, *, on: bool) -> bool:
        return self._stage.is_sounding is on

    async def _is_tidy(self) -> bool:
        return await asyncio.to_thread(lambda: self._stage.seeded.left == 0)

    async def _is_filming(self) -> bool:
        return await asyncio.to_thread(lambda: self._stage.is_filming)

    async def _has_picture(self, told: Event) -> bool:
        """The county has the very picture that it was told of."""
        return any(
            (one.evidence, one.sha256, one.bytes)
            == (told.data["evidence"], told.data["sha256"], told.data["bytes"])
            for one in self._stage.county.report().snapshots
        )

    async def _is_recovered(self, killed: datetime) -> bool:
        """What was being written when the gateway was killed is on the shelf, but for its last moments."""
        return any(
            one.start < killed < one.end + _LOST_AT_MOST
            for one in await asyncio.to_thread(self._stage.recorded)
        )

    async def _is_gone(self) -> bool:
        states = self._stage.county.report().states
        return bool(states) and not states[-1].online

    async def _until(
        self,
        condition: Callable[[], Awaitable[bool]],
        why: str,
        *,
        limit_s: float = PATIENCE_S,
        **values: object,
    ) -> None:
        """Wait for a condition; raises StepFailed with these words when it does not come true in time."""
        deadline = self._clock.monotonic() + limit_s
        while not await condition():
            if self._clock.monotonic() > deadline:
                raise StepFailed(self._words(why, seconds=f"{limit_s:g}", **values))
            await self._clock.sleep(_LOOK_S)
