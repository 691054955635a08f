"""What a watcher of the demo is told, whether on a screen or line by line, and how the facts are gathered."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import NoReturn, Protocol, Self

from gateway.demo.guard import ConsoleRefused, Guard
from gateway.demo.stage import Stage
from gateway.demo.timeline import PRESSES, Timeline

#: So often the facts are gathered and shown; seconds.
ROUND_S = 0.2
#: And what is asked over HTTP, in rounds.
_CONSOLE_ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The school, its gateway and its county at one moment. What only the console knows is as it was last told.

    `devices` are ids with their presence.
    """

    link_is_up: bool
    pid: int | None
    waiting: int
    events: int
    gaps: int
    expired_left: int
    held: bool
    recorded: int
    snapshots: int = 0
    clips: int = 0
    sounding: bool = False
    alarms: int = 0
    devices: tuple[tuple[str, str], ...] = ()


class Teller(Protocol):
    """A screen, or lines."""

    async def __aenter__(self) -> Self:
        """Begin to show."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        ...

    def introduce(self, names: Mapping[str, str], guard: Guard) -> None:
        """What points and devices are called, by their ids; and who may sign in, where."""
        ...

    def say(self, key: str, **values: object) -> None:
        """Something worth a line."""
        ...

    def begin(self, step: str) -> None:
        """A step of the day begins."""
        ...

    def done(self, step: str, seconds: float) -> None:
        """It is done."""
        ...

    def failed(self, step: str, why: str) -> None:
        """It could not be done."""
        ...

    async def show(self, facts: Facts, timeline: Timeline) -> None:
        """How things are; called several times a second."""
        ...


def in_words(seconds: float | None) -> str:
    """`12 ms`, `3.4 s`, `25 s`; nothing for None."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


class Watcher:
    """Gathers the facts, keeps the timeline up to date, and shows both, until cancelled."""

    def __init__(self, stage: Stage, teller: Teller) -> None:
        self._stage = stage
        self._teller = teller
        self._alarms = 0
        self._devices: tuple[tuple[str, str], ...] = ()

    async def run(self) -> NoReturn:
        """Round after round."""
        number = 0
        while True:
            await asyncio.to_thread(self._stage.timeline.trace.read)
            if number % _CONSOLE_ROUNDS == 0 and self._stage.guard.is_signed_in:
                await self._ask_console()
            await self._teller.show(await self.facts(), self._stage.timeline)
            number += 1
            await self._stage.clock.sleep(ROUND_S)

    async def facts(self) -> Facts:
        """As of now."""
        stage, report = self._stage, self._stage.county.report()
        left, held, recorded = await asyncio.to_thread(
            lambda: (stage.seeded.left, stage.seeded.held.exists(), len(stage.recorded()))
        )
        return Facts(
            link_is_up=stage.link_is_up,
            pid=stage.gateway.pid,
            waiting=stage.timeline.trace.waiting(),
            events=report.events,
            gaps=len(report.gaps),
            expired_left=left,
            held=held,
            recorded=recorded,
            snapshots=len(report.snapshots),
            clips=stage.clips,
            sounding=stage.is_sounding,
            alarms=self._alarms,
            devices=self._devices,
        )

    async def _ask_console(self) -> None:
        """What is open and who is there; and of a press that the county has not heard of, whether it is on disk."""
        try:
            alarms = await self._stage.guard.alarms()
            devices = await self._stage.guard.devices()
            waited_for = {row.subject for row in self._stage.timeline.unanswered()}
            for alarm in alarms:
                if alarm["subject"] in waited_for:
                    await self._find(alarm["id"], alarm["subject"])
        except (OSError, ConsoleRefused):
            return  # no gateway just now: the facts stay as they were
        self._alarms = len(alarms)
        self._devices = tuple((device["id"], device["presence"]) for device in devices)

    async def _find(self, alarm: str, subject: str) -> None:
        for step in await self._stage.guard.steps_of(alarm):
            if step["type"] in PRESSES:
                at = datetime.fromisoformat(step["at"])
                self._stage.timeline.journalled(step["id"], step["type"], subject, at)
