"""The driver keeps the contract of gateway.driver, over TCP and over a serial line, against the simulated fire panel."""

import asyncio
from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.model import Kind
from simulators.fault import Fault
from simulators.gb26875 import Component, FirePanelSimulator, Habits, Serial, Tcp
from tests.drivers.contract import AnyConnection
from tests.drivers.receiving import ReceiverContract
from tests.drivers.receiving_panels import PanelUnderTest, free_port

PANEL = 889
ZONE, POINT = 10, 2
SMOKE = 40


class FirePanelUnderTest(PanelUnderTest):
    """One panel with a smoke detector."""

    def __init__(self, folder: Path, keys: str, simulator: FirePanelSimulator, port: int | None) -> None:
        super().__init__(
            folder,
            DRIVERS["gb26875"],
            Kind.FIRE,
            lambda times: (
                f'[[device]]\nid = "panel"\nzone = "gate"\ndriver = "gb26875"\n{keys}\npanel = {PANEL}\n{times}\n'
                f'[[device.point]]\nid = "button"\nkind = "fire"\naddress = "{ZONE}.{POINT}"\n'
            ),
            port=port,
        )
        self._simulator = simulator
        self._again: set[asyncio.Task[None]] = set()
        self._repeats = False

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
        """Reports that were confirmed."""
        return len(self._simulator.confirmed)

    async def start(self) -> None:
        """Begin to call."""
        await self._simulator.start()

    async def stop(self) -> None:
        """Call no more."""
        for task in self._again:
            task.cancel()
        await asyncio.gather(*self._again, return_exceptions=True)
        await self._simulator.stop()

    def press(self) -> None:
        """Fire."""
        self._simulator.fire(ZONE, POINT)
        if self._repeats:
            self._repeats = False
            self._again.add(asyncio.create_task(self._repeat()))

    def release(self) -> None:
        """No fire any more."""
        self._simulator.restore(ZONE, POINT)

    async def repeat_next(self) -> None:
        """As if the confirmation had been lost on the way."""
        self._repeats = True

    async def _repeat(self) -> None:
        await self._simulator.delivered(20)
        await self._simulator.send_raw(self._simulator.confirmed[-1].frame)

    async def break_next(self) -> None:
        """After half of its bytes."""
        self._simulator.cut_next(40)

    async def misbehave(self, fault: Fault) -> None:
        """As the simulator has it."""
        await self._simulator.misbehave(fault)

    async def power_cycle(self, off_seconds: float) -> None:
        """As the simulator has it."""
        await self._simulator.power_cycle(off_seconds)


HABITS = Habits(heartbeat_s=0.2, confirm_s=0.6, resends=3, retry_s=0.1, connect_s=2.0)
COMPONENTS = (Component(ZONE, POINT, SMOKE, "礼堂感烟"),)


class TestTcp(ReceiverContract):
    """Over TCP."""

    @pytest.fixture
    def subject(self, tmp_path: Path) -> FirePanelUnderTest:
        """A panel that calls a free port."""
        port = free_port()
        simulator = FirePanelSimulator(
            Tcp("127.0.0.1", port), panel=PANEL, components=COMPONENTS, habits=HABITS
        )
        return FirePanelUnderTest(tmp_path, f'host = "127.0.0.1"\nport = {port}', simulator, port)


class TestSerial(ReceiverContract):
    """Over a serial line."""

    @pytest.fixture
    def subject(self, tmp_path: Path) -> FirePanelUnderTest:
        """A panel on a line."""
        link = tmp_path / "line"
        simulator = FirePanelSimulator(Serial(link), panel=PANEL, components=COMPONENTS, habits=HABITS)
        return FirePanelUnderTest(tmp_path, f'serial = "{link}"', simulator, None)
