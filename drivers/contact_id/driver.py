"""Serves one receiver: takes its messages in order, and acknowledges each when it is committed."""

import asyncio
from collections.abc import Iterator
from typing import NoReturn

from drivers.contact_id.codec import (
    ACK,
    NAK,
    ContactId,
    Frame,
    Framer,
    Heartbeat,
    Other,
    Parsed,
    Sia,
    is_text,
    parse,
    trimmed,
)
from drivers.contact_id.meaning import Accounts, Saying
from drivers.contact_id.repetitions import Repetitions
from drivers.contact_id.settings import ContactIdConnection, ContactIdDevice
from drivers.serial_line import SerialLine, open_line
from gateway.clock import Clock
from gateway.driver import Sink
from gateway.errors import DeviceUnavailable, JournalUnwritable
from gateway.model import Message, Presence

#: The receiver repeats after 4 s without an answer. An answer that comes later could be taken for that to another
#: message, so there is none: the repetition gets it. In seconds.
ANSWER_LIMIT_S = 3.5

#: Copies of one message that may wait for their commit at once.
COPIES = 8

#: While a commit is under way, silence is looked at again so soon, in seconds.
LOOK_AGAIN_S = 1.0

_RARELY_S = 3600.0

_NOT_YET = "has not called since the line was opened"


class ContactIdDriver:
    """One receiver on one serial line, and the panels whose accounts the site file names."""

    def __init__(self, connection: ContactIdConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def run(self, sink: Sink) -> NoReturn:
        """Serve until cancelled. Raises DeviceUnavailable and DeviceRefused, after what was heard is committed."""
        async with (
            open_line(self._connection.settings.line, self._clock) as line,
            asyncio.TaskGroup() as tasks,
        ):
            session = _Session(self._connection, self._clock, sink, line, tasks)
            parts = {tasks.create_task(session.serve()), tasks.create_task(session.watch())}
            done, others = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for other in others:
                other.cancel()
            line.close()
            end = done.pop().result()
        raise end


class _Session:
    """What has become of the receiver and its panels since the line was opened.

    `_turn` counts what came; only the latest can be answered, for the receiver waits for no other answer. `_hand` is
    the message that is being committed, in `_commits`: one for each copy that came.
    """

    def __init__(
        self,
        connection: ContactIdConnection,
        clock: Clock,
        sink: Sink,
        line: SerialLine,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._sink = sink
        self._line = line
        self._tasks = tasks
        self._accounts = Accounts(connection)
        self._framer = Framer()
        self._opened_at = self._heard_at = clock.monotonic()
        self._repetitions = Repetitions(self._opened_at)
        self._called_at = {device.id: self._opened_at for device in connection.devices}
        self._presences: dict[str, Presence] = {}
        self._damaged = b""
        self._turn = 0
        self._hand = b""
        self._commits: set[asyncio.Task[None]] = set()

    async def serve(self) -> DeviceUnavailable:
        """Take what comes until the line is gone."""
        while data := await self._line.read():
            for frame in self._framer.feed(data):
                await self._take(frame)
        return DeviceUnavailable(f"{self._line.name} is gone; check the cable and the adapter's plug")

    async def watch(self) -> DeviceUnavailable:
        """Notice what does not come: panels that no longer call, and at last the receiver itself."""
        if not self._connection.settings.heartbeat_s:
            await self._greet()  # that the line opened is all that is ever known of the receiver
        while True:
            wait = self._next_deadline() - self._clock.monotonic()
            if wait > 0:
                await self._clock.sleep(wait)
            elif self._receiver_deadline() <= self._clock.monotonic():
                if not self._commits:
                    return DeviceUnavailable(self._obituary())
                await self._clock.sleep(LOOK_AGAIN_S)
            await self._look_at_panels()

    # What comes.

    async def _take(self, frame: Frame) -> None:
        arrived = self._clock.monotonic()
        data = trimmed(frame.data)
        parsed = parse(data) if frame.whole else None
        if isinstance(parsed, Heartbeat):
            await self._heartbeat(arrived)
        elif parsed is not None or (frame.whole and is_text(data) and data == self._damaged):
            await self._message(data, parsed, arrived)
        else:
            await self._damage(frame, data)

    async def _heartbeat(self, arrived: float) -> None:
        self._heard_at = arrived
        self._turn += 1
        await self._answer(ACK)
        self._repetitions.heartbeat(arrived)
        await self._greet()

    async def _damage(self, frame: Frame, data: bytes) -> None:
        """It is asked for again. What comes twice, printable and the same, was no damage: then it is kept."""
        self._damaged = data
        self._turn += 1
        why = "no message of the automation protocol" if frame.whole else "no DC4 within 128 bytes"
        if not is_text(data):
            why += "; check baudrate, bytesize and parity"
        self._sink.malformed(None, frame.data, why)
        await self._answer(NAK)

    async def _message(self, data: bytes, parsed: Parsed | None, arrived: float) -> None:
        self._heard_at = arrived
        saying = self._accounts.saying(data, parsed)
        whose = saying.device.id if saying.device else self._connection.id
        stamp = f"{self._clock.now().isoformat()} {self._turn}"
        message = Message(
            device=whose,
            account=whose,
            data=self._repetitions.data_of(data, arrived, stamp),
            signals=saying.signals,
            notices=saying.notices,
            reset=saying.reset,
        )
        if message.data != self._hand:
            await self._settle()
        self._hand = message.data
        self._turn += 1
        if len(self._commits) < COPIES:
            commit = self._tasks.create_task(self._commit(message, saying, parsed, arrived, self._turn))
            self._commits.add(commit)
            commit.add_done_callback(self._commits.discard)

    async def _settle(self) -> None:
        """Order: a message is handed over when the one before it is committed, or refused."""
        if self._commits:
            await asyncio.wait(self._commits)

    async def _commit(
        self, message: Message, saying: Saying, parsed: Parsed | None, arrived: float, turn: int
    ) -> None:
        try:
            await self._sink.receive(message)
        except JournalUnwritable:
            return  # no answer: the receiver keeps it and sends it again
        now = self._heard_at = self._clock.monotonic()
        if turn == self._turn and now - arrived <= ANSWER_LIMIT_S:
            await self._answer(ACK)
            self._repetitions.answered(now)
        if saying.device is not None:
            self._called_at[saying.device.id] = now
            await self._tell(saying.device.id, Presence.ONLINE)
        elif isinstance(parsed, ContactId | Sia | Other) and parsed.account:
            await self._sink.stranger(message.data, _who(parsed))
        await self._greet()

    async def _answer(self, answer: bytes) -> None:
        try:
            await self._line.send(answer)
        except ConnectionError:
            self._line.close()  # `serve` ends with the last of what has come

    # Who is there.

    async def _greet(self) -> None:
        """The receiver is there: so the connection serves, and of panels that have not called nothing is known."""
        for device in self._connection.devices:
            if device.id not in self._presences:
                await self._tell(device.id, Presence.UNKNOWN, _NOT_YET)

    async def _tell(self, device: str, presence: Presence, reason: str = "") -> None:
        if self._presences.get(device) is not presence:
            self._presences[device] = presence
            await self._sink.presence(device, presence, reason)

    async def _look_at_panels(self) -> None:
        now = self._clock.monotonic()
        for device, deadline in self._panel_deadlines(now):
            if deadline > now:
                continue
            if device.id in self._presences:
                why = f"has not called for {device.settings.lost_after_s:g} s"
                await self._tell(device.id, Presence.OFFLINE, why)
            else:
                await self._tell(device.id, Presence.UNKNOWN, _NOT_YET)

    def _panel_deadlines(self, now: float) -> Iterator[tuple[ContactIdDevice, float]]:
        """When something is to be told of a panel: half its time has passed without a word of anybody, or all of it.

        It is not told as unknown when the line opens: a dead receiver would seem to be back at each attempt.
        """
        for device in self._connection.devices:
            limit, presence = device.settings.lost_after_s, self._presences.get(device.id)
            if not limit:
                continue
            if presence is Presence.OFFLINE:
                yield device, now + limit
            else:
                yield device, self._called_at[device.id] + (limit if presence else limit / 2)

    def _next_deadline(self) -> float:
        now = self._clock.monotonic()
        panels = (deadline for _, deadline in self._panel_deadlines(now))
        return min(self._receiver_deadline(), *panels, now + _RARELY_S)

    def _receiver_deadline(self) -> float:
        limit = self._connection.settings.heartbeat_s
        return self._heard_at + limit if limit else float("inf")

    def _obituary(self) -> str:
        limit = self._connection.settings.heartbeat_s
        if self._line.heard_at > self._heard_at:
            return (
                f"{self._line.name}: bytes come but no message that can be read for {limit:g} s; check `baudrate`, "
                f"`bytesize` and `parity` (now {self._connection.settings.line})"
            )
        return (
            f"{self._line.name}: nothing comes for {limit:g} s; check the receiver's power, the cable (null modem) and "
            "that its automation output sends heartbeats"
        )


def _who(parsed: ContactId | Sia | Other) -> str:
    return (
        f"account {parsed.account} calls by receiver {parsed.receiver}, line {parsed.line}, and is not in the site "
        "file; add a [[device]] with it, or have the panel's number changed"
    )
