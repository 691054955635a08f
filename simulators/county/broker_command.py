"""`campus-sim broker`."""

import argparse

from simulators.county.broker import EmbeddedBroker
from simulators.proxy import FaultProxy
from simulators.serving import scenario_arguments, serve
from simulators.verbs import common_verbs

HELP = "an MQTT 3.1.1 broker on 127.0.0.1, in pure Python"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--port", type=int, default=1883, help="0 takes a free one (default 1883)")
    scenario_arguments(parser)


async def run(options: argparse.Namespace) -> None:
    """Serve until told to end."""
    broker = EmbeddedBroker()
    await broker.start()
    line = FaultProxy(
        "127.0.0.1", broker.port, options.port
    )  # has the faults that the broker itself can't have
    (fault, _), (_, power_cycle) = common_verbs(line), common_verbs(broker)
    try:
        await serve(
            line, [fault, power_cycle], lambda: f"MQTT 3.1.1 broker on 127.0.0.1:{line.port}", options
        )
    finally:
        await broker.stop()
