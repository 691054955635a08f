"""A serial line of alarm panels in the site file: the receiver on a pty at its path, and the accounts that call it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from drivers.contact_id.settings import ContactIdConnection, ContactIdDevice, account_key
from simulators.contact_id import ContactIdReceiverSimulator
from simulators.contact_id.lines import Origin, contact_id_line, sia_line
from simulators.contact_id.receiver import ACK_SECONDS
from simulators.fault import Fault
from simulators.school_codes import Alphabet, CodePanel, Zone
from simulators.school_parts import AnyConnection, Context, Device, Served, call_every, in_time

#: What the lines have room for: Contact ID four digits of account, the line one hex digit.
_CID_ACCOUNT, _MOST_LINE = 4, 0xF


def serve_contact_id(connection: AnyConnection, _context: Context) -> Served:
    """Raises ValueError for a receiver's line that its format can't say."""
    wired = cast("ContactIdConnection", connection)
    keys = wired.settings
    link = Path(keys.serial)
    receiver = ContactIdReceiverSimulator(
        link=link,
        baud=keys.baudrate,
        heartbeat_s=call_every(keys.heartbeat_s),
        ack_timeout_s=in_time(ACK_SECONDS, keys.heartbeat_s),
    )
    callers = {
        device.id: Caller(receiver, device, is_alone=not connection.shared) for device in wired.devices
    }
    bus: Mapping[str, Device] = {connection.id: receiver}
    points = {
        point.id: Zone(callers[device.id], point.id, point.kind, point.settings.address)
        for device in wired.devices
        for point in device.points
    }
    return Served(
        id=connection.id,
        where=str(link),
        simulators=(receiver, *callers.values()),
        devices={**bus, **callers},
        points=points,
        link=link,
    )


class Caller(CodePanel):
    """A panel that calls the receiver. It calls with a periodic test when it has power, and where the site file wants to hear of it.

    It is there or silent; what happens meanwhile is told later. Every other fault is of the line, and `is_alone` says
    that the site file has no other name for the line than the panel's.
    """

    def __init__(
        self, receiver: ContactIdReceiverSimulator, device: ContactIdDevice, *, is_alone: bool
    ) -> None:
        account = account_key(device.settings.account) or "0"
        self.alphabet = Alphabet.CID if len(account) <= _CID_ACCOUNT else Alphabet.SIA
        self._account = account.zfill(_CID_ACCOUNT)
        self._origin = _origin(device)
        self._receiver = receiver
        self._is_alone = is_alone
        self._limit_s = device.settings.lost_after_s
        self._fault, self._powered = Fault.NONE, True
        self._held: list[bytes] = []
        self._calling: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Events in its own memory; those that the receiver has are the receiver's."""
        return len(self._held)

    def send(self, code: str, zone: int | str) -> None:
        """Call the receiver, now or once it can."""
        number = int(zone)  # the site file has no others here
        if self.alphabet is Alphabet.SIA:
            line = sia_line(self._origin, self._account, code, number)
        else:
            line = contact_id_line(self._origin, self._account, code, 1, number)
        self._held.append(line)
        self._call()

    # ---- life

    async def start(self) -> None:
        """Begin to call."""
        self._calling = asyncio.create_task(self._test_again())

    async def stop(self) -> None:
        """End."""
        calling, self._calling = self._calling, None
        if calling is not None:
            calling.cancel()
            await asyncio.wait([calling])
            if not calling.cancelled():
                calling.result()

    async def misbehave(self, fault: Fault) -> None:
        """SILENT or NONE. Raises ValueError for what only the line can have."""
        if self._is_alone:
            await self._receiver.misbehave(fault)
            return
        if fault not in {Fault.NONE, Fault.SILENT}:
            raise ValueError("a panel behind a receiver can only be silent; give the line's id for all else")
        self._fault = fault
        self._back()

    async def power_off(self) -> None:
        """It calls no more."""
        if self._is_alone:
            await self._receiver.power_off()
        self._powered = False

    async def power_on(self) -> None:
        """It calls."""
        if self._is_alone:
            await self._receiver.power_on()
        self._powered = True
        self._back()

    # ---- inside

    @property
    def _is_there(self) -> bool:
        return self._powered and self._fault is Fault.NONE

    def _back(self) -> None:
        if self._is_there:
            self.test()

    def _call(self) -> None:
        if self._is_there:
            held, self._held = self._held, []
            for line in held:
                self._receiver.send_line(line)

    async def _test_again(self) -> None:
        self._back()
        while self._limit_s:
            await asyncio.sleep(call_every(self._limit_s))
            self._back()


def _origin(device: ContactIdDevice) -> Origin:
    keys = device.settings
    receiver, line = (
        keys.receiver if keys.receiver is not None else 1,
        keys.line if keys.line is not None else 1,
    )
    if line > _MOST_LINE:
        raise ValueError(
            f"{device.id}: no simulated receiver has a line {line}; the format has 0 to {_MOST_LINE}"
        )
    return Origin(receiver=f"{receiver:02d}", line=f"{line:X}")
