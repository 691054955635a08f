"""Listens to the receiver once and says in words what comes: for a technician who has just put in the cable."""

import asyncio
from collections.abc import AsyncIterator

from drivers.contact_id.codec import ACK, Frame, Framer, Heartbeat, account_of, parse, trimmed
from drivers.contact_id.meaning import Accounts
from drivers.contact_id.settings import ContactIdConnection
from drivers.serial_line import SerialLine, open_line
from gateway.clock import Clock
from gateway.driver import Finding
from gateway.errors import DeviceRefused, DeviceUnavailable

#: Two heartbeats of the usual 30 s come within so many seconds.
LISTEN_S = 65.0


async def probe(connection: ContactIdConnection, clock: Clock) -> AsyncIterator[Finding]:
    """Listen for 65 s at most, or until two heartbeats have come. Only they are acknowledged: no alarm is taken."""
    try:
        async with open_line(connection.settings.line, clock) as line:
            async for finding in _Listener(connection, clock, line).listen():
                yield finding
    except (DeviceUnavailable, DeviceRefused) as error:
        yield Finding(subject=connection.id, ok=False, text=str(error))


class _Listener:
    def __init__(self, connection: ContactIdConnection, clock: Clock, line: SerialLine) -> None:
        self._connection = connection
        self._clock = clock
        self._line = line
        self._accounts = Accounts(connection)
        self._framer = Framer()
        self._heartbeats: list[float] = []
        self._seen: set[str] = set()
        self._damaged = False
        self._anything = False

    async def listen(self) -> AsyncIterator[Finding]:
        end = self._clock.monotonic() + LISTEN_S
        while len(self._heartbeats) < 2:
            data = await self._read_until(end)
            if data is None:
                break
            if not data:
                yield self._of_line(ok=False, text=f"{self._line.name} is gone; check the adapter's plug")
                return
            self._anything = True
            for frame in self._framer.feed(data):
                async for finding in self._heard(frame):
                    yield finding
        for finding in self._sum():
            yield finding

    async def _read_until(self, end: float) -> bytes | None:
        """What comes, b"" for the end of the line, None when the time is up."""
        reading = asyncio.create_task(self._line.read())
        sleeping = asyncio.ensure_future(self._clock.sleep(max(0.0, end - self._clock.monotonic())))
        try:
            await asyncio.wait({reading, sleeping}, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else None
        finally:
            for task in (reading, sleeping):
                task.cancel()
            await asyncio.wait({reading, sleeping})

    async def _heard(self, frame: Frame) -> AsyncIterator[Finding]:
        parsed = parse(trimmed(frame.data)) if frame.whole else None
        if parsed is None:
            self._damaged = True
        elif isinstance(parsed, Heartbeat):
            self._heartbeats.append(self._clock.monotonic())
            try:
                await self._line.send(ACK)
            except ConnectionError as error:
                yield self._of_line(ok=False, text=f"an answer does not leave: {error}")
        else:
            account = account_of(parsed)
            if account and account not in self._seen:
                self._seen.add(account)
                yield self._caller(account, parsed.receiver, parsed.line)

    def _caller(self, account: str, receiver: str, line: str) -> Finding:
        device = self._accounts.device(account, receiver, line)
        where = f"account {account} calls by receiver {receiver}, line {line}"
        if device is None:
            return self._of_line(ok=False, text=f"{where}, and is not in the site file")
        return Finding(subject=device.id, ok=True, text=f"{where}; its message is left to the gateway")

    def _sum(self) -> list[Finding]:
        if len(self._heartbeats) > 1:
            every = self._heartbeats[1] - self._heartbeats[0]
            return [self._of_line(ok=True, text=f"heartbeat every {every:.0f} s")]
        if self._heartbeats:
            text = f"one heartbeat in {LISTEN_S:g} s; set the receiver's to 30 s"
            return [self._of_line(ok=True, text=text)]
        if self._seen:
            text = "messages come but no heartbeat; switch it on at the receiver, or set heartbeat_s = 0"
            return [self._of_line(ok=False, text=text)]
        if self._anything:
            what = "but none can be read" if self._damaged else "but no message that ends with DC4"
            text = f"bytes come {what}; check `baudrate`, `bytesize`, `parity` (now {self._connection.settings.line})"
            return [self._of_line(ok=False, text=text)]
        text = (
            f"nothing at all in {LISTEN_S:g} s; check the cable (null modem), the receiver's power and its "
            "automation output"
        )
        return [self._of_line(ok=False, text=text)]

    def _of_line(self, *, ok: bool, text: str) -> Finding:
        return Finding(subject=self._connection.id, ok=ok, text=text)
