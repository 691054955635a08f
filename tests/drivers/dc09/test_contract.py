"""The driver keeps the contract of gateway.driver, in clear and encrypted, against the simulated panel."""

from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.model import Kind
from simulators.dc09 import Carrier, Dc09PanelSimulator, Format, Habits
from simulators.fault import Fault
from tests.drivers.contract import AnyConnection
from tests.drivers.receiving import ReceiverContract
from tests.drivers.receiving_panels import PanelUnderTest, free_port

KEY = "850cba22f7dd4f033405da83e4c5bae9"
ZONE = 3
HABITS = Habits(supervise_s=0.2, ack_timeout_s=0.6, redial_s=0.1)


class Dc09UnderTest(PanelUnderTest):
    """One account with a panic button."""

    def __init__(self, folder: Path, port: int, simulator: Dc09PanelSimulator, keys: str) -> None:
        super().__init__(
            folder,
            DRIVERS["dc09"],
            Kind.PANIC,
            lambda times: (
                f'[[device]]\nid = "panel"\nzone = "gate"\ndriver = "dc09"\nhost = "127.0.0.1"\nport = {port}\n'
                f'account = "1234"\n{keys}{times}\n'
                f'[[device.point]]\nid = "button"\nkind = "panic"\nreturns = true\naddress = {ZONE}\n'
            ),
            port=port,
        )
        self._simulator = simulator

    @property
    def connection(self) -> AnyConnection:
        """Lost after a second."""
        return self.site_connection("lost_after_s = 1.0")

    @property
    def patient_connection(self) -> AnyConnection:
        """Lost after a minute."""
        return self.site_connection("lost_after_s = 60.0")

    @property
    def acknowledged(self) -> int:
        """Events that got an ACK; a NULL is none."""
        return len(self._simulator.acknowledged)

    async def start(self) -> None:
        """Begin to dial."""
        await self._simulator.start()

    async def stop(self) -> None:
        """Dial no more."""
        await self._simulator.stop()

    def press(self) -> None:
        """Panic."""
        self._simulator.press(ZONE)

    def release(self) -> None:
        """Its restore."""
        self._simulator.restore(ZONE)

    async def repeat_next(self) -> None:
        """As the simulator has it."""
        self._simulator.duplicate_next()

    async def break_next(self) -> None:
        """In the middle."""
        self._simulator.cut_next(20)

    async def misbehave(self, fault: Fault) -> None:
        """As the simulator has it."""
        await self._simulator.misbehave(fault)

    async def power_cycle(self, off_seconds: float) -> None:
        """As the simulator has it."""
        await self._simulator.power_cycle(off_seconds)


class TestClear(ReceiverContract):
    """ADM-CID in clear, over TCP."""

    @pytest.fixture
    def subject(self, tmp_path: Path) -> Dc09UnderTest:
        """A panel that calls a free port."""
        port = free_port()
        simulator = Dc09PanelSimulator("127.0.0.1", port, form=Format.CID, habits=HABITS)
        return Dc09UnderTest(tmp_path, port, simulator, "")


class TestEncrypted(ReceiverContract):
    """SIA-DCS with AES-128, over TCP."""

    carrier = Carrier.TCP

    @pytest.fixture
    def subject(self, tmp_path: Path) -> Dc09UnderTest:
        """A panel that calls a free port."""
        port = free_port()
        (tmp_path / "panel.key").write_text(KEY)
        simulator = Dc09PanelSimulator("127.0.0.1", port, key=KEY, carrier=self.carrier, habits=HABITS)
        return Dc09UnderTest(tmp_path, port, simulator, 'key_file = "panel.key"\n')


class TestDatagrams(TestEncrypted):
    """The same over UDP."""

    carrier = Carrier.UDP
