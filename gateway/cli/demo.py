"""`demo`: a whole simulated school, its gateway and its county. Loads them here alone: the daemon knows no simulator."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from gateway.cli.words import language, say
from gateway.driver import DriverSpec

_MOST_SECONDS = 7 * 24 * 3600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `demo` takes."""
    parser.add_argument(
        "--headless", action="store_true", help="play the scripted day and exit 0 only if nothing is missing"
    )
    parser.add_argument(
        "--seconds", type=_seconds, metavar="N", help="end by itself; headless: the day must be over by then"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the timeline of each event")


def demo(arguments: argparse.Namespace, drivers: Mapping[str, DriverSpec]) -> int:
    """0 if every step was seen by the county, else 1 with what is missing."""
    try:
        from gateway.demo.command import Options, run_demo  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "amqtt":
            raise
        sys.stderr.write(say("demo-needs", name="amqtt") + "\n")
        return 1
    options = Options(
        headless=arguments.headless,
        seconds=arguments.seconds,
        timeline=arguments.json,
        language=language(),
    )
    return run_demo(options, drivers)


def _seconds(text: str) -> float:
    seconds = float(text)  # argparse tells of a ValueError
    if not 0 < seconds <= _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text}: give 1 to {_MOST_SECONDS}")
    return seconds
