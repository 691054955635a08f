"""drivers.modbus on a line as it is in schools: stray bytes, adapters that echo, long answers, wrong numbers, old answers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from drivers.modbus.codec import Block, Write
from drivers.modbus.link import Link, NoAnswer
from drivers.modbus.settings import BusKeys, Function
from gateway.clock import SystemClock
from simulators.modbus import ModbusRtuSimulator, ModbusSlave
from simulators.modbus.frames import rtu_frame
from tests.drivers.modbus.test_frames import Wire

INPUTS = Block(function=Function.DISCRETE, address=0, count=8)
COIL = Write(function=Function.COIL, address=0xAC, value=1)

#: The query and an answer of a module at 1 (protocols.md 4.1), and somebody else's answer with a right CRC.
QUERY = "01 02 00 00 00 08 79 CC"
ANSWER = "01 02 01 01 60 48"
STRANGER = "FF 02 01 01 51 A0"


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    """The far end of a line."""
    line = Wire(tmp_path)
    loop = asyncio.get_running_loop()
    loop.add_reader(line.ours, line.answer)
    yield line
    loop.remove_reader(line.ours)
    line.close()


@pytest.fixture
async def link(wire: Wire) -> AsyncIterator[Link]:
    """Our end of it."""
    opened = Link(BusKeys(serial=wire.path, timeout_s=0.5), SystemClock())
    await opened.open()
    yield opened
    opened.close()


@pytest.mark.parametrize("before", ["", "00", "FF", "00 00 FF", "01", "01 02", "01 02 01", QUERY, STRANGER])
@pytest.mark.parametrize("after", ["", "00", "FF FF 00", ANSWER, STRANGER])
async def test_stray_bytes_around_an_answer(wire: Wire, link: Link, before: str, after: str) -> None:
    """What a driver's switching, an adapter's echo or a late neighbour puts before and after an answer does not hide it."""
    wire.answers[QUERY] = " ".join(filter(None, [before, ANSWER, after]))

    for _ in range(3):
        assert list(await link.read(1, INPUTS)) == [True] + [False] * 7


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "01",
        ANSWER[:-3],
        ANSWER.replace("48", "49"),
        STRANGER,
        "01 02 02 01 01 78 78",
        QUERY,
        "01 01 01 01 90 48",
    ],
)
async def test_what_is_no_answer(wire: Wire, link: Link, answer: str) -> None:
    """Nothing, half of it, a wrong CRC, another's number, another length or function, an echo: nobody has answered."""
    wire.answers[QUERY] = answer
    with pytest.raises(NoAnswer):
        await link.read(1, INPUTS)

    wire.answers[QUERY] = ANSWER
    assert (await link.read(1, INPUTS))[0]


async def test_an_echo_is_not_heard_as_an_answer(wire: Wire, link: Link) -> None:
    """A dead device behind an adapter that echoes is silent, in words, and no bytes of its own are counted for it."""
    wire.answers[QUERY] = QUERY
    with pytest.raises(NoAnswer, match=r"no answer in 0.5 s .only the adapter's echo") as silence:
        await link.read(1, INPUTS)

    assert not silence.value.heard


async def test_an_echo_is_no_confirmation(wire: Wire, link: Link) -> None:
    """On an adapter that echoes a sounder is on when its device has said so, not when we have heard ourselves."""
    frame = rtu_frame(1, bytes.fromhex("0500ACFF00")).hex(" ").upper()
    wire.answers[QUERY] = f"{QUERY} {ANSWER}"
    await link.read(1, INPUTS)
    wire.answers[frame] = frame
    with pytest.raises(NoAnswer):
        await link.write(1, COIL)

    wire.answers[frame] = f"{frame} {frame}"
    await link.write(1, COIL)


async def test_a_confirmation_where_nothing_echoes(wire: Wire, link: Link) -> None:
    """After an adapter was exchanged for one that does not echo, its devices are believed at once."""
    frame = rtu_frame(1, bytes.fromhex("0500ACFF00")).hex(" ").upper()
    wire.answers[frame] = frame
    wire.answers[QUERY] = f"{QUERY} {ANSWER}"
    await link.read(1, INPUTS)
    wire.answers[QUERY] = ANSWER
    await link.read(1, INPUTS)

    await link.write(1, COIL)


@pytest.mark.parametrize("baud", [4800, 9600])
async def test_a_long_answer_takes_its_time(baud: int) -> None:
    """`timeout_s` is for the device: 125 registers take 276 ms of a 9600 baud line, longer than the default time-out."""
    line = ModbusRtuSimulator([ModbusSlave(1, holding_registers=range(125))], baud=baud, character_bits=10)
    await line.start()
    line.slaves[1].set_register(124, 7)
    link = Link(BusKeys(serial=line.device, baudrate=baud), SystemClock())
    await link.open()
    try:
        cells: Sequence[int] = await link.read(1, Block(function=Function.HOLDING, address=0, count=125))
    finally:
        link.close()
        await line.stop()

    assert cells[124] == 7
