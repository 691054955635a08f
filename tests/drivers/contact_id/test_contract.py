"""The driver keeps the contract of gateway.driver, against the simulated receiver on a pty."""

from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.model import Kind
from simulators.contact_id import ContactIdReceiverSimulator
from simulators.fault import Fault
from tests.drivers.contract import AnyConnection
from tests.drivers.receiving import ReceiverContract
from tests.drivers.receiving_panels import PanelUnderTest

ZONE = 3
NOISE = b"\x80\xff\x85 no line\x14"


class ContactIdUnderTest(PanelUnderTest):
    """One account with a panic button, behind a receiver."""

    def __init__(self, folder: Path) -> None:
        link = folder / "receiver"
        super().__init__(
            folder,
            DRIVERS["contact_id"],
            Kind.PANIC,
            lambda times: (
                f'[[device]]\nid = "panel"\nzone = "gate"\ndriver = "contact_id"\nserial = "{link}"\n'
                f'account = "1234"\n{times}\n'
                f'[[device.point]]\nid = "button"\nkind = "panic"\nreturns = true\naddress = {ZONE}\n'
            ),
            port=None,
        )
        self._account = "1234"
        self._noisy = False
        self._simulator = ContactIdReceiverSimulator(link=link, heartbeat_s=0.2, ack_timeout_s=0.6)

    @property
    def connection(self) -> AnyConnection:
        """The receiver is lost after a second."""
        return self.site_connection("heartbeat_s = 1.0")

    @property
    def patient_connection(self) -> AnyConnection:
        """Lost after a minute."""
        return self.site_connection("heartbeat_s = 60.0")

    @property
    def acknowledged(self) -> int:
        """Alarms and returns that got an ACK; a heartbeat is none, nor is the test call of the start."""
        return sum(b"120" in done.item.data for done in self._simulator.acknowledged)

    async def start(self) -> None:
        """Lay the line; the panel calls once, for the receiver's heartbeat says nothing of it."""
        await self._simulator.start()
        self._simulator.send("1602", 0)

    async def stop(self) -> None:
        """Take it away."""
        await self._simulator.stop()

    def press(self) -> None:
        """Panic."""
        if self._noisy:
            self._simulator.send_raw(NOISE)
        self._simulator.send("1120", ZONE, account=self._account)

    def release(self) -> None:
        """Its restore."""
        self._simulator.send("3120", ZONE, account=self._account)

    async def repeat_next(self) -> None:
        """As the simulator has it."""
        self._simulator.duplicate_next()

    async def surround_next(self) -> None:
        """Noise that looks like two damaged lines: a NAK for the first one makes the receiver repeat the event."""
        self._noisy = True
        self._simulator.on_acknowledged = lambda _done: self._simulator.send_raw(NOISE)

    async def break_next(self) -> None:
        """In the middle."""
        self._simulator.cut_next(10)

    async def misbehave(self, fault: Fault) -> None:
        """As the simulator has it; a receiver passes on whatever account calls."""
        self._account = "9999" if fault is Fault.REFUSED else "1234"
        await self._simulator.misbehave(Fault.NONE if fault is Fault.REFUSED else fault)

    async def power_cycle(self, off_seconds: float) -> None:
        """As the simulator has it."""
        await self._simulator.power_cycle(off_seconds)


class TestReceiver(ReceiverContract):
    """On a serial line."""

    @pytest.fixture
    def subject(self, tmp_path: Path) -> ContactIdUnderTest:
        """A receiver whose line is not laid yet."""
        return ContactIdUnderTest(tmp_path)
