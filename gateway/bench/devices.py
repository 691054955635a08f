"""Modbus modules in a process of their own, pressed from outside: both ends of the pipe."""

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from gateway.bench.processes import Child, child, python
from simulators.modbus import ModbusSlave, ModbusTcpSimulator
from simulators.steer import stdin_lines

SLAVE = 1


class Devices:
    """So many modules, each a Modbus TCP server on a port of its own with one slave (id 1) and 16 inputs."""

    def __init__(self, process: Child, ports: Sequence[int]) -> None:
        self.ports = tuple(ports)
        self._process = process

    async def press(self, module: int, address: int) -> int:
        """Press a button; the moment in nanoseconds of CLOCK_MONOTONIC, which all processes share."""
        return await self._ask(f"press {module} {address}")

    async def release(self, module: int, address: int) -> int:
        """Let it go; the moment likewise."""
        return await self._ask(f"release {module} {address}")

    async def requests(self) -> int:
        """How often all of them were asked so far."""
        return await self._ask("requests")

    async def _ask(self, line: str) -> int:
        await self._process.tell(line)
        return int(await self._process.line())


@contextlib.asynccontextmanager
async def devices(count: int, directory: Path) -> AsyncIterator[Devices]:
    """So many modules for the length of a `with`. Raises BenchError."""
    command = python("gateway.bench.devices", str(count))
    async with child("devices", *command, directory=directory) as process:
        yield Devices(process, json.loads(await process.line()))


# ---- the other end: the process


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve, pressed by lines of standard input, until SIGTERM or the end of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    asyncio.run(_serve(parser.parse_args(arguments).count))
    return 0


async def _serve(count: int) -> None:
    """Until the end of standard input: whoever started us is gone then."""
    modules = [ModbusTcpSimulator(slaves=[ModbusSlave(SLAVE)]) for _ in range(count)]
    async with contextlib.AsyncExitStack() as stack:
        for module in modules:
            await module.start()
            stack.push_async_callback(module.stop)
        _say(json.dumps([module.port for module in modules]))
        async for line in stdin_lines():
            _say(str(_obey(modules, line.split())))


def _obey(modules: Sequence[ModbusTcpSimulator], words: Sequence[str]) -> int:
    match words:
        case ["press", module, address]:
            return modules[int(module)].slaves[SLAVE].press(int(address)).at_monotonic_ns
        case ["release", module, address]:
            return modules[int(module)].slaves[SLAVE].release(int(address)).at_monotonic_ns
        case ["requests"]:
            return sum(module.requests.total() for module in modules)
        case _:
            raise ValueError(f"what is {' '.join(words)!r}?")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
