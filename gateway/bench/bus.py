"""How long a round of a full serial line takes: sixteen modules at 9600 baud, measured against what `check` predicts."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import NoReturn

from drivers import DRIVERS
from drivers.modbus.bus_time import bus_time
from drivers.modbus.settings import SiteConnection, resolve
from gateway.bench.figures import Figure, Result, Target
from gateway.bench.processes import BenchError
from gateway.bench.progress import progress
from gateway.clock import SystemClock
from gateway.driver import Driver
from gateway.model import Durability, Message, Presence, Reading, Signal
from gateway.site import load_site
from simulators.modbus import ModbusRtuSimulator, ModbusSlave

MODULES = 16
INPUTS = 8
BAUD = 9600

#: 8N1: a start bit, eight, a stop bit.
CHARACTER_BITS = 10

#: How long each simulated module takes to turn round; the prediction is made for the same.
TURNAROUND_S = 0.010

#: The simulated modules are on this very loop: one that a busy machine holds up is late, which the figure shows, and not lost.
ANSWER_LIMIT_S = 5

#: Measured by predicted, at most, on a quiet machine.
RATIO_LIMIT = 1.2

_WARM_UP_ROUNDS = 2
_START_LIMIT_S = 30.0
_PAUSE_S = 0.005


class _Ear:
    """A sink that forgets; a report is kept the moment it is made, so that the line alone is measured."""

    def __init__(self) -> None:
        self.lost: list[str] = []

    async def report(self, signal: Signal) -> Durability:
        return Durability.MEMORY

    async def receive(self, message: Message) -> Durability:
        return Durability.MEMORY

    def reading(self, reading: Reading) -> None:
        pass

    async def presence(
        self,
        device: str,
        presence: Presence,
        reason: str = "",
        identity: Mapping[str, str] | None = None,
    ) -> None:
        if presence is Presence.OFFLINE:
            self.lost.append(f"{device}: {reason}")

    def malformed(self, device: str | None, data: bytes, why: str) -> None:
        self.lost.append(f"{device} {why}: {data.hex(' ')}")

    async def stranger(self, data: bytes, why: str, device: str | None = None) -> None:
        pass


async def run(place: Path, *, seconds: int) -> Result:
    """Poll for so long. Raises BenchError."""
    with tempfile.TemporaryDirectory(prefix="campus-bench-", dir=place) as directory:
        link = Path(directory) / "rs485"
        connection = await asyncio.to_thread(_connection, Path(directory), link)
        predicted_s = bus_time(resolve(connection).connection, TURNAROUND_S).scan_s
        slaves = [ModbusSlave(number, turnaround=TURNAROUND_S) for number in range(1, MODULES + 1)]
        line = ModbusRtuSimulator(slaves, link=link, baud=BAUD, character_bits=CHARACTER_BITS)
        ear = _Ear()
        await line.start()
        try:
            async with _polling(DRIVERS["modbus"].build(connection, SystemClock()), ear) as polling:
                await _rounds(line, polling, _WARM_UP_ROUNDS)
                measured_s = await _measure(line, polling, seconds)
        finally:
            await line.stop()
    return _result(predicted_s, measured_s, ear)


def _connection(directory: Path, link: Path) -> SiteConnection:
    """From a site file, as a school has it: every input a panic button, so that each request is a quick one."""
    file = directory / "site.toml"
    file.write_text(
        '[site]\nid = "bench"\nname = "Bench"\ncounty = "330106"\n[[zone]]\nid = "gate"\nname = "Gate"\n'
        f'[[bus]]\nid = "line"\ndriver = "modbus"\nserial = "{link}"\nbaudrate = {BAUD}\ntimeout_s = {ANSWER_LIMIT_S}\n'
        + "".join(_module(number) for number in range(1, MODULES + 1)),
        encoding="utf-8",
    )
    return load_site(file, DRIVERS).connections[0]  # type: ignore[return-value] # made with the driver's models


def _module(number: int) -> str:
    head = f'[[device]]\nid = "m{number}"\nzone = "gate"\nbus = "line"\nslave = {number}\nprofile = "generic-8-inputs"\n'
    return head + "".join(
        f'[[device.point]]\nid = "m{number}-b{n}"\nkind = "panic"\ninput = "di{n}"\n'
        for n in range(1, INPUTS + 1)
    )


@contextlib.asynccontextmanager
async def _polling(driver: Driver, ear: _Ear) -> AsyncIterator[asyncio.Task[NoReturn]]:
    task = asyncio.create_task(driver.run(ear))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _rounds(line: ModbusRtuSimulator, polling: asyncio.Task[NoReturn], count: int) -> None:
    """Wait until every module was asked so often. Raises BenchError."""
    deadline = time.monotonic() + _START_LIMIT_S
    while min(line.requests[number] for number in line.slaves) < count:
        if polling.done():
            raise BenchError(f"the driver has ended: {polling.exception()}")
        if time.monotonic() > deadline:
            raise BenchError(f"not all modules were asked within {_START_LIMIT_S:g} s")
        await asyncio.sleep(_PAUSE_S)


async def _measure(line: ModbusRtuSimulator, polling: asyncio.Task[NoReturn], seconds: int) -> float:
    """The mean seconds of a round, from one request to another of the same place in the round."""
    begun, asked = await _next_request(line, polling)
    end, now_asked = begun, asked
    with progress("seconds", seconds) as advance:
        while end - begun < seconds:
            end, now_asked = await _next_request(line, polling)
            advance(min(seconds, round(end - begun)))
    return (end - begun) / (now_asked - asked) * MODULES


async def _next_request(line: ModbusRtuSimulator, polling: asyncio.Task[NoReturn]) -> tuple[float, int]:
    """When the next request had come, and how many there were. Raises BenchError if none comes."""
    before = line.requests.total()
    deadline = time.monotonic() + _START_LIMIT_S
    while line.requests.total() == before:
        if polling.done() or time.monotonic() > deadline:
            raise BenchError("the driver asks for nothing any more")
        await asyncio.sleep(_PAUSE_S / 5)
    return time.monotonic(), line.requests.total()


def _result(predicted_s: float, measured_s: float, ear: _Ear) -> Result:
    ratio = round(measured_s / predicted_s, 3)
    figures: dict[str, Figure] = {
        "predicted_scan_ms": round(predicted_s * 1000, 1),
        "measured_scan_ms": round(measured_s * 1000, 1),
        "ratio": ratio,
        "modules": MODULES,
        "baudrate": BAUD,
        "turnaround_ms": TURNAROUND_S * 1000,
    }
    return Result(
        figures=figures,
        targets=(Target(figure="ratio", value=ratio, limit=RATIO_LIMIT),),
        broken=tuple(dict.fromkeys(ear.lost)),
    )
