"""`campus-sim contact-id`."""

import argparse
from pathlib import Path

from simulators.contact_id.lines import Form
from simulators.contact_id.receiver import (
    ACK_SECONDS,
    HEARTBEAT_SECONDS,
    ContactIdReceiverSimulator,
    ReceiverEvent,
)
from simulators.delivery import Delivered
from simulators.serving import say, scenario_arguments, serve
from simulators.verbs import panel_verbs, plug_verbs

HELP = "a receiver of alarm panels at a serial line (a pty): Contact ID"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument(
        "--serial", type=Path, metavar="LINK", help="a pty with this name (default: one of its own)"
    )
    parser.add_argument("--baud", type=int, help="take the time that a real line takes")
    parser.add_argument("--account", default="1234", help="of the panel that calls (default 1234)")
    parser.add_argument("--format", choices=list(Form), default=Form.CID, help="(default cid)")
    parser.add_argument("--heartbeat", type=float, default=HEARTBEAT_SECONDS, metavar="SECONDS")
    parser.add_argument(
        "--ack-timeout", type=float, default=ACK_SECONDS, metavar="SECONDS", help="before it repeats a line"
    )
    parser.add_argument(
        "--press", type=int, action="append", default=[], metavar="ZONE", help="panic there; may be repeated"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="of --once for the last acknowledgement",
    )
    scenario_arguments(parser)


async def run(options: argparse.Namespace) -> None:
    """Serve until told to end. Raises TimeoutError if with `--once` not all was acknowledged in time."""
    receiver = ContactIdReceiverSimulator(
        link=options.serial,
        baud=options.baud,
        form=Form(options.format),
        account=options.account,
        heartbeat_s=options.heartbeat,
        ack_timeout_s=options.ack_timeout,
    )
    receiver.on_acknowledged = _say_acknowledged
    for zone in options.press:
        receiver.press(zone)
    await serve(
        receiver,
        [*panel_verbs(receiver), *plug_verbs(receiver)],
        lambda: f"receiver on {receiver.device}",
        options,
        finish=lambda: receiver.all_acknowledged(options.timeout),
    )


def _say_acknowledged(done: Delivered[ReceiverEvent]) -> None:
    say(f"acknowledged {done.item} at {done.at_utc:%H:%M:%S.%f} UTC, sent {done.attempts} times")
