"""One simulator as a process: start it, obey standard input and a scenario, stop in good order."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

from gateway.clock import SystemClock
from simulators.scenario import Step, load_scenario, play
from simulators.steer import Steering, Verb, stdin_lines


class Serving(Protocol):
    """What is run here: one simulator, or a school of them."""

    async def start(self) -> None:
        """Begin to serve."""
        ...

    async def stop(self) -> None:
        """End, and let go of everything."""
        ...


def scenario_arguments(parser: argparse.ArgumentParser) -> None:
    """`--scenario` and `--once`, which every simulator has; `serve` reads them."""
    parser.add_argument(
        "--scenario", type=Path, metavar="FILE", help="tell it the steps of this TOML file at their times"
    )
    parser.add_argument("--once", action="store_true", help="end after the last step, and when all is done")


async def serve(
    simulator: Serving,
    verbs: Iterable[Verb],
    banner: Callable[[], str],
    options: argparse.Namespace | None = None,
    finish: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Start, obey, and stop. At the end of standard input it goes on until `quit`, SIGINT or SIGTERM.

    `options` are those of `scenario_arguments`; with `--once` it ends after the last step and `finish`, which waits for what is
    still to be done. Raises ValueError, before anything is started, for a scenario that can't be played, and in the end of
    `--once` if a step could not be done; OSError and what else `start` and `finish` raise.
    """
    steering = Steering(verbs)
    once: bool = options is not None and options.once
    steps: list[Step] = []
    if options is not None and options.scenario is not None:
        steps = load_scenario(options.scenario, steering)
    elif once and finish is None:
        raise ValueError("--once wants --scenario FILE: there is nothing to end after")
    loop = asyncio.get_running_loop()
    told_to_end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told_to_end.set)
    async with AsyncExitStack() as ending:
        ending.push_async_callback(simulator.stop)
        await simulator.start()
        say(banner())
        tasks = [
            asyncio.create_task(_until_told(_obey(steering), told_to_end)),
            asyncio.create_task(_until_told(_perform(steering, steps, finish, once=once), told_to_end)),
        ]
        ending.push_async_callback(_end, tasks)
        await told_to_end.wait()


def say(line: str) -> None:
    """A line on standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _obey(steering: Steering) -> bool:
    await steering.run(stdin_lines(), say)
    return steering.has_quit


async def _perform(
    steering: Steering, steps: list[Step], finish: Callable[[], Awaitable[None]] | None, *, once: bool
) -> bool:
    """Play the steps; whether to end now."""
    failed = await play(steps, steering, say, SystemClock())
    if not once:
        return False
    if finish is not None:
        await finish()
    if failed:
        raise ValueError(f"{failed} of {len(steps)} steps could not be done")
    return True


async def _until_told(work: Awaitable[bool], told_to_end: asyncio.Event) -> None:
    """Work; its error ends the whole, and so does its word."""
    try:
        ends = await work
    except BaseException:  # raised on
        told_to_end.set()
        raise
    if ends:
        told_to_end.set()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel what still works. Raises the first error of what ended by one."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()
