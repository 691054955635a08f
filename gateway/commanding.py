"""Tells panels what a person wants of them, one thing at a time for each device, and writes down what came of it."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import NoReturn, Protocol

from gateway.clock import Clock
from gateway.driver import Command, Told
from gateway.errors import ActRefused, DeviceRefused, DeviceUnavailable, JournalUnwritable, NotFound
from gateway.model import EventType
from gateway.site import Site
from gateway.wire import JsonObject

#: Commands under way at once; more are refused.
MOST = 32


#: What came of a command is offered to a journal that refuses so often, so many seconds apart; then it is in the log alone.
RECORD_TRIES = 5
AGAIN_S = 1.0

#: At a stop, what was under way is put on record within so many seconds.
STOP_LIMIT_S = 2.0

#: Of a command that the gateway's own end has cut off.
INTERRUPTED = "the gateway was interrupted: whether the device has done it is not known"

logger = logging.getLogger(__name__)


class CommandJournal(Protocol):
    """The journal, as far as commands are concerned."""

    async def emit(self, event_type: EventType, subject: str, data: JsonObject) -> str:
        """Append an event. Raises JournalUnwritable."""
        ...


#: A driver has its own time-outs; one that does not keep them is left after the minutes and so many seconds.
GRACE_S = 120.0

#: Tells a device something and returns what came of it (`Supervisor.command`).
Tell = Callable[[str, Command, int], Coroutine[None, None, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """One command to one device, and who gave it."""

    device: str
    command: Command
    minutes: int
    actor: str


class Commanding:
    """Takes orders and carries them out while it runs. What came of one is an event, for a guard check may take minutes."""

    def __init__(self, site: Site, journal: CommandJournal, tell: Tell, clock: Clock) -> None:
        self._can = {device.id: device.commands for device in site.devices}
        self._journal = journal
        self._tell = tell
        self._clock = clock
        self._told: dict[str, Told] = {}
        self._waiting: asyncio.Queue[_Order] = asyncio.Queue()
        self._busy: dict[str, _Order] = {}

    def give(self, device: str, command: Command, *, minutes: int, actor: str) -> None:
        """Have it carried out. Raises NotFound, ActRefused."""
        if device not in self._can:
            raise NotFound(f"there is no device {device!r}")
        if command not in self._can[device]:
            raise ActRefused(f"{device} can't be told to {command.value}", code="command-unknown")
        if device in self._busy or len(self._busy) >= MOST:
            raise ActRefused(f"{device} is still busy with a command", code="device-busy")
        order = _Order(device=device, command=command, minutes=minutes, actor=actor)
        self._busy[device] = order
        self._told[device] = Told(device=device, command=command, actor=actor, since=self._clock.now())
        self._waiting.put_nowait(order)

    def told(self, device: str) -> Told | None:
        """What the device was last told since the start; the journal has what was before."""
        return self._told.get(device)

    async def run(self) -> NoReturn:
        """Serve until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    order = await self._waiting.get()
                    tasks.create_task(self._carry_out(order), name=f"command {order.device}")
        finally:
            await self._interrupted()

    async def _interrupted(self) -> None:
        """What was under way is on record too. A power cut leaves no trace of it but the panel's own."""
        orders, self._busy, self._waiting = list(self._busy.values()), {}, asyncio.Queue()
        for order in orders:
            self._end(order.device, ok=False, words=INTERRUPTED)
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                for order in orders:
                    await self._record(order, ok=False, words=INTERRUPTED)
        except TimeoutError:
            logger.warning("not all interrupted commands could be journalled within %g s", STOP_LIMIT_S)

    async def _carry_out(self, order: _Order) -> None:
        try:
            async with asyncio.timeout(60 * order.minutes + GRACE_S):
                done, words = True, await self._tell(order.device, order.command, order.minutes)
        except TimeoutError:
            done, words = False, "the driver did not come to an end with it"
        except (DeviceUnavailable, DeviceRefused, NotFound) as error:
            done, words = False, str(error)
        self._end(order.device, ok=done, words=words)
        self._busy.pop(order.device, None)
        await self._record(order, ok=done, words=words)

    async def _record(self, order: _Order, *, ok: bool, words: str) -> None:
        data: JsonObject = {
            "device": order.device,
            "command": order.command.value,
            "actor": order.actor,
            "ok": ok,
            "reason": words,
        }
        for tried in range(1, RECORD_TRIES + 1):
            try:
                await self._journal.emit(EventType.DEVICE_COMMANDED, order.device, data)
            except JournalUnwritable as error:
                logger.warning("what came of a command can't be journalled (%s): %s", error, data)
                if tried < RECORD_TRIES:
                    await self._clock.sleep(AGAIN_S)
            else:
                return

    def _end(self, device: str, *, ok: bool, words: str) -> None:
        self._told[device] = replace(self._told[device], ended=self._clock.now(), ok=ok, words=words)
