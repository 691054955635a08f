"""What becomes of frames: never answers a stranger, and the others only after commit."""

import asyncio
import logging

from drivers.gb26875.attendance import Attendance
from drivers.gb26875.codec import Damage, Frame, encode
from drivers.gb26875.commits import Commits
from drivers.gb26875.content import Content, decode
from drivers.gb26875.meaning import Meaning
from drivers.gb26875.panel import Link, Panel, stranger
from drivers.gb26875.settings import FireConnection
from drivers.gb26875.tables import Command
from gateway.clock import Clock
from gateway.driver import Sink
from gateway.errors import JournalUnwritable
from gateway.model import Kind, Level, Message, Origin, Signal

#: A panel that was reset says how things are when it is asked so many seconds later: by then it has started again.
RESET_S = 30.0

#: What answers us: a damaged one is not denied, for we send again by ourselves.
_REPLIES = frozenset({Command.CONFIRM, Command.ANSWER, Command.DENY})

logger = logging.getLogger(__name__)


class Centre:
    """Takes frames of all panels of a connection. While one waits for its commit, the next is heard."""

    def __init__(
        self,
        connection: FireConnection,
        clock: Clock,
        panels: dict[int, Panel],
        sink: Sink,
        attendance: Attendance,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._panels = panels
        self._sink = sink
        self._attendance = attendance
        self._commits = {number: Commits(tasks, clock) for number in panels}
        self._kept = True

    def left(self, link: Link) -> None:
        """A panel's connection is closed."""
        for panel in self._panels.values():
            panel.left(link)

    async def take(self, found: Frame | Damage, link: Link) -> bool:
        """A frame or damaged bytes, from whomever; whether a known panel has said something valid.

        Returns once it is on its way to the journal, after what the panel said before.
        """
        try:
            if isinstance(found, Damage):
                await self._damaged(found, link)
                return False
            panel = self._panels.get(found.source)
            if panel is None:
                await self._sink.stranger(encode(found), stranger(found, link))
                return False
            async with panel.lock:
                reply = await self._frame(panel, found, link)
            if reply is not None:
                await link.send(panel.reply(found, reply))
        except JournalUnwritable as error:  # not confirmed: the panel sends it again
            self._journal(works=False, why=str(error))
            return False
        except ConnectionError as error:  # its connection's reader comes to the end by itself
            logger.debug("%s: %s", link.name, error)
        return True

    def _journal(self, *, works: bool, why: str = "") -> None:
        if works != self._kept:
            self._kept = works
            logger.warning(
                "%s: the journal %s",
                self._connection.id,
                "takes messages again" if works else f"does not take them; panels are not confirmed: {why}",
            )

    async def _damaged(self, damage: Damage, link: Link) -> None:
        """Whoever can be told by the header is asked to send it again (clause 6.5.3)."""
        panel = self._panels.get(damage.frame.source) if damage.frame else None
        self._sink.malformed(panel.device.id if panel else None, damage.data, damage.why)
        if panel is not None and damage.frame is not None and damage.frame.command not in _REPLIES:
            await link.send(panel.reply(damage.frame, Command.DENY))

    async def _frame(self, panel: Panel, frame: Frame, link: Link) -> Command | None:
        """What it is answered at once, if it is."""
        await self._attendance.heard(panel, frame, link)
        match frame.command:
            case Command.SEND:
                waits = await self._data(panel, frame, Origin.EVENT, link)
                return None if waits else Command.CONFIRM
            case Command.ANSWER:
                await self._data(panel, frame, Origin.STATE, link)
                panel.replied(frame)
            case Command.CONFIRM | Command.DENY:
                panel.replied(frame)
            case _:
                self._sink.malformed(panel.device.id, encode(frame), f"unknown command {frame.command}")
                return Command.DENY
        return None

    async def _data(self, panel: Panel, frame: Frame, origin: Origin, link: Link) -> bool:
        """Hand on what it says; whether there is a commit to wait for (I1)."""
        if not frame.data:
            return False  # a heartbeat
        raw = encode(frame)
        known = panel.repetitions.find(raw, self._clock.monotonic())
        if known is not None:
            message, meaning = known
            panel.interpreter.forget(meaning)
        else:
            meaning = await self._read(panel, frame, origin, raw)
            panel.interpreter.remember(meaning)
            if not meaning.is_record:
                return False
            message = self._message(panel, raw, meaning)
            answer = origin is Origin.STATE
            panel.repetitions.add(raw, message, meaning, self._clock.monotonic(), answer=answer)
            if meaning.resets:
                self._attendance.ask(panel, RESET_S)
        work = self._commit(panel, frame, link, message, meaning)
        await self._commits[panel.keys.panel].begin(message, work, again=known is not None)
        return True

    async def _read(self, panel: Panel, frame: Frame, origin: Origin, raw: bytes) -> Meaning:
        """What it says; and whatever of that is no matter of the journal's alarms."""
        content = decode(frame.data, panel.zone)
        trusted = self._connection.clock_trusted()
        meaning = panel.interpreter.read(content, origin, self._clock.now(), clock_trusted=trusted)
        if content.fault:
            self._sink.malformed(panel.device.id, frame.data, content.fault)
            if origin is Origin.EVENT:
                meaning.signals.append(_unparsed(panel, content, raw))
        await self._attendance.identify(panel, meaning.identity)
        for reading in meaning.readings:
            self._sink.reading(reading)
        for operator in meaning.guards:
            panel.guard_answered(operator)
        return meaning

    def _message(self, panel: Panel, raw: bytes, meaning: Meaning) -> Message:
        return Message(
            device=panel.device.id,
            account=panel.device.id,
            data=panel.repetitions.data_of(raw, self._clock.monotonic(), self._clock.now()),
            signals=tuple(meaning.signals),
            notices=tuple(meaning.notices),
            reset=meaning.reset,
        )

    async def _commit(
        self, panel: Panel, frame: Frame, link: Link, message: Message, meaning: Meaning
    ) -> None:
        """Confirmed once everything that the frame says is committed (I1, I2)."""
        kept = False
        try:
            await self._sink.receive(message)
            kept = True
        except JournalUnwritable as error:  # the panel sends it again
            self._journal(works=False, why=str(error))
        finally:
            if not kept:
                panel.interpreter.forget(meaning)
        if not kept:
            if frame.command == Command.ANSWER:
                self._attendance.ask(panel, self._connection.settings.resend_after_s)
            return
        self._journal(works=True)
        if frame.command == Command.SEND:
            panel.repetitions.answered(encode(frame))
            try:
                await link.send(panel.reply(frame, Command.CONFIRM))
            except ConnectionError as error:  # the panel sends it again, by another connection
                logger.debug("%s: %s", link.name, error)


def _unparsed(panel: Panel, content: Content, raw: bytes) -> Signal:
    """What nobody could understand may have been an alarm: a person must look at it."""
    return Signal(
        device=panel.device.id,
        point=f"{panel.device.id}:unparsed",
        kind=Kind.UNPARSED,
        level=Level.ACTIVE,
        origin=Origin.EVENT,
        detail=f"{content.fault}: {raw.hex(' ')}",
    )
