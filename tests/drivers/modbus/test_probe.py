"""drivers.modbus.probe: what a technician is told of each device, of those that are silent above all."""

import time
from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.clock import SystemClock
from gateway.driver import Finding
from simulators.fault import Fault
from simulators.modbus import ExceptionCode, ModbusRtuSimulator, ModbusSlave, ModbusTcpSimulator
from tests.drivers.modbus.halls import Line, device, point, slaves
from tests.drivers.modbus.subjects import site_of

HEAT = 'scale = 0.1\nunit = "°C"\nhigh = 57\nvalid_high = 125'


async def probed(folder: Path, line: Line, devices: str, where: str | None = None) -> list[Finding]:
    if where is None:
        where = (
            f'host = "{line.host}"\nport = {line.port}\n'
            if isinstance(line, ModbusTcpSimulator)
            else f'serial = "{line.device}"\n'
        )
    tables = f'[[bus]]\nid = "hall"\ndriver = "modbus"\n{where}timeout_s = 0.1\n{devices}'
    probe = DRIVERS["modbus"].probe
    assert probe is not None
    return [finding async for finding in probe(site_of(folder, tables).connections[0], SystemClock())]


@pytest.fixture(params=["tcp", "rtu"])
async def line(request: pytest.FixtureRequest) -> Line:
    """Slaves 1, 2 and 5, either way; each test starts it."""
    return (
        ModbusTcpSimulator(slaves=slaves(1, 2, 5))
        if request.param == "tcp"
        else ModbusRtuSimulator(slaves(1, 2, 5))
    )


async def test_all_is_well(tmp_path: Path, line: Line) -> None:
    """Each device with the present state of its points and the time it took; afterwards the line is free."""
    await line.start()
    line.slaves[1].press(0)
    line.slaves[2].set_input_register(4, 235)
    devices = device(1, point("b1") + point("d1", 3, kind="door")) + device(
        2, point("t2", 4, HEAT, kind="heat", function="input")
    )
    for _ in range(2):
        findings = await probed(tmp_path, line, devices)
    await line.stop()

    assert [(one.subject, one.ok, one.text) for one in findings] == [
        ("m1", True, "address 1 answers: b1 in alarm, d1 at rest"),
        ("m2", True, "address 2 answers: t2 23.5 °C at rest"),
    ]
    assert all(one.took_s is not None and one.took_s < 5 for one in findings)


async def test_one_is_silent_and_another_number_answers(tmp_path: Path) -> None:
    """The words of the issue: address 3 does not answer at 9600 8N1; 5 answers."""
    line = ModbusRtuSimulator(slaves(1, 5))
    await line.start()
    begun = time.monotonic()
    findings = await probed(tmp_path, line, device(1, point("b1")) + device(3, point("b3")))
    await line.stop()

    assert [(one.subject, one.ok) for one in findings] == [("m1", True), ("m3", False)]
    assert findings[1].text.startswith("address 3 does not answer at 9600 8N1; 5 answers: check `slave`")
    assert time.monotonic() - begun < 60


async def test_a_device_at_another_speed(tmp_path: Path) -> None:
    """A silent device is looked for at the usual speeds, and its speed is told."""
    line = ModbusRtuSimulator(slaves(1, 3), speeds={1: 9600, 3: 4800})
    await line.start()
    findings = await probed(tmp_path, line, device(1, point("b1")) + device(3, point("b3")))
    await line.stop()

    assert findings[1].text.startswith(
        "address 3 does not answer at 9600 8N1; it answers at 4800 8N1: set the device"
    )


async def test_nobody_answers(tmp_path: Path) -> None:
    """Then it is the line: adapter, wires, power, speed."""
    line = ModbusRtuSimulator(slaves(1))
    await line.start()
    await line.misbehave(Fault.SILENT)
    (finding,) = await probed(tmp_path, line, device(1, point("b1")))
    await line.stop()

    assert not finding.ok
    assert "nobody else does: check the adapter" in finding.text


async def test_one_that_talks_rubbish(tmp_path: Path) -> None:
    """It has power and wires, so nobody is sent to look at those."""
    line = ModbusRtuSimulator(slaves(1, 3))
    await line.start()
    await line.misbehave(Fault.GARBAGE, slave=3)
    findings = await probed(tmp_path, line, device(1, point("b1")) + device(3, point("b3")))
    await line.stop()

    assert findings[1].text.startswith(
        "address 3 is heard, but not understood, at 9600 8N1; answers with bytes"
    )
    assert "check baud rate, parity, polarity, and that no other device has its number" in findings[1].text
    assert "power" not in findings[1].text


async def test_a_refusal_in_words(tmp_path: Path, line: Line) -> None:
    """An exception is told with its meaning, beside what the device does say; unused cells are left out first."""
    odd = ModbusSlave(5, discrete_inputs=[0, 8])
    line.slaves[5] = odd
    await line.start()
    findings = await probed(
        tmp_path, line, device(1, point("b1") + point("x", 900)) + device(5, point("a") + point("b", 8))
    )
    await line.stop()

    assert not findings[0].ok
    assert (
        "b1 at rest; but it refuses to read discrete 900: exception 2, the device has no such address"
        in findings[0].text
    )
    assert findings[1].text == "address 5 answers: a at rest, b at rest"


async def test_a_gateway_that_answers_for_absent_slaves(tmp_path: Path) -> None:
    """Exception 0x0B is silence of the device behind a TCP gateway."""
    line = ModbusTcpSimulator(slaves=slaves(7), absent=ExceptionCode.GATEWAY_TARGET_SILENT)
    await line.start()
    (finding,) = await probed(tmp_path, line, device(3, point("b3")))
    await line.stop()

    assert "address 3 does not answer" in finding.text
    assert "7 answers" in finding.text
    assert "the gateway on the way got no answer" in finding.text


async def test_the_connection_itself(tmp_path: Path) -> None:
    """Nobody listens, or there is no such line: one finding, of the connection."""
    line = ModbusTcpSimulator(slaves=slaves(1))
    await line.start()
    await line.misbehave(Fault.REFUSED)
    (refused,) = await probed(tmp_path, line, device(1, point("b1")))
    await line.stop()
    (missing,) = await probed(tmp_path, line, device(1, point("b1")), f'serial = "{tmp_path}/nothing"\n')

    assert (refused.subject, refused.ok) == ("hall", False)
    assert "refuses connections" in refused.text
    assert "is not there; check that the adapter is plugged in" in missing.text
