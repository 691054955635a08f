"""`campus-sim county`."""

import argparse
from datetime import datetime
from pathlib import Path

from simulators.county.county import County
from simulators.county.store import CountyStore
from simulators.county.wire import Event, Snapshot
from simulators.serving import say, scenario_arguments, serve
from simulators.verbs import county_verbs

HELP = "the receiving platform, at a broker that is already there"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--protocol", choices=["5", "3.1.1"], default="5", help="MQTT version (default 5)")
    parser.add_argument("--root", default="campus/1/+/+", help="topic root (default campus/1/+/+)")
    parser.add_argument("--store", type=Path, metavar="FILE", help="keep events here (default: in memory)")
    parser.add_argument(
        "--client-id", default="county", help="names its session at the broker (default county)"
    )
    parser.add_argument("--no-receipts", action="store_true")
    scenario_arguments(parser)


async def run(options: argparse.Namespace) -> None:
    """Serve until told to end."""
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
    county.on_snapshot = _say_snapshot
    await serve(county, county_verbs(county), lambda: f"county at {options.host}:{options.port}", options)


def _say_event(event: Event, received_at: datetime, _monotonic_ns: int) -> None:
    say(
        f"{received_at:%H:%M:%S.%f} {event.source} {event.stream[:8]} {event.sequence:>6} {event.type} {event.subject}"
    )


def _say_snapshot(picture: Snapshot) -> None:
    say(f"{picture.received_at:%H:%M:%S.%f} picture {picture.evidence}: {picture.bytes} bytes")
