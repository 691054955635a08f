"""drivers.modbus.advice: how long a bus takes, and which wires nothing watches."""

from pathlib import Path

import pytest

from drivers import DRIVERS
from drivers.modbus.advice import scan_s
from drivers.modbus.settings import ModbusConnection
from tests.drivers.modbus.subjects import site_of


def bus(folder: Path, line: str, count: int, points: str, device: str = "") -> ModbusConnection:
    tables = f'[[bus]]\nid = "hall"\ndriver = "modbus"\nserial = "/dev/ttyS0"\n{line}\n'
    for slave in range(1, count + 1):
        tables += f'[[device]]\nid = "m{slave}"\nzone = "gate"\nbus = "hall"\nslave = {slave}\n{device}\n'
        tables += points.replace("ID", f"p{slave}")
    return site_of(folder, tables).connections[0]  # type: ignore[return-value] # made with the driver's models


def inputs(keys: str = "") -> str:
    return (
        '[[device.point]]\nid = "ID"\nkind = "panic"\nfunction = "discrete"\naddress = 0\n' + keys + "\n"
        '[[device.point]]\nid = "ID-last"\nkind = "door"\nfunction = "discrete"\naddress = 7\n'
    )


REGISTERS = (
    '[[device.point]]\nid = "ID"\nkind = "temperature"\nfunction = "holding"\naddress = 0\n'
    '[[device.point]]\nid = "ID-last"\nkind = "humidity"\nfunction = "holding"\naddress = 9\n'
)


@pytest.mark.parametrize(
    ("line", "points", "turnaround_ms", "milliseconds"),
    [
        ("baudrate = 9600", inputs(), 0, 22.6),
        ("baudrate = 9600", inputs(), 10, 33),
        ("baudrate = 9600", inputs(), 50, 73),
        ("baudrate = 9600", REGISTERS, 0, 42),
        ("baudrate = 9600", REGISTERS, 10, 52),
        ("baudrate = 9600", REGISTERS, 50, 92),
        ("baudrate = 4800", inputs(), 0, 45),
        ("baudrate = 19200", inputs(), 0, 11),
        ("baudrate = 19200", inputs(), 50, 61),
    ],
)
def test_one_request_takes(
    tmp_path: Path, line: str, points: str, turnaround_ms: float, milliseconds: float
) -> None:
    """The times of one request that are known for 8N1 lines (two silences, 10 bits a character)."""
    scan = scan_s(bus(tmp_path, line, 1, points), turnaround_ms / 1000)

    assert scan * 1000 == pytest.approx(milliseconds, abs=0.8)


def test_a_sweep_is_the_sum(tmp_path: Path) -> None:
    """32 modules at 9600 baud take 1.0 to 2.3 s."""
    hall = bus(tmp_path, "baudrate = 9600", 32, inputs())

    assert scan_s(hall, 0.010) == pytest.approx(1.04, abs=0.02)
    assert scan_s(hall, 0.050) == pytest.approx(2.32, abs=0.02)


def test_parity_and_gap_take_their_time(tmp_path: Path) -> None:
    """A parity bit makes each of 14 characters longer; a gap counts where it is longer than the silence."""
    plain = scan_s(bus(tmp_path, "baudrate = 9600", 1, inputs()), 0)
    parity = scan_s(bus(tmp_path, 'baudrate = 9600\nparity = "E"', 1, inputs()), 0)
    gap = scan_s(bus(tmp_path, "baudrate = 9600\ngap_ms = 50", 1, inputs()), 0)

    assert parity - plain == pytest.approx(14 / 9600)
    assert gap - plain == pytest.approx(0.050 - 3.5 * 11 / 9600)


def test_figures_and_warnings(tmp_path: Path) -> None:
    """A long slow bus is told with its figures, and each panic point that waits too long or has no watch on its wire."""
    told = DRIVERS["modbus"].advice(bus(tmp_path, "baudrate = 9600", 32, inputs()))

    assert told[0].startswith(
        "hall: requests in a scan: 32, which take 1043 ms if the devices answer in 10 ms, 2323 ms"
    )
    assert sum("may wait 2423 ms for its read" in line for line in told) == 32
    assert sum("a press shorter than 2423 ms can be missed" in line for line in told) == 32
    assert sum("a cut one is silent" in line for line in told) == 32
    assert not any("-last" in line for line in told)


def test_a_quick_bus_with_good_wires_has_no_warning(tmp_path: Path) -> None:
    """Few modules, normally closed: the figures alone."""
    assert len(DRIVERS["modbus"].advice(bus(tmp_path, "baudrate = 19200", 3, inputs('contact = "nc"')))) == 1


def test_a_latching_button_is_not_missed(tmp_path: Path) -> None:
    """A button that latches needs no quick poll, but its wire is as silent as any other."""
    told = DRIVERS["modbus"].advice(
        bus(tmp_path, "baudrate = 19200", 1, inputs("latched = true"), "poll_ms = 500")
    )

    assert len(told) == 2
    assert "a cut one is silent" in told[1]
