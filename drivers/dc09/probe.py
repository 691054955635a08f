"""Listens for a while as the gateway would, and tells a technician which panels call, and what is wrong with those that don't."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime

from drivers.dc09.accounts import Accounts, Call, Stranger
from drivers.dc09.codec import Unreadable, refuse_time
from drivers.dc09.driver import SUPERVISION
from drivers.dc09.framing import Garbage
from drivers.dc09.keys import Keyring
from drivers.dc09.reception import Taken, receive
from drivers.dc09.settings import Dc09Connection, Dc09Device
from drivers.dc09.window import is_dated, out_of_time
from gateway.clock import Clock
from gateway.driver import Finding
from gateway.errors import DeviceRefused, DeviceUnavailable, first_cause

#: So long, in seconds, panels have time to call.
LISTEN_S = 60.0

#: So many different strangers and faults are told; on an open port there is no end of them.
_MOST_FINDINGS = 50


async def probe(connection: Dc09Connection, clock: Clock) -> AsyncIterator[Finding]:
    """What calls within `LISTEN_S`. Alarms are not acknowledged: the panel repeats them to the gateway later."""
    findings: asyncio.Queue[Finding | None] = asyncio.Queue()
    task = asyncio.create_task(_listen(connection, clock, findings))
    try:
        while (finding := await findings.get()) is not None:
            yield finding
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _listen(connection: Dc09Connection, clock: Clock, findings: asyncio.Queue[Finding | None]) -> None:
    """Puts what it finds, and None at the end."""
    try:
        keys = Keyring(connection)
        await keys.read()
        ear = _Ear(connection, Accounts(connection, keys), clock, findings)
        for device_id, trouble in keys.troubles.items():
            ear.has_no_key(device_id, trouble)
        await _for_a_while(connection, ear, clock)
        for device in ear.silent:
            findings.put_nowait(_silent(connection, device, unknown=ear.unknown))
    except (DeviceUnavailable, DeviceRefused) as error:
        findings.put_nowait(Finding(subject=connection.id, ok=False, text=_in_words(error)))
    finally:
        findings.put_nowait(None)


async def _for_a_while(connection: Dc09Connection, ear: "_Ear", clock: Clock) -> None:
    """Until all have called, or the time is over. Raises DeviceUnavailable, DeviceRefused."""
    listening = asyncio.create_task(receive(connection.settings, ear, clock))
    over = asyncio.create_task(clock.sleep(LISTEN_S))
    complete = asyncio.create_task(ear.complete.wait())
    tasks = {listening, over, complete}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    if not listening.cancelled() and (error := listening.exception()):
        raise first_cause(error)


class _Ear:
    """Hears who calls. Calls of supervision are acknowledged, so that the panel sees its line good."""

    def __init__(
        self,
        connection: Dc09Connection,
        accounts: Accounts,
        clock: Clock,
        findings: asyncio.Queue[Finding | None],
    ) -> None:
        self._connection = connection
        self._accounts = accounts
        self._clock = clock
        self._findings = findings
        self._begun = clock.monotonic()
        self._missing = {device.id for device in connection.devices}
        self._told: set[str] = set()
        self._accused: set[str] = set()
        self.unknown = False
        self.complete = asyncio.Event()

    @property
    def silent(self) -> list[Dc09Device]:
        """Of whom nothing came; whoever called and was told what is wrong with it is not silent."""
        silent = self._missing - self._accused
        return [device for device in self._connection.devices if device.id in silent]

    def has_no_key(self, device: str, trouble: str) -> None:
        """It can't be heard: nobody waits for it."""
        self._fault(device, trouble)
        self._no_longer_missing(device)

    def garbage(self, garbage: Garbage, device: str | None) -> None:
        """Tell it once."""
        self._fault(device or self._connection.id, f"bytes come that are no message: {garbage.why}")

    async def take(self, body: bytes, caller: str) -> Taken:
        """Tell who called, once."""
        try:
            call = self._accounts.identify(body, caller)
        except Unreadable as error:
            self._fault(self._connection.id, f"{caller} sends a frame that is no message: {error}")
            return Taken()
        if isinstance(call, Stranger):
            self.unknown = self.unknown or call.device is None
            self._fault(call.device.id if call.device else self._connection.id, call.why)
            return Taken()
        now = self._clock.now() if self._connection.clock_trusted() else None
        if late := out_of_time(call, self._connection.settings, now):
            self._fault(call.device.id, late)
            return Taken(refuse_time(self._clock.now()), call.device.id)
        self._found(call, caller, now)
        is_supervision = call.frame.token in SUPERVISION
        return Taken(
            self._accounts.acknowledge(call, self._clock.now()) if is_supervision else None, call.device.id
        )

    def _found(self, call: Call, caller: str, now: datetime | None) -> None:
        device = call.device.id
        if device not in self._missing:
            return
        how = "encrypted" if call.frame.encrypted else "in clear"
        after = "; it has taken our time" if call.frame.encrypted and device in self._accused else ""
        self._findings.put_nowait(
            Finding(
                subject=device,
                ok=True,
                text=f"calls from {caller} as account {call.device.settings.account}, {how}{_clock_words(call, now)}{after}",
                took_s=self._clock.monotonic() - self._begun,
            )
        )
        self._no_longer_missing(device)

    def _no_longer_missing(self, device: str) -> None:
        self._missing.discard(device)
        if not self._missing:
            self.complete.set()

    def _fault(self, subject: str, text: str) -> None:
        self._accused.add(subject)
        if text not in self._told and len(self._told) < _MOST_FINDINGS:
            self._told.add(text)
            self._findings.put_nowait(Finding(subject=subject, ok=False, text=text))


def _clock_words(call: Call, now: datetime | None) -> str:
    """How its clock goes, if both say the time; one that is wrong says what becomes of it."""
    at = call.content.at if call.content else None
    if at is None or now is None:
        return ""
    words = f", its clock is {round((at - now).total_seconds()):+d} s off ours"
    return words if is_dated(call, now) else f"{words}: set it, or its alarms carry a wrong time"


def _silent(connection: Dc09Connection, device: Dc09Device, *, unknown: bool) -> Finding:
    bus = connection.settings
    ways = "TCP or UDP" if bus.transport == "both" else bus.transport.upper()
    mistaken = (
        ". Somebody called with an account that is not in the site file: is it this panel?" if unknown else ""
    )
    return Finding(
        subject=device.id,
        ok=False,
        text=(
            f"account {device.settings.account} did not call within {LISTEN_S:g} s; check in the panel: this "
            f"machine's address, port {bus.port} over {ways}, account, and that it calls (NULL) at least once a minute; "
            f"then its network and any firewall on the way. Or let it send a test message{mistaken}"
        ),
    )


def _in_words(error: DeviceUnavailable | DeviceRefused) -> str:
    if "in use" not in str(error):
        return str(error)
    return f"{error}. While the gateway itself runs it has the port: stop it first (`systemctl stop campus-gateway`)"
