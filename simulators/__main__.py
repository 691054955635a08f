"""`campus-sim`: one simulator at a time for a technician, steered by lines on standard input."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from simulators.steer import Steering, Verb, stdin_lines
from simulators.verbs import (
    camera_verbs,
    common_verbs,
    county_verbs,
    find_input,
    modbus_verbs,
    plug_verbs,
    school_verbs,
)

if TYPE_CHECKING:
    from simulators.county import Event

Run = Callable[[argparse.Namespace], Coroutine[None, None, None]]


class Serving(Protocol):
    """What is run here: one simulator, or a school of them."""

    async def start(self) -> None:
        """Begin to serve."""
        ...

    async def stop(self) -> None:
        """End, and let go of everything."""
        ...


EPILOG = "While it runs, type `help` for what it can be told; `quit`, Ctrl-C or SIGTERM end it."


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, run until told to end. 0, or 1 with one line on standard error when it can't be had."""
    options = _parser().parse_args(arguments)
    run: Run = options.run
    try:
        asyncio.run(run(options))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"campus-sim {options.device}: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="campus-sim", description="Simulators for technicians.", epilog=EPILOG
    )
    devices = parser.add_subparsers(dest="device", required=True, metavar="DEVICE")

    def add(name: str, help_text: str, run: Run) -> argparse.ArgumentParser:
        device = devices.add_parser(name, help=help_text, description=help_text, epilog=EPILOG)
        device.set_defaults(run=run)
        return device

    modbus = add("modbus", "Modbus buttons and sensors, over TCP or a serial line (a pty)", _modbus)
    modbus.add_argument("--host", default="127.0.0.1")
    modbus.add_argument("--port", type=int, default=5020, help="0 takes a free one (default 5020)")
    modbus.add_argument("--slave", type=int, action="append", help="slave id, may be repeated (default 1)")
    modbus.add_argument(
        "--inverted", action="append", default=[], metavar="SLAVE/INPUT", help="normally closed"
    )
    modbus.add_argument(
        "--serial", type=Path, metavar="LINK", help="RTU instead of TCP, on a pty with this name"
    )
    modbus.add_argument("--baud", type=int, help="take the time that a real line takes (RTU)")

    camera = add("camera", "an RTSP camera whose picture carries a clock", _camera)
    camera.add_argument("--host", default="127.0.0.1")
    camera.add_argument("--port", type=int, default=8554, help="0 takes a free one (default 8554)")
    camera.add_argument("--username", default="admin")
    camera.add_argument("--password", default="camera", help="a rehearsal's, known to all (default camera)")
    camera.add_argument("--width", type=int, default=640)
    camera.add_argument("--height", type=int, default=360)
    camera.add_argument("--fps", type=int, default=10)
    camera.add_argument("--title", default="")

    county = add("county", "the receiving platform, at a broker that is already there", _county)
    county.add_argument("--host", default="127.0.0.1")
    county.add_argument("--port", type=int, default=1883)
    county.add_argument("--protocol", choices=["5", "3.1.1"], default="5", help="MQTT version (default 5)")
    county.add_argument("--root", default="campus/1/+/+", help="topic root (default campus/1/+/+)")
    county.add_argument("--store", type=Path, metavar="FILE", help="keep events here (default: in memory)")
    county.add_argument(
        "--client-id", default="county", help="names its session at the broker (default county)"
    )
    county.add_argument("--no-receipts", action="store_true")

    broker = add("broker", "an MQTT 3.1.1 broker on 127.0.0.1, in pure Python", _broker)
    broker.add_argument("--port", type=int, default=1883, help="0 takes a free one (default 1883)")

    school = add("school", "every device and camera of a site file, at the addresses it names", _school)
    school.add_argument("site", type=Path, metavar="SITE.toml")
    return parser


# Each simulator's libraries are loaded by its own subcommand alone: hence the imports within.


async def _modbus(options: argparse.Namespace) -> None:
    from simulators.modbus import ModbusRtuSimulator, ModbusSlave, ModbusTcpSimulator  # noqa: PLC0415 - see above

    slaves = {slave: ModbusSlave(slave) for slave in options.slave or [1]}
    for place in options.inverted:
        slave, address = find_input(slaves, place)
        slave.wire(address, inverted=True)
    if options.serial is not None:
        rtu = ModbusRtuSimulator(slaves.values(), link=options.serial, baud=options.baud)
        await _serve(rtu, [*modbus_verbs(rtu), *plug_verbs(rtu)], lambda: f"Modbus RTU on {rtu.device}")
        return
    tcp = ModbusTcpSimulator(options.host, options.port, slaves.values())
    await _serve(tcp, modbus_verbs(tcp), lambda: f"Modbus TCP on {tcp.host}:{tcp.port}")


async def _camera(options: argparse.Namespace) -> None:
    from simulators.camera import CameraSimulator  # noqa: PLC0415 - see above

    camera = CameraSimulator(
        host=options.host,
        port=options.port,
        username=options.username,
        password=options.password,
        width=options.width,
        height=options.height,
        fps=options.fps,
        title=options.title,
    )
    await _serve(camera, camera_verbs(camera), lambda: f"camera at {camera.url}, user {camera.username}")


async def _county(options: argparse.Namespace) -> None:
    from simulators.county import County, CountyStore  # noqa: PLC0415 - see above

    county = County(
        options.host,
        options.port,
        root=options.root,
        protocol=options.protocol,
        receipts=not options.no_receipts,
        store=CountyStore(options.store),
        client_id=options.client_id,
    )
    county.on_event = _say_event
    await _serve(county, county_verbs(county), lambda: f"county at {options.host}:{options.port}")


async def _broker(options: argparse.Namespace) -> None:
    from simulators.county.broker import EmbeddedBroker  # noqa: PLC0415 - see above
    from simulators.proxy import FaultProxy  # noqa: PLC0415 - see above

    broker = EmbeddedBroker()
    await broker.start()
    line = FaultProxy(
        "127.0.0.1", broker.port, options.port
    )  # has the faults that the broker itself can't have
    (fault, _), (_, power_cycle) = common_verbs(line), common_verbs(broker)
    try:
        await _serve(line, [fault, power_cycle], lambda: f"MQTT 3.1.1 broker on 127.0.0.1:{line.port}")
    finally:
        await broker.stop()


async def _school(options: argparse.Namespace) -> None:
    from drivers import DRIVERS  # noqa: PLC0415 - see above
    from gateway.errors import SiteFileError  # noqa: PLC0415 - see above
    from gateway.site import load_site  # noqa: PLC0415 - see above
    from simulators.school import School  # noqa: PLC0415 - see above

    try:
        site = load_site(options.site, DRIVERS)
        school = School(site)
    except SiteFileError as error:
        raise ValueError(str(error)) from error
    await _serve(school, school_verbs(school), lambda: f"{site.site.id}: {', '.join(school.devices)}")


async def _serve(simulator: Serving, verbs: Iterable[Verb], banner: Callable[[], str]) -> None:
    """Start, obey, and stop in good order. At the end of standard input it goes on until a signal."""
    loop = asyncio.get_running_loop()
    told_to_end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told_to_end.set)
    await simulator.start()
    steering = Steering(verbs)
    obeying = asyncio.create_task(_obey(steering, told_to_end))
    try:
        _say(banner())
        await told_to_end.wait()
    finally:
        obeying.cancel()
        await asyncio.wait([obeying])
        await simulator.stop()
    if not obeying.cancelled():
        obeying.result()


async def _obey(steering: Steering, told_to_end: asyncio.Event) -> None:
    try:
        await steering.run(stdin_lines(), _say)
    except BaseException:
        told_to_end.set()
        raise
    if steering.has_quit:
        told_to_end.set()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _say_event(event: "Event", received_at: datetime, _monotonic_ns: int) -> None:
    _say(
        f"{received_at:%H:%M:%S.%f} {event.source} {event.stream[:8]} {event.sequence:>6} {event.type} {event.subject}"
    )


if __name__ == "__main__":
    sys.exit(main())
