"""Receives the messages of alarm panels over SIA DC-09: journals each, and acknowledges it only then."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import NoReturn

from drivers.dc09.accounts import Accounts, Call, Stranger
from drivers.dc09.codec import Unreadable, cannot_process, refuse_time, without_digits, without_keys
from drivers.dc09.events import meaning_of
from drivers.dc09.framing import KEPT_BYTES, Garbage
from drivers.dc09.keys import AGAIN_S, Keyring
from drivers.dc09.reception import Taken, receive
from drivers.dc09.repetitions import Repetitions
from drivers.dc09.settings import Dc09Connection
from drivers.dc09.supervision import Supervision
from drivers.dc09.window import is_dated, out_of_time
from gateway.clock import Clock
from gateway.driver import Sink
from gateway.errors import JournalUnwritable, first_cause

#: Messages with which a panel only says that it is there. XNM is the extended one of DC-09-2026.
SUPERVISION = frozenset({"NULL", "XNM"})


class Dc09Driver:
    """One receiver, and all panels that call it.

    Messages go to the journal in the order in which they came; while one waits for its commit, its repetition is heard.
    """

    def __init__(self, connection: Dc09Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def run(self, sink: Sink) -> NoReturn:
        """Serve until cancelled.

        Raises DeviceUnavailable and DeviceRefused where the port can't be had, and what the sink raises but for
        JournalUnwritable.
        """
        keys = Keyring(self._connection)
        await keys.read()
        supervision = Supervision(self._connection, sink, self._clock)
        receiver = _Receiver(
            self._connection, Accounts(self._connection, keys), supervision, sink, self._clock
        )
        listening = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(
                    receive(self._connection.settings, receiver, self._clock, ready=listening.set)
                )
                await listening.wait()
                await supervision.begin(keys.troubles)
                receiver.begun.set()
                if keys:
                    tasks.create_task(self._read_again(keys, supervision))
                await supervision.run()
        except BaseExceptionGroup as group:
            raise first_cause(group) from group

    async def _read_again(self, keys: Keyring, supervision: Supervision) -> NoReturn:
        while True:
            await self._clock.sleep(AGAIN_S)
            before = set(keys.troubles)
            await keys.read()
            for device in sorted(before.difference(keys.troubles)):
                await supervision.served(device)


class _Receiver:
    """What is done with each frame. Commits before it answers (I1).

    Frames that come before all panels' presence is told, when `begun` is set, wait for it: the sink would tell that of the
    panel with its first message, and the next one would be recorded before that.
    """

    def __init__(
        self,
        connection: Dc09Connection,
        accounts: Accounts,
        supervision: Supervision,
        sink: Sink,
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._accounts = accounts
        self._supervision = supervision
        self._sink = sink
        self._clock = clock
        opened_at = clock.monotonic()
        self._said = {device.id: Repetitions(opened_at) for device in connection.devices}
        self._turn = 0
        self.begun = asyncio.Event()

    def garbage(self, garbage: Garbage, device: str | None) -> None:
        """Count it."""
        self._sink.malformed(device, without_digits(garbage.data), garbage.why)

    async def take(self, body: bytes, caller: str) -> Taken:
        """Journal what a frame says, then answer. Whatever is not kept, unknown or unreadable has no answer."""
        await self.begun.wait()
        try:
            call = self._accounts.identify(body, caller)
        except Unreadable as error:
            self._sink.malformed(None, without_digits(without_keys(body))[:KEPT_BYTES], str(error))
            return Taken()
        if isinstance(call, Stranger):
            if call.device is not None:
                self._supervision.doubts(call.device.id, call.why)
            with suppress(JournalUnwritable):  # the others are served all the same
                pretended = call.device.id if call.device is not None else None
                await self._sink.stranger(without_keys(body), call.why, pretended)
            return Taken()
        late = out_of_time(call, self._connection.settings, self._believed_now())
        if late is not None:
            self._sink.malformed(call.device.id, body[:KEPT_BYTES], late)
            await self._supervision.refused(call.device.id, late)
            return Taken(refuse_time(self._clock.now()), call.device.id)
        self._supervision.hears(call.device.id)
        try:
            answer = await self._journal(call)
        except JournalUnwritable:  # the panel keeps it and says it again
            return Taken(device=call.device.id)
        await self._supervision.heard(call.device.id, caller)
        return Taken(answer, call.device.id)

    async def _journal(self, call: Call) -> bytes:
        said = self._said[call.device.id]
        if call.frame.token in SUPERVISION:
            said.idle()
            return self._accounts.acknowledge(call, self._clock.now())
        now = self._believed_now()
        meaning = meaning_of(call.device, call.frame.token, call.content, call.record, now)
        judged = said.judge(
            call.record, dated=is_dated(call, now), now=self._clock.monotonic(), stamp=self._stamp()
        )
        if judged.data is not None:
            await self._sink.receive(replace(meaning.message, data=judged.data))
            said.answered(judged.key, self._clock.monotonic())
        if meaning.understood:
            return self._accounts.acknowledge(call, self._clock.now())
        return cannot_process(call.frame)

    def _stamp(self) -> str:
        """Another each time, also after a restart within the second."""
        self._turn += 1
        return f"{self._clock.now().isoformat()} {self._turn}"

    def _believed_now(self) -> datetime | None:
        return self._clock.now() if self._connection.clock_trusted() else None
