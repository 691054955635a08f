"""One panel as the receiving centre knows it: where it is, what we ask of it, and who waits for its answers."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Protocol

from drivers.gb26875.codec import VERSION, Frame, encode, encode_time
from drivers.gb26875.content import Component
from drivers.gb26875.interpreter import Interpreter
from drivers.gb26875.questions import (
    MAX_COMPONENTS,
    read_components,
    read_device,
    read_systems,
)
from drivers.gb26875.repetitions import Repetitions
from drivers.gb26875.settings import USUAL_SYSTEM, BusKeys, FireDevice
from drivers.gb26875.tables import Command, Type
from gateway.clock import Clock
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.model import Presence

logger = logging.getLogger(__name__)


class Link(Protocol):
    """A way to a panel: its connection, its last datagram, or the line."""

    name: str

    async def send(self, data: bytes) -> None:
        """Raises ConnectionError where it is not taken."""
        ...

    def close(self) -> None:
        """Nobody is there any more."""
        ...


class Panel:
    """State of one panel between its frames.

    `lock` keeps its frames in order, whichever way they come. `heard_at` is the monotonic second of its last valid
    frame, or of the start.
    """

    def __init__(self, device: FireDevice, bus: BusKeys, clock: Clock) -> None:
        self.device = device
        self.keys = device.settings
        self.zone = device.settings.zone
        self.interpreter = Interpreter(device)
        self.repetitions = Repetitions()
        self.lock = asyncio.Lock()
        self.link: Link | None = None
        self.presence = Presence.UNKNOWN
        self.heard_at = clock.monotonic()
        self.identity: dict[str, str] = {}
        self._bus = bus
        self._clock = clock
        self._centre = bus.centre
        self._version = VERSION
        self._serial = 0
        self._one_at_a_time = asyncio.Lock()
        self._awaited: tuple[int, asyncio.Future[Frame]] | None = None
        self._guards: set[asyncio.Future[str]] = set()
        self._ended = ""

    # What it sends.

    def heard(self, frame: Frame, link: Link) -> None:
        """It is there, by this way."""
        self.heard_at = self._clock.monotonic()
        self._version = frame.version
        self._centre = self._bus.centre or frame.destination
        self.link = link

    def left(self, link: Link) -> None:
        """This way to it is closed."""
        if self.link is link:
            self.link = None

    def replied(self, frame: Frame) -> bool:
        """It confirms, answers or denies; whether anybody waits for that."""
        if self._awaited is None or self._awaited[0] != frame.serial or self._awaited[1].done():
            return False
        self._awaited[1].set_result(frame)
        return True

    def guard_answered(self, operator: str) -> None:
        """Somebody at the panel has pressed the key that answers a guard check."""
        for guard in self._guards:
            if not guard.done():
                guard.set_result(operator)

    def end(self, why: str) -> None:
        """Nothing will come any more: whoever waits is told so."""
        self._ended = why
        if self._awaited is not None and not self._awaited[1].done():
            self._awaited[1].set_exception(DeviceUnavailable(why))
        for guard in self._guards:
            if not guard.done():
                guard.set_exception(DeviceUnavailable(why))

    # What we send.

    def reply(self, frame: Frame, command: Command) -> bytes:
        """The confirmation or denial of its frame: same serial, the addresses changed over (clause 6.4)."""
        return encode(
            Frame(
                serial=frame.serial,
                version=frame.version,
                tag=self._tag(),
                source=self._bus.centre or frame.destination,
                destination=frame.source,
                command=command,
            )
        )

    async def ask(self, command: Command, data: bytes) -> Frame:
        """Its reply to a command of ours, which is sent again after silence and after a denial (clause 6.5).

        Raises DeviceUnavailable where it is not connected or stays silent, DeviceRefused where it denies to the last.
        """
        async with self._one_at_a_time:
            if self.link is None:
                raise DeviceUnavailable(
                    self._ended or f"panel {self.keys.panel} is not connected: it must call first"
                )
            serial = self._serial
            self._serial = (serial + 1) & 0xFFFF
            request = Frame(
                serial=serial,
                version=self._version,
                tag=self._tag(),
                source=self._centre,
                destination=self.keys.panel,
                command=command,
                data=data,
            )
            try:
                return await self._insist(encode(request), serial)
            finally:
                self._awaited = None

    async def _insist(self, request: bytes, serial: int) -> Frame:
        reply: Frame | None = None
        for _ in range(1 + self._bus.resends):
            answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
            self._awaited = serial, answer
            await self._send(request)
            replied = await within(self._clock, self._bus.resend_after_s, answer)
            reply = answer.result() if replied else None
            if reply is not None and reply.command != Command.DENY:
                return reply
        if reply is not None:
            raise DeviceRefused(f"panel {self.keys.panel} denies it, {1 + self._bus.resends} times")
        waited = self._bus.resend_after_s * (1 + self._bus.resends)
        raise DeviceUnavailable(f"panel {self.keys.panel} does not answer within {waited:g} s")

    async def _send(self, request: bytes) -> None:
        if self.link is None:  # it may call again before the next attempt
            return
        try:
            await self.link.send(request)
        except ConnectionError:
            self.link = None

    async def guard_answer(self, command: bytes, minutes: int) -> str:
        """Who answers a guard check within `minutes`. Raises as `ask` does, and DeviceUnavailable if nobody does."""
        guard: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._guards.add(guard)  # the answer may come before the confirmation
        try:
            try:
                await self.ask(Command.CONTROL, command)
            except DeviceUnavailable:
                if not guard.done():  # whoever has answered was asked, confirmed or not
                    raise
            if not await within(self._clock, minutes * 60.0, guard):
                raise DeviceUnavailable(f"nobody answered the guard check within {minutes} min")
            return guard.result()
        finally:
            self._guards.discard(guard)
            if guard.done() and not guard.cancelled():
                guard.exception()  # told by `end` while nobody waited for it

    async def read_state(self) -> tuple[int, int]:
        """Ask for its present state; how many questions there were, and how many it answered.

        The answers are recorded as they come. What it denies is left out. Raises DeviceUnavailable where it answers none,
        DeviceRefused where it denies all.
        """
        asked = answered = 0
        for question in self.state_questions():
            asked += 1
            try:
                reply = await self.ask(Command.REQUEST, question)
                answered += reply.command == Command.ANSWER  # a confirmation tells nothing
            except DeviceRefused as refusal:
                logger.debug("%s: question %d: %s", self.device.id, asked, refusal)
            except DeviceUnavailable:
                if asked == 1:
                    raise
                break  # it does not answer this one: it would not answer the rest
        if not answered:
            raise DeviceRefused(
                f"panel {self.keys.panel} does not tell its state: it denies the question, or only confirms it"
            )
        return asked, answered

    def state_questions(self) -> Iterator[bytes]:
        """What to ask for its present state: of itself, of its systems, of the points that the site file names."""
        yield read_device(Type.READ_DEVICE_STATUS)
        yield read_systems(sorted(self.interpreter.systems or {USUAL_SYSTEM}))
        known = [self._where(point.settings.component, point.settings.system) for point in self.device.points]
        for at in range(0, len(known), MAX_COMPONENTS):
            yield read_components(known[at : at + MAX_COMPONENTS])

    def _where(self, component: Component, system: object) -> Component:
        """A point without a system is on the one that the panel has, if it has one only."""
        if system is None and len(self.interpreter.systems) == 1:
            return Component(next(iter(self.interpreter.systems)), component.address)
        return component

    def _tag(self) -> bytes:
        return encode_time(self._clock.now(), self.zone)


def host_of(link: Link) -> str:
    """Of a name without its port, which is another at each call; a line has none."""
    return link.name.rpartition(":")[0] or link.name


def stranger(frame: Frame, link: Link) -> str:
    """Who calls, and what to do about it."""
    return (
        f"{host_of(link)} calls itself panel {frame.source}, which is not in the site file; "
        f"if it is ours, give its [[device]] `panel = {frame.source}`"
    )


async def within(clock: Clock, seconds: float, future: "asyncio.Future[Frame] | asyncio.Future[str]") -> bool:
    """Wait for it so long; whether it came."""
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({timer, future}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
        await asyncio.gather(timer, return_exceptions=True)
    return future.done()
