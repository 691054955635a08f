"""drivers.modbus on lines without transaction numbers: the answer to an old request is never taken for another point's state."""

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from drivers import DRIVERS
from gateway.model import Level
from simulators.modbus.frames import rtu_frame
from tests.drivers.contract import running
from tests.drivers.modbus.subjects import site_of
from tests.drivers.recorder import Recorder
from tests.wait import until

#: Two blocks of one device whose answers look the same: a button that is at rest, and one far off that is pressed.
QUIET, PRESSED = 0, 200
POINTS = "".join(
    f'[[device.point]]\nid = "b{address}"\nkind = "panic"\nfunction = "discrete"\naddress = {address}\n'
    "return_after_s = 0\nreturn_debounce = 1\n"
    for address in (QUIET, PRESSED)
)

Answer = Callable[[int, bytes, Callable[[float, bytes], None]], None]


@asynccontextmanager
async def module(folder: Path, answer: Answer) -> AsyncIterator[tuple[Recorder, list[int]]]:
    """A module at 1 on a pty which does with each request's address and right answer what it is told."""
    loop = asyncio.get_running_loop()
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    asked: list[int] = []

    def later(seconds: float, data: bytes) -> None:
        loop.call_later(seconds, os.write, ours, data)

    def take() -> None:
        request = os.read(ours, 256)
        address = int.from_bytes(request[2:4], "big")
        asked.append(address)
        answer(address, rtu_frame(1, bytes([2, 1, int(address == PRESSED)])), later)

    loop.add_reader(ours, take)
    connection = site_of(
        folder,
        f'[[device]]\nid = "m"\nzone = "gate"\ndriver = "modbus"\nserial = "{os.ttyname(theirs)}"\nslave = 1\n'
        f"timeout_s = 0.1\npoll_ms = 10\nlost_after = 100\n{POINTS}",
    ).connections[0]
    sink = Recorder()
    try:
        async with running(DRIVERS["modbus"], connection, sink):
            yield sink, asked
    finally:
        loop.remove_reader(ours)
        await asyncio.sleep(0.3)  # what is still to be written
        os.close(ours)
        os.close(theirs)


def truly(sink: Recorder) -> bool:
    """What was told so far is what the buttons say."""
    return set(sink.levels_of(f"b{QUIET}")) <= {Level.NORMAL} and set(sink.levels_of(f"b{PRESSED}")) <= {
        Level.ACTIVE
    }


async def test_an_answer_that_comes_after_its_time(tmp_path: Path) -> None:
    """Answers that are later than twice the time-out, now and then, are nobody's: no false alarm, and none lost."""
    number = 0

    def answer(_address: int, frame: bytes, later: Callable[[float, bytes], None]) -> None:
        nonlocal number
        number += 1
        later(0.25 if number % 5 in {0, 1} else 0.0, frame)

    async with module(tmp_path, answer) as (sink, asked):
        await until(lambda: len(asked) > 30, 30)

        assert {signal.point for signal in sink.signals} == {"b0", "b200"}
        assert truly(sink)


async def test_an_answer_that_comes_twice(tmp_path: Path) -> None:
    """A copy that a repeater sends a little later does not answer the next request."""

    def answer(_address: int, frame: bytes, later: Callable[[float, bytes], None]) -> None:
        later(0.0, frame)
        later(0.012, frame)

    async with module(tmp_path, answer) as (sink, asked):
        await until(lambda: len(asked) > 20, 20)

        assert {signal.point for signal in sink.signals} == {"b0", "b200"}
        assert truly(sink)
