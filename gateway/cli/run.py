"""`run`: the daemon, until SIGTERM or SIGINT."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Mapping

from gateway.app import AlreadyRunning, Daemon
from gateway.cli.sitefile import choose, last_good_path
from gateway.cli.words import say
from gateway.clock import SystemClock
from gateway.driver import DriverSpec
from gateway.errors import SiteFileError
from gateway.interpreter import settle
from gateway.services import Started

logger = logging.getLogger(__name__)


def run(arguments: argparse.Namespace, drivers: Mapping[str, DriverSpec]) -> int:
    """0 on SIGTERM, 1 if it can't go on, 2 on a bad site file without a last good one."""
    logging.basicConfig(
        level=arguments.log_level.upper(), stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    try:
        chosen = choose(arguments.site, drivers)
    except SiteFileError as error:
        sys.stderr.write(f"{error}\n{say('site-refused', path=arguments.site)}\n")
        return 2
    if chosen.problem:
        logger.critical("%s", chosen.problem)
        logger.critical("%s", say("site-last-good", path=last_good_path(arguments.site)))
    daemon = Daemon(chosen.site, drivers, SystemClock(), problem=chosen.problem, trace=arguments.trace)
    settle()
    try:
        asyncio.run(_until_signalled(daemon))
    except AlreadyRunning:
        sys.stderr.write(say("already-running", path=chosen.site.site.state_dir) + "\n")
        return 1
    return 0


async def _until_signalled(daemon: Daemon) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await daemon.run(stop, _tell)


def _tell(started: Started) -> None:
    """One line on stdout for whoever started us, with the real port where the site file said 0."""
    host, port = started.console
    sys.stdout.write(f"console http://{host}:{port}\n")
    sys.stdout.flush()
