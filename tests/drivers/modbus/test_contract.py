"""drivers.modbus keeps the driver contract, over TCP and over a serial line."""

from pathlib import Path

import pytest

from simulators.modbus import ModbusRtuSimulator, ModbusTcpSimulator
from tests.drivers.contract import DriverContract
from tests.drivers.modbus.subjects import ModbusUnderTest, one_slave


class TestModbusTcp(DriverContract):
    """Modbus TCP."""

    @pytest.fixture
    def subject(self, tmp_path: Path) -> ModbusUnderTest:
        """A module at a port of its own."""
        return ModbusUnderTest(tmp_path, ModbusTcpSimulator(slaves=[one_slave()]))


class TestModbusRtu(DriverContract):
    """Modbus RTU on a pty pair."""

    @pytest.fixture
    def subject(self, tmp_path: Path) -> ModbusUnderTest:
        """A module on a line of its own."""
        return ModbusUnderTest(tmp_path, ModbusRtuSimulator([one_slave()]))
