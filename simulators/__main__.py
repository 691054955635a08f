"""`campus-sim`: one simulator at a time for a technician, steered by lines on standard input and by scenarios."""

import argparse
import asyncio
import importlib
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol, cast

#: The module of each subcommand, loaded with its libraries by nobody else.
COMMANDS = {
    "modbus": "simulators.modbus.command",
    "dc09-panel": "simulators.dc09.command",
    "contact-id": "simulators.contact_id.command",
    "fire-panel": "simulators.gb26875.command",
    "camera": "simulators.camera.command",
    "onvif": "simulators.onvif.command",
    "county": "simulators.county.command",
    "broker": "simulators.county.broker_command",
    "school": "simulators.school_command",
}

EPILOG = "While it runs, type `help` for what it can be told; `quit`, Ctrl-C or SIGTERM end it."


class Command(Protocol):
    """What such a module has: a line of help, its arguments, and what is run with them."""

    HELP: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Coroutine[None, None, None]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, run until told to end. 0, or 1 with one line on standard error when it can't be had."""
    words = sys.argv[1:] if arguments is None else arguments
    device = words[0] if words else ""
    try:
        commands = {name: _load(name) for name in ([device] if device in COMMANDS else _installed())}
        options = _parser(commands).parse_args(words)
        asyncio.run(commands[options.device].run(options))
    except ModuleNotFoundError as error:
        sys.stderr.write(f"campus-sim {device}: {error}: it is not installed\n")
        return 1
    except (OSError, ValueError) as error:
        sys.stderr.write(f"campus-sim {device}: {error}\n")
        return 1
    return 0


def _load(name: str) -> Command:
    return cast("Command", importlib.import_module(COMMANDS[name]))


def _installed() -> list[str]:
    """What can be loaded here: the broker, for one, wants a library that not every gateway has."""
    found = []
    for name in COMMANDS:
        try:
            _load(name)
        except ModuleNotFoundError:
            continue
        found.append(name)
    return found


def _parser(commands: dict[str, Command]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="campus-sim", description="Simulators for technicians.", epilog=EPILOG
    )
    devices = parser.add_subparsers(dest="device", required=True, metavar="DEVICE")
    for name, command in commands.items():
        command.arguments(
            devices.add_parser(name, help=command.HELP, description=command.HELP, epilog=EPILOG)
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
