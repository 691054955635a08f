"""Polls the devices of one Modbus connection by deadline, reports what their points say, and switches their outputs."""

import asyncio
from typing import NoReturn

from drivers.modbus.codec import Write
from drivers.modbus.link import Link, NoAnswer, RequestRefused
from drivers.modbus.outputs import Order, Orders, resets_of, settle, switch_keys, write_for
from drivers.modbus.polling import PolledBlock
from drivers.modbus.reports import Reports
from drivers.modbus.session import Session
from drivers.modbus.settings import ModbusConnection, ModbusDevice, ProfileProblems, SiteConnection, resolve
from gateway.clock import Clock
from gateway.driver import Command, Sink
from gateway.errors import DeviceRefused, DeviceUnavailable

#: A command has had its turn and its answer within so many seconds, or it is called off.
ORDER_LIMIT_S = 10.0


class ModbusDriver:
    """One connection, TCP or serial, and all its devices; one request is under way at a time.

    A silent device costs the others one time-out now and then. It is lost only if somebody else answers; if nobody
    does, the connection is gone. It writes nothing by itself: only outputs that it is told to switch, and resets that
    it is told to make. `polled_at` is the monotonic second at which the last request ended, or to which there is none
    to make.
    """

    def __init__(self, connection: SiteConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._orders = Orders()
        self._resolved: ModbusConnection | None = None
        self._nap: asyncio.Task[None] | None = None
        self.polled_at = clock.monotonic()

    async def run(self, sink: Sink) -> NoReturn:
        """Serve until cancelled. Raises DeviceUnavailable and DeviceRefused, after all that was seen is reported."""
        connection = await self._resolve()
        link = Link(connection.settings, self._clock)
        try:
            await link.open()
            async with asyncio.TaskGroup() as tasks:
                session = Session(connection, self._clock, sink, Reports(sink, tasks), self._orders)
                self._resolved = connection
                end = await self._serve(session, link)
                self._hang_up(link)
        finally:
            self._hang_up(link)
        raise end

    async def switch(self, output: str, *, on: bool) -> None:
        """Set an output; returns when the device has echoed it. Raises DeviceUnavailable and DeviceRefused."""
        device, keys = switch_keys(self._connected().devices, output)
        await self._order(device, write_for(keys, on=on), keys.gap_ms / 1000)

    async def command(self, device: str, command: Command, *, minutes: int = 10) -> str:
        """INITIALISE lets go of all that a device has latched. Raises DeviceUnavailable and DeviceRefused."""
        found = next((one for one in self._connected().devices if one.id == device), None)
        if found is None:
            raise DeviceRefused(f"there is no device {device!r} on this connection")
        resets = resets_of(found)
        if command is not Command.INITIALISE or not resets:
            raise DeviceRefused(
                f"{device} can't be told {command.value}: none of its points has a `reset` write"
            )
        for reset in resets:
            await self._order(found, reset)
        return f"{device}: reset, wrote {', '.join(map(str, resets))}"

    def _connected(self) -> ModbusConnection:
        if self._resolved is None:
            raise DeviceUnavailable(f"{self._connection.id} is not connected")
        return self._resolved

    async def _order(self, device: ModbusDevice, write: Write, gap_s: float = 0.0) -> None:
        done = self._orders.add(device, write, gap_s)
        if self._nap is not None:
            self._nap.cancel()
        try:
            async with asyncio.timeout(ORDER_LIMIT_S):
                await done
        except TimeoutError:
            raise DeviceUnavailable(f"{device.id}: {write} had no turn in {ORDER_LIMIT_S:g} s") from None

    async def _resolve(self) -> ModbusConnection:
        try:
            if any(device.settings.profile_file is not None for device in self._connection.devices):
                return (await asyncio.to_thread(resolve, self._connection)).connection
            return resolve(self._connection).connection
        except ProfileProblems as error:
            raise DeviceRefused(str(error)) from error

    def _hang_up(self, link: Link) -> None:
        link.close()
        self._resolved = None
        self._orders.fail(f"{link.name} is not connected any more")

    async def _serve(self, session: Session, link: Link) -> DeviceUnavailable:
        while True:
            chosen, due = session.next()
            wait = due - self._clock.monotonic()
            if wait > 0:
                self.polled_at = due
                if await self._rest(wait):
                    continue
            try:
                if isinstance(chosen, Order):
                    await self._write(session, link, chosen)
                else:
                    await self._read(session, link, chosen)
            except NoAnswer as failure:
                session.sent(chosen)
                session.missed(chosen, failure)
                if session.is_dead:
                    return DeviceUnavailable(f"{link.name}: {session.obituary}")
            except DeviceUnavailable as gone:
                return gone
            else:
                session.sent(chosen)
            self.polled_at = self._clock.monotonic()

    async def _rest(self, seconds: float) -> bool:
        """Sleep until the next deadline; True if a command has come before it."""
        nap = self._nap = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({nap})
        finally:
            nap.cancel()
            self._nap = None
        return nap.cancelled()

    async def _read(self, session: Session, link: Link, polled: PolledBlock) -> None:
        try:
            cells = await link.read(polled.owner.device.settings.slave, polled.block)
        except RequestRefused as refusal:
            session.refused(polled, refusal)
        else:
            session.answered(polled, cells)

    async def _write(self, session: Session, link: Link, order: Order) -> None:
        self._orders.remove(order)
        name = order.device.id
        try:
            await link.write(order.device.settings.slave, order.write)
        except RequestRefused as refusal:
            session.written(order)
            settle(order, DeviceRefused(f"{name} {refusal}"))
        except NoAnswer as failure:
            settle(order, DeviceUnavailable(f"{name}: {failure}"))
            raise
        except DeviceUnavailable as gone:
            settle(order, gone)
            raise
        else:
            session.written(order)
            settle(order)
        finally:
            settle(order, DeviceUnavailable(f"{name}: {link.name} is not connected any more"))
