"""`bench`: one benchmark of the gateway on this machine."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from gateway.driver import DriverSpec

#: What there is to measure (CONTRACT, `bench`).
NAMES = ("latency", "storm", "idle", "bus", "receivers", "record", "clip", "picture")

#: Where state directories go unless told otherwise: a disk. On many machines /tmp is memory, where an fsync costs nothing.
PLACE = Path("/var/tmp")  # noqa: S108 - below it every run has a directory of its own


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, for machines")
    parser.add_argument(
        "--count",
        type=_whole,
        metavar="N",
        help="presses (latency, 1000), events (storm, 20000), messages of each protocol (receivers, 5000), presses (clip, 10) or seeds (picture, 20)",
    )
    parser.add_argument(
        "--seconds", type=_whole, default=60, metavar="N", help="how long to watch (idle, bus, record: 60)"
    )
    parser.add_argument("--dir", type=Path, default=PLACE, help=f"the disk to measure on ({PLACE})")


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: give 1 or more")
    return number


def bench(arguments: argparse.Namespace, _drivers: Mapping[str, DriverSpec]) -> int:
    """0, or 1 with the reason on stderr."""
    from gateway.bench import command  # noqa: PLC0415 - knows the simulators, which no other command loads

    return command.bench(arguments)
