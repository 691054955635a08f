"""drivers.modbus: how long a panic press really waits on a busy line of 9600 baud, against what `check` predicts.

Not by the clock: the requests between two reads of a button are taken from the simulator's log, and each counts what the
model says that it takes. So a loaded machine changes nothing.
"""

import asyncio
from itertools import pairwise
from pathlib import Path

from drivers import DRIVERS
from drivers.modbus.bus_time import bus_time, request_s, write_s
from drivers.modbus.codec import Block
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.settings import BusKeys, Function, SiteConnection, resolve
from gateway.clock import SystemClock
from gateway.model import Presence
from simulators.fault import Fault
from simulators.modbus import ModbusRtuSimulator, ModbusSlave
from tests.drivers.modbus.halls import device, point
from tests.drivers.modbus.subjects import site_of
from tests.drivers.recorder import Recorder
from tests.wait import until

TURNAROUND_S = 0.010
TIMEOUT_S = 0.3
DEAD = (11, 12, 13, 14, 15)
BUTTONS = (1, 2, 3, 4)
FUNCTIONS = {function.code: function for function in Function}


def tables(line: ModbusRtuSimulator) -> str:
    """Four modules with buttons and a sounder each, a slow sensor with 60 registers, and five that are to die."""
    siren = '[[device.output]]\nid = "o{0}"\nkind = "sounder"\nfunction = "coil"\naddress = 0\n'
    buttons = "".join(device(n, point(f"b{n}"), "poll_ms = 100\n") + siren.format(n) for n in BUTTONS)
    values = "".join(point(f"t{n}", n * 4, kind="temperature", function="input") for n in range(15))
    sensor = device(9, values, "slow_poll_ms = 100\n")
    dying = "".join(device(n, point(f"b{n}"), "poll_ms = 100\n") for n in DEAD)
    return (
        f'[[bus]]\nid = "hall"\ndriver = "modbus"\nserial = "{line.device}"\ntimeout_s = {TIMEOUT_S}\n'
        f"{buttons}{sensor}{dying}"
    )


def takes_s(bus: BusKeys, unit: int, pdu: bytes) -> float:
    """What the model says that a request takes of the line; that of a dead one its time-out."""
    if unit in DEAD:
        return TIMEOUT_S
    if pdu[0] > 4:
        return write_s(bus) + TURNAROUND_S
    count = int.from_bytes(pdu[3:5], "big")
    return request_s(bus, Block(function=FUNCTIONS[pdu[0]], address=0, count=count)) + TURNAROUND_S


async def test_a_press_waits_no_longer_than_predicted(tmp_path: Path) -> None:
    """With slow registers, five dead slaves and sounders that are switched all the time, the prediction holds.

    No button waits for more than one dead slave's time-out, but for the first of each, which comes by surprise, and for no
    more requests than the model has.
    """
    units = (*BUTTONS, 9, *DEAD)
    line = ModbusRtuSimulator(
        [ModbusSlave(unit, turnaround=TURNAROUND_S) for unit in units], baud=9600, character_bits=10
    )
    await line.start()
    for unit in DEAD:
        await line.misbehave(Fault.SILENT, slave=unit)
    site = site_of(tmp_path, tables(line))
    connection: SiteConnection = site.connections[0]  # type: ignore[assignment] # made with the driver's models
    driver = DRIVERS["modbus"].build(site.connections[0], SystemClock())
    assert isinstance(driver, ModbusDriver)
    sink = Recorder()
    run = asyncio.create_task(driver.run(sink))
    await until(lambda: len(sink.signals) >= len(BUTTONS))

    async def switch(unit: int) -> None:
        for number in range(12):
            await driver.switch(f"o{unit}", on=number % 2 == 0)

    await asyncio.gather(*(switch(unit) for unit in BUTTONS))
    await until(lambda: all(sink.presence_of(f"m{unit}") is Presence.OFFLINE for unit in DEAD), 60)
    lost_at = len(line.asked)
    await until(lambda: sum(unit == 1 for unit, _ in line.asked) > 40, 60)
    run.cancel()
    await asyncio.wait({run})
    await line.stop()

    whole = resolve(connection).connection
    living = [one for one in whole.devices if one.settings.slave not in DEAD]
    predicted = bus_time(
        type(whole)(id="hall", driver="modbus", shared=True, settings=whole.settings, devices=tuple(living)),
        TURNAROUND_S,
    ).wait_s(0.1)
    asked = list(line.asked)
    at_first = {next(at for at, (unit, _) in enumerate(asked) if unit == one) for one in DEAD}
    for button in BUTTONS:
        reads = [at for at, (unit, pdu) in enumerate(asked) if unit == button and pdu[0] == 2]
        for before, after in pairwise(reads):
            between = asked[before + 1 : after + 1]
            dead = sum(unit in DEAD for unit, _ in between)
            surprises = sum(at in at_first for at in range(before + 1, after + 1))
            busy_s = sum(takes_s(whole.settings, *one) for one in between) - dead * TIMEOUT_S
            assert dead - surprises <= 1, between
            assert busy_s <= 1.2 * predicted, between
    first, later = asked[:lost_at], asked[lost_at:]
    for unit in DEAD:
        assert sum(one == unit for one, _ in first) <= 6
    assert sum(unit in DEAD for unit, _ in later) <= 2 + len(later) / 5
