"""Runs one benchmark and says what it found: a table for people, JSON for machines (CONTRACT, `bench`)."""

import argparse
import asyncio
import json
import sqlite3
import sys

from gateway.bench import bus, clip, idle, latency, picture, receivers, record, storm
from gateway.bench.figures import Result
from gateway.bench.machine import Machine, Quiet, look
from gateway.bench.processes import BenchError


def bench(arguments: argparse.Namespace) -> int:
    """0; 1 if it could not be run, or if it found what must never be (an event lost). A missed target is only said."""
    try:
        machine, quiet = look(arguments.dir), Quiet()
        result = asyncio.run(_run(arguments))
        machine = quiet.judge(machine)
        if arguments.json:
            document = result.document(arguments.name, machine)
            arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except (BenchError, TimeoutError, OSError, sqlite3.Error) as error:
        sys.stderr.write(f"bench {arguments.name}: {error}\n")
        return 1
    sys.stdout.write(_table(arguments.name, machine, result))
    for words in result.broken:
        sys.stderr.write(f"bench {arguments.name}: {words}\n")
    return 1 if result.broken else 0


async def _run(arguments: argparse.Namespace) -> Result:  # noqa: PLR0911 - one for each benchmark
    match arguments.name:
        case "latency":
            return await latency.run(arguments.dir, count=arguments.count or 1000)
        case "storm":
            return await storm.run(arguments.dir, count=arguments.count or 20_000)
        case "idle":
            return await idle.run(arguments.dir, seconds=arguments.seconds)
        case "receivers":
            return await receivers.run(arguments.dir, count=arguments.count or 5_000)
        case "bus":
            return await bus.run(arguments.dir, seconds=arguments.seconds)
        case "record":
            return await record.run(arguments.dir, seconds=arguments.seconds)
        case "clip":
            return await clip.run(arguments.dir, count=arguments.count or 10)
        case "picture":
            return await picture.run(arguments.dir, count=arguments.count or 20)
        case name:
            raise BenchError(f"there is no benchmark {name!r}")


def _table(name: str, machine: Machine, result: Result) -> str:
    width = max([24, *map(len, result.figures)]) + 2
    lines = [
        f"{name}: {machine.cores} cores of {machine.cpu}, Python {machine.python}, kernel {machine.kernel},",
        f"  {machine.filesystem}, fsync {machine.fsync_ms:g} ms; others had {machine.others_share:.1%} of it, the host {machine.stolen_share:.1%}",
        *(f"  {key:<{width}}{figure}" for key, figure in result.figures.items()),
        *(f"  {target}" for target in result.targets),
    ]
    return "\n".join(lines) + "\n"
