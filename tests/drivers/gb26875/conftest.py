"""What the tests against real sockets stand on: a free port, a connection there, a sink, a panel that has called."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.drivers.contract import AnyConnection
from tests.drivers.gb26875.panels import Panel, call, connection_of, free_port, serving
from tests.drivers.recorder import Recorder


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def connection(tmp_path: Path, port: int) -> AnyConnection:
    return connection_of(tmp_path, f'host = "127.0.0.1"\nport = {port}\nresend_after_s = 0.2')


@pytest.fixture
def sink() -> Recorder:
    return Recorder()


@pytest.fixture
async def panel(connection: AnyConnection, sink: Recorder, port: int) -> AsyncIterator[Panel]:
    async with serving(connection, sink):
        panel = await call(port)
        yield panel
        await panel.close()
