"""What the simulated panels of the receivers' conformance suite have in common."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.driver import DriverSpec
from gateway.model import Kind
from simulators.fault import Fault
from simulators.port import ReservedPort
from tests.drivers.contract import AnyConnection
from tests.drivers.modbus.subjects import site_of


def free_port() -> int:
    """A port that nobody has just now."""
    reserved = ReservedPort()
    reserved.release()
    return reserved.number


class PanelUnderTest(ABC):
    """One panel with one point, in a site file. `tables` makes the device's table from keys for its times."""

    device = "panel"
    point = "button"

    def __init__(
        self, folder: Path, spec: DriverSpec, kind: Kind, tables: Callable[[str], str], *, port: int | None
    ) -> None:
        self.spec = spec
        self.kind = kind
        self._folder = folder
        self._tables = tables
        self._port = port

    def site_connection(self, times: str) -> AnyConnection:
        """The connection of a site file with these keys."""
        (connection,) = site_of(self._folder, self._tables(times)).connections
        return connection

    @abstractmethod
    def press(self) -> None:
        """The point goes into alarm."""

    @abstractmethod
    def release(self) -> None:
        """The point returns."""

    def flood(self, count: int) -> None:
        """Presses and returns in turn."""
        for _ in range(count // 2):
            self.press()
            self.release()

    @abstractmethod
    async def misbehave(self, fault: Fault) -> None:
        """Give the panel this fault."""

    async def surround_next(self) -> None:
        """Noise before and after each frame."""
        await self.misbehave(Fault.GARBAGE)

    @asynccontextmanager
    async def occupied(self) -> AsyncIterator[None]:
        """The port is in use; a line is not there, for the simulator has not laid it yet."""
        if self._port is None:
            yield
            return
        taken = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", self._port)
        try:
            yield
        finally:
            taken.close()
