"""drivers.modbus.advice: how long a bus takes, and which wires nothing watches."""

from pathlib import Path

import pytest

from drivers import DRIVERS
from drivers.modbus.bus_time import bus_time, own_gap_s, scan_s
from drivers.modbus.settings import BusKeys, ModbusConnection, SiteConnection, resolve
from gateway.errors import SiteFileError
from tests.drivers.modbus.subjects import site_of


def bus(folder: Path, line: str, count: int, points: str, device: str = "") -> SiteConnection:
    tables = f'[[bus]]\nid = "hall"\ndriver = "modbus"\nserial = "/dev/ttyS0"\n{line}\n'
    for slave in range(1, count + 1):
        tables += f'[[device]]\nid = "m{slave}"\nzone = "gate"\nbus = "hall"\nslave = {slave}\n{device}\n'
        tables += points.replace("ID", f"p{slave}")
    return site_of(folder, tables).connections[0]  # type: ignore[return-value] # made with the driver's models


def whole(connection: SiteConnection) -> ModbusConnection:
    return resolve(connection).connection


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
    scan = scan_s(whole(bus(tmp_path, line, 1, points)), turnaround_ms / 1000)

    assert scan * 1000 == pytest.approx(milliseconds, abs=0.8)


def test_a_sweep_is_the_sum(tmp_path: Path) -> None:
    """32 modules at 9600 baud take 1.0 to 2.3 s."""
    hall = whole(bus(tmp_path, "baudrate = 9600", 32, inputs()))

    assert scan_s(hall, 0.010) == pytest.approx(1.04, abs=0.02)
    assert scan_s(hall, 0.050) == pytest.approx(2.32, abs=0.02)


def test_parity_and_gap_take_their_time(tmp_path: Path) -> None:
    """A parity bit makes each of 14 characters longer; a gap counts where it is longer than the silence."""
    plain = scan_s(whole(bus(tmp_path, "baudrate = 9600", 1, inputs())), 0)
    parity = scan_s(whole(bus(tmp_path, 'baudrate = 9600\nparity = "E"', 1, inputs())), 0)
    gap = scan_s(whole(bus(tmp_path, "baudrate = 9600\ngap_ms = 50", 1, inputs())), 0)

    assert parity - plain == pytest.approx(14 / 9600)
    assert gap - plain == pytest.approx(0.050 - 3.5 * 11 / 9600)


def test_figures_and_warnings(tmp_path: Path) -> None:
    """A long slow bus is told with its figures, and each panic point that waits too long or has no watch on its wire."""
    told = DRIVERS["modbus"].advice(bus(tmp_path, "baudrate = 9600", 32, inputs()))

    assert told[0].startswith(
        "hall: requests in a scan: 32, which take 1043 ms if the devices answer in 10 ms, 2323 ms"
    )
    assert "and a press of 2423 ms is seen in any case" in told[0]
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


SLOW = (
    '[[device.point]]\nid = "ID-near"\nkind = "temperature"\nfunction = "holding"\naddress = 0\n'
    '[[device.point]]\nid = "ID-far"\nkind = "humidity"\nfunction = "holding"\naddress = 100\n'
)


def test_a_panic_point_waits_for_a_round_and_the_longest_other_request(tmp_path: Path) -> None:
    """poll_ms + L + R: a hundred milliseconds, the one slow request under way, and the quick ones."""
    mixed = whole(bus(tmp_path, "baudrate = 9600", 4, inputs() + SLOW))
    only = whole(bus(tmp_path, "baudrate = 9600", 4, inputs()))
    time, quick = bus_time(mixed, 0.010), bus_time(only, 0.010)

    assert (time.quick, time.slow) == (4, 8)
    assert time.quick_s == pytest.approx(quick.scan_s)
    assert time.longest_s == pytest.approx(time.slow_s / 8)
    assert time.wait_s(0.1) == pytest.approx(0.1 + time.longest_s + quick.scan_s)
    assert time.slow_wait_s == pytest.approx(8 * (time.quick_s + time.longest_s))


def test_an_output_is_a_request_that_may_be_in_the_way(tmp_path: Path) -> None:
    """A write takes 16 characters of 10 bits and two silences: 24.7 ms at 9600 baud."""
    output = '[[device.output]]\nid = "ID-siren"\nkind = "sounder"\nfunction = "coil"\naddress = 0\n'

    assert bus_time(
        whole(bus(tmp_path, "baudrate = 9600", 1, inputs() + output)), 0
    ).longest_s == pytest.approx(16 * 10 / 9600 + 2 * 3.5 * 11 / 9600)


def test_outputs_that_are_switched_together_are_in_the_way(tmp_path: Path) -> None:
    """In an alarm all sounders are switched at once: a write before each quick request."""
    output = '[[device.output]]\nid = "ID-siren"\nkind = "sounder"\nfunction = "coil"\naddress = 0\n'
    without = bus_time(whole(bus(tmp_path, "baudrate = 9600", 4, inputs())), 0)
    time = bus_time(whole(bus(tmp_path, "baudrate = 9600", 4, inputs() + output)), 0)

    assert time.wait_s(0.1) == pytest.approx(without.wait_s(0.1) + 4 * time.write_s)


def test_blocks_that_look_alike_are_kept_apart(tmp_path: Path) -> None:
    """On a line two quick requests of a device with answers of one length each cost it a pause; in the network none."""
    far = '[[device.point]]\nid = "ID-far"\nkind = "panic"\nfunction = "discrete"\naddress = 500\n'
    line = whole(bus(tmp_path, "baudrate = 9600", 1, inputs() + far))

    assert own_gap_s(line.settings, line.devices[0]) == pytest.approx(0.06)
    assert own_gap_s(BusKeys(host="127.0.0.1"), line.devices[0]) == 0


def test_a_fault_point_whose_sensor_may_break(tmp_path: Path) -> None:
    """Two faults of one point could not be told apart: one's end would be the other's."""
    keys = '[[device.point]]\nid = "f"\nkind = "fault"\nfunction = "holding"\naddress = 1\nhigh = 5\nvalid_high = 9\n'
    with pytest.raises(SiteFileError, match="is a fault point, and a broken sensor"):
        bus(tmp_path, "baudrate = 9600", 1, keys)


def test_a_line_that_is_never_idle_is_told(tmp_path: Path) -> None:
    """Sixteen modules can't be asked ten times a second at 9600 baud; slow points wait then."""
    told = DRIVERS["modbus"].advice(bus(tmp_path, "baudrate = 9600", 16, inputs('contact = "nc"') + SLOW))

    assert "the line is busy all the time, and slow points wait up to" in told[1]


def test_a_slow_panic_point_is_told(tmp_path: Path) -> None:
    """Whoever makes a button slow is told how long it may wait."""
    slow = inputs('contact = "nc"\nspeed = "slow"\nlatched = true')
    told = DRIVERS["modbus"].advice(bus(tmp_path, "baudrate = 19200", 1, slow))

    assert any("may wait 1" in line and "for its read" in line for line in told)
