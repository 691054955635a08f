"""`campus-sim modbus`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from drivers.modbus.settings import Profile, profile_names, shipped_profile
from simulators.modbus.bus import Quirk
from simulators.modbus.rtu import ModbusRtuSimulator
from simulators.modbus.slave import ModbusSlave
from simulators.modbus.tcp import ModbusTcpSimulator
from simulators.serving import scenario_arguments, serve
from simulators.steer import Verb
from simulators.verbs import modbus_verbs, plug_verbs
from simulators.wiring import profile_slave
from simulators.words import as_number, as_seconds, as_whole, find_input, one_of, take

HELP = "Modbus buttons and sensors, over TCP or a serial line (a pty)"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5020, help="0 takes a free one (default 5020)")
    parser.add_argument("--slave", type=int, action="append", help="slave id, may be repeated (default 1)")
    parser.add_argument(
        "--profile", metavar="NAME", help=f"slaves of this make: {', '.join(profile_names())}"
    )
    parser.add_argument(
        "--inverted", action="append", default=[], metavar="SLAVE/INPUT", help="normally closed"
    )
    parser.add_argument(
        "--serial", type=Path, metavar="LINK", help="RTU instead of TCP, on a pty with this name"
    )
    parser.add_argument("--baud", type=int, help="take the time that a real line takes (RTU)")
    scenario_arguments(parser)


async def run(options: argparse.Namespace) -> None:
    """Serve until told to end."""
    profile = None if options.profile is None else shipped_profile(options.profile)
    numbers = options.slave or [1 if profile is None or profile.slave is None else profile.slave]
    slaves = {number: _slave(profile, number) for number in numbers}
    for place in options.inverted:
        slave, address = find_input(slaves, place)
        slave.wire(address, inverted=True)
    what = "Modbus" if profile is None else f"{profile.name}, {_cells(profile)}: Modbus"
    if options.serial is not None:
        rtu = ModbusRtuSimulator(slaves.values(), link=options.serial, baud=options.baud)
        verbs = [*modbus_verbs(rtu), *_more_verbs(rtu), *plug_verbs(rtu)]
        await serve(rtu, verbs, lambda: f"{what} RTU on {rtu.device}", options)
        return
    tcp = ModbusTcpSimulator(options.host, options.port, slaves.values())
    verbs = [*modbus_verbs(tcp), *_more_verbs(tcp)]
    await serve(tcp, verbs, lambda: f"{what} TCP on {tcp.host}:{tcp.port}", options)


def _slave(profile: Profile | None, number: int) -> ModbusSlave:
    return ModbusSlave(number) if profile is None else profile_slave(profile, number)


def _cells(profile: Profile) -> str:
    """Where the inputs and outputs of a profile are, in words; of many the first and the last."""
    cells = [f"{name} {keys.function.value} {keys.address}" for name, keys in profile.inputs().items()]
    cells += [f"{name} {keys.function.value} {keys.address}" for name, keys in profile.outputs().items()]
    return ", ".join(cells) if len(cells) <= 16 else f"{cells[0]} ... {cells[-1]}"


def _more_verbs(bus: ModbusTcpSimulator | ModbusRtuSimulator) -> list[Verb]:
    async def chatter(words: Sequence[str]) -> str:
        place, hertz, seconds = take(words, 3)
        slave, address = find_input(bus.slaves, place)
        if not 0 < as_number(hertz) <= 100:
            raise ValueError(f"{hertz} Hz: give more than 0, and 100 at most")
        await slave.chatter(address, as_number(hertz), as_seconds(seconds))
        return "ok, at rest"

    async def quirk(words: Sequence[str]) -> str:
        name, slave = take(words, 2)
        known = one_of("quirk", lambda: list(Quirk))
        bus.garble(Quirk(known(name)), slave=as_whole(slave))
        return "ok"

    async def writes(_words: Sequence[str]) -> str:
        found = [
            f"{change.at.at_utc:%H:%M:%S.%f} slave {change.slave_id}: {change.table} {change.address} = {change.value}"
            for slave in bus.slaves.values()
            for change in slave.writes
        ]
        return "\n".join(found) or "none"

    return [
        Verb("chatter SLAVE/INPUT HERTZ SECONDS", "a bad contact", chatter),
        Verb("quirk QUIRK SLAVE", f"of a slave's answers: {', '.join(Quirk)}", quirk),
        Verb("writes", "what masters have written so far", writes),
    ]
