"""drivers.modbus.settings and the contradictions across tables: refused when the site file is read, in clear words."""

from pathlib import Path

import pytest

from drivers.modbus.settings import BusKeys
from gateway.errors import SiteFileError
from tests.drivers.modbus.subjects import site_of

BUS = '[[bus]]\nid = "bus-1"\ndriver = "modbus"\nhost = "10.0.0.9"\n'
DEVICE = '[[device]]\nid = "module"\nzone = "gate"\nbus = "bus-1"\nslave = 4\n'
POINT = '[[device.point]]\nid = "button"\nkind = "panic"\nfunction = "discrete"\naddress = 0\n'


def refused(folder: Path, tables: str) -> str:
    with pytest.raises(SiteFileError) as caught:
        site_of(folder, tables)
    return "\n".join(caught.value.problems)


def register(keys: str, kind: str = "smoke", name: str = "sensor") -> str:
    return f'[[device.point]]\nid = "{name}"\nkind = "{kind}"\nfunction = "input"\naddress = 2\n{keys}\n'


def test_a_right_one_is_taken(tmp_path: Path) -> None:
    """The tables that the others in this file are variations of are without fault."""
    assert site_of(tmp_path, BUS + DEVICE + POINT).connections[0].id == "bus-1"


@pytest.mark.parametrize(
    ("bus", "words"),
    [
        ("", "needs either `host` (Modbus TCP) or `serial`"),
        ('host = "a"\nserial = "/dev/ttyS0"', "needs either `host` (Modbus TCP) or `serial`"),
        ('host = "a"\nbaudrate = 9600', "baudrate: belongs to `serial`"),
        ('serial = "/dev/ttyS0"\nport = 502', "port: belongs to `host`"),
        ('serial = "/dev/ttyS0"\nparity = "X"', "bus[1].parity"),
        ('host = "a"\ntimeout_s = 0', "bus[1].timeout_s"),
        ('host = "a"\nbaud = 9600', "unknown key; known here: baudrate"),
    ],
)
def test_a_connection_goes_one_way(tmp_path: Path, bus: str, words: str) -> None:
    """Host or serial line, with the keys that belong to it."""
    assert words in refused(tmp_path, f'[[bus]]\nid = "bus-1"\ndriver = "modbus"\n{bus}\n' + DEVICE + POINT)


@pytest.mark.parametrize("slave", [0, 256, -1])
def test_slave_numbers(tmp_path: Path, slave: int) -> None:
    """A broadcast address and what does not exist are refused."""
    assert "device[1].slave" in refused(
        tmp_path, BUS + DEVICE.replace("slave = 4", f"slave = {slave}") + POINT
    )


@pytest.mark.parametrize(
    "key", ["high = 5", "low = 5", "hysteresis = 1", "mask = 1", "scale = 2", "signed = true", 'unit = "V"']
)
def test_a_contact_has_no_value(tmp_path: Path, key: str) -> None:
    """What belongs to registers is refused on a discrete input, with the way out."""
    words = refused(tmp_path, BUS + DEVICE + POINT + key + "\n")

    assert "device[1].point[1]" in words
    assert "a discrete is one bit and has no value" in words


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("", "a smoke point read from a register needs `high` or `low`"),
        ("hysteresis = 1", "hysteresis: there is no high or low"),
        ("high = 10\nlow = 8\nhysteresis = 1", "leave no value that is normal"),
        ("high = 5\nlow = 9", "leave no value that is normal"),
        ("high = 5\nscale = 0", "scale: 0 makes every value 0"),
        ('high = 5\ncontact = "nc"', "contact: thresholds say what is active"),
        ('contact = "nc"', "contact: needs a `mask`"),
        ("mask = 4\nscale = 0.1", "scale: a mask without high or low tests bits"),
        ("high = 5\nmask = 255\nsigned = true", "a masked register has no sign"),
        ("high = nan", "finite number"),
        ("high = 5\naddress = 3", "not valid TOML"),
        ("high = 5\nrise_over_s = 30", "rise_over_s: belongs to `rise_per_min`"),
        ("high = 50\nvalid_high = 40", "high: 50.0 is outside valid_low to valid_high"),
        ("low = 5\nvalid_low = 10", "low: 5.0 is outside valid_low to valid_high"),
        ("high = 5\nvalid_low = 9\nvalid_high = 3", "leave no valid value"),
        ("mask = 4\nvalid_high = 3", "valid_high: a mask without high or low tests bits"),
        ("mask = 4\nreset = { function = 'coil', address = 1 }", 'add `latched = "device"`'),
        ("mask = 4\nlatched = 'device'\nreset = { function = 'input', address = 1 }", "reset.function"),
    ],
)
def test_a_register_without_sense(tmp_path: Path, keys: str, words: str) -> None:
    """Keys of a register that contradict each other, or say nothing, are refused."""
    assert words in refused(tmp_path, BUS + DEVICE + register(keys))


def test_two_devices_with_one_number(tmp_path: Path) -> None:
    """A slave number belongs to one device of a connection."""
    other = DEVICE.replace("module", "other") + POINT.replace("button", "other-button")

    assert "devices 'module', 'other': all have slave 4" in refused(tmp_path, BUS + DEVICE + POINT + other)


def test_a_device_without_points(tmp_path: Path) -> None:
    """There would be nothing to ask it for."""
    assert "device 'module': has no [[device.point]]" in refused(tmp_path, BUS + DEVICE)


def test_one_input_twice(tmp_path: Path) -> None:
    """Two points can't be one contact."""
    words = refused(tmp_path, BUS + DEVICE + POINT + POINT.replace("button", "again"))

    assert "points 'button' and 'again': both read discrete 0, which is one input" in words


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("high = 9\nscale = 0.1", "with different `signed` or `scale`"),
        ("high = 5", "with the same meaning"),
    ],
)
def test_one_register_with_two_meanings(tmp_path: Path, keys: str, words: str) -> None:
    """A register that two points share has one meaning, and not the same alarm twice."""
    both = register("high = 5") + register(keys, name="again")

    assert words in refused(tmp_path, BUS + DEVICE + both)


def test_one_register_with_several_alarms(tmp_path: Path) -> None:
    """A measured value, a warning and an alarm from one register are no contradiction, nor are two of its bits."""
    shared = (
        register("", kind="temperature", name="value")
        + register("high = 60", kind="heat", name="hot")
        + register("high = 80", kind="fire", name="fire")
        + register("mask = 1", kind="tamper", name="lid").replace("address = 2", "address = 3")
        + register("mask = 2", kind="fault", name="lamp").replace("address = 2", "address = 3")
    )

    assert len(site_of(tmp_path, BUS + DEVICE + shared).devices[0].points) == 5


@pytest.mark.parametrize(
    ("keys", "timeout", "silence"),
    [
        ({"host": "a"}, 1.0, 0.0),
        ({"serial": "/dev/ttyS0"}, 0.25, 0.00401),
        ({"serial": "/dev/ttyS0", "baudrate": 38400}, 0.25, 0.00175),
        ({"serial": "/dev/ttyS0", "timeout_s": 0.5}, 0.5, 0.00401),
    ],
)
def test_times_by_default(keys: dict[str, object], timeout: float, silence: float) -> None:
    """Time-outs for line and network, and the silence of 3.5 characters (4.01 ms at 9600 baud)."""
    bus = BusKeys.model_validate(keys)

    assert bus.request_timeout_s == timeout
    assert bus.silence_s == pytest.approx(silence, abs=1e-5)


@pytest.mark.parametrize("missing", ["function", "address"])
def test_a_point_has_its_place(tmp_path: Path, missing: str) -> None:
    """It names its cell, or an input of a profile."""
    lines = [line for line in POINT.splitlines() if not line.startswith(missing)]

    assert "needs `function` and `address`, or `input`" in refused(tmp_path, BUS + DEVICE + "\n".join(lines))


def output(keys: str, name: str = "siren") -> str:
    return f'[[device.output]]\nid = "{name}"\nkind = "sounder"\n{keys}\n'


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("", "needs `function` and `address`, or `output`"),
        ('function = "input"\naddress = 1', "device[1].output[1].function"),
        ('function = "coil"\naddress = 1\non_value = 3', "on_value: a coil is on or off"),
        ('function = "holding"\naddress = 1\ninverted = true', "inverted: a register has `on_value`"),
        ('function = "holding"\naddress = 1\non_value = 0', "on_value: is the same as `off_value`"),
        ('function = "coil"\naddress = 1\nbaud = 3', "unknown key"),
    ],
)
def test_an_output_without_sense(tmp_path: Path, keys: str, words: str) -> None:
    """Keys of an output that contradict each other, or say nothing, are refused."""
    assert words in refused(tmp_path, BUS + DEVICE + POINT + output(keys))


def test_one_output_twice(tmp_path: Path) -> None:
    """Two outputs can't be one coil."""
    coil = 'function = "coil"\naddress = 1'
    words = refused(tmp_path, BUS + DEVICE + POINT + output(coil) + output(coil, "horn"))

    assert "outputs 'siren' and 'horn': both switch coil 1" in words
