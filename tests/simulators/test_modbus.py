"""The Modbus simulator over real sockets and real pty pairs, asked by pymodbus and by golden bytes."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from simulators.fault import Fault, Simulator
from simulators.modbus import (
    Change,
    ExceptionCode,
    ModbusRtuSimulator,
    ModbusSlave,
    ModbusTcpSimulator,
    Reset,
    Table,
)
from simulators.modbus.bus import ModbusBus
from simulators.modbus.frames import crc16
from simulators.modbus.tcp import MOST_CONNECTIONS
from tests.wait import until

Client = AsyncModbusTcpClient | AsyncModbusSerialClient

# Requests and answers as vendors print them: generic input module; Waveshare; a smoke detector; Novabo SQR-2.
READ_EIGHT_INPUTS = bytes.fromhex("01 02 00 00 00 08 79 CC")
WAVESHARE_READ_ADDRESS = bytes.fromhex("00 03 40 00 00 01 90 1B")
WAVESHARE_SET_ADDRESS = bytes.fromhex("00 06 40 00 00 01 5C 1B")
SMOKE_READ = bytes.fromhex("01 03 00 02 00 01 25 CA")
NOVABO_READ = bytes.fromhex("FF 02 00 00 00 08 6C 12")
NOVABO_OK = bytes.fromhex("FF 02 01 01 51 A0")
NOVABO_ALARM = bytes.fromhex("FF 02 01 00 90 60")

# MBAP: transaction 0x0001, protocol 0, 6 bytes follow, unit 1; then function 2 for eight inputs from 0.
TCP_READ_EIGHT_INPUTS = bytes.fromhex("00 01 00 00 00 06 01 02 00 00 00 08")
TCP_EIGHT_INPUTS_FIRST_ON = bytes.fromhex("00 01 00 00 00 04 01 02 01 01")


class Raw:
    """A master that speaks bytes, over either kind of connection."""

    def __init__(self, reader: asyncio.StreamReader, write: Callable[[bytes], object]) -> None:
        self.reader = reader
        self.write = write

    async def read(self, count: int, seconds: float = 5.0) -> bytes:
        """So many bytes."""
        async with asyncio.timeout(seconds):
            return await self.reader.readexactly(count)

    async def ask(self, request: bytes, count: int) -> bytes:
        """Send, and take so many bytes of the answer."""
        self.write(request)
        return await self.read(count)

    async def hears_nothing(self, seconds: float = 0.15) -> bool:
        """Whether not one byte comes within so many seconds."""
        try:
            await self.read(1, seconds)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def raw_tcp(simulator: ModbusTcpSimulator) -> AsyncIterator[Raw]:
    """A bare TCP connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
    try:
        yield Raw(reader, writer.write)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def raw_rtu(simulator: ModbusRtuSimulator) -> AsyncIterator[Raw]:
    """A bare file descriptor on the gateway's end of the line."""
    handle = os.open(simulator.device, os.O_RDWR | os.O_NOCTTY)
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(handle, "rb", buffering=0)
    )
    try:
        yield Raw(reader, lambda data: os.write(handle, data))
    finally:
        transport.close()
        await asyncio.sleep(0)


@asynccontextmanager
async def asking(simulator: ModbusBus, *, timeout: float = 5.0) -> AsyncIterator[Client]:  # noqa: ASYNC109 - the client's own
    """pymodbus, connected, asking each thing once."""
    client: Client
    if isinstance(simulator, ModbusTcpSimulator):
        client = AsyncModbusTcpClient(
            "127.0.0.1", port=simulator.port, timeout=timeout, retries=0, reconnect_delay=0
        )
    else:
        assert isinstance(simulator, ModbusRtuSimulator)
        client = AsyncModbusSerialClient(
            simulator.device, baudrate=9600, timeout=timeout, retries=0, reconnect_delay=0
        )
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


@asynccontextmanager
async def running(simulator: ModbusBus) -> AsyncIterator[None]:
    """Started, and stopped in the end."""
    await simulator.start()
    try:
        yield
    finally:
        await simulator.stop()


async def level(client: Client, slave: int, address: int = 0) -> bool:
    """One input as pymodbus sees it."""
    answer = await client.read_discrete_inputs(address, count=1, device_id=slave)
    assert not answer.isError(), answer
    return bool(answer.bits[0])


async def answers(simulator: ModbusBus, slave: int, seconds: float) -> bool:
    """Whether that slave answers a fresh master in time."""
    async with asking(simulator, timeout=seconds) as client:
        try:
            return not (await client.read_discrete_inputs(0, count=1, device_id=slave)).isError()
        except ModbusIOException:
            return False


def there(path: str | Path) -> bool:
    """Whether anything has that name, a dangling link included."""
    return os.path.lexists(path)


def open_files() -> int:
    """How many handles this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(params=["tcp", "rtu"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[ModbusBus]:
    """Slaves 1, 2 and 3 on a bus of each kind."""
    slaves = [ModbusSlave(slave_id) for slave_id in (1, 2, 3)]
    simulator = ModbusTcpSimulator(slaves=slaves) if request.param == "tcp" else ModbusRtuSimulator(slaves)
    async with running(simulator):
        yield simulator


@pytest.fixture
async def tcp() -> AsyncIterator[ModbusTcpSimulator]:
    """Slaves 1 and 2 behind a port."""
    simulator = ModbusTcpSimulator(slaves=[ModbusSlave(1), ModbusSlave(2)])
    async with running(simulator):
        yield simulator


@pytest.fixture
async def rtu() -> AsyncIterator[ModbusRtuSimulator]:
    """Slaves 1 and 2 on an unpaced line."""
    simulator = ModbusRtuSimulator([ModbusSlave(1), ModbusSlave(2)])
    async with running(simulator):
        yield simulator


# What a master can ask


async def test_bits_and_registers_are_read_by_pymodbus(bus: ModbusBus) -> None:
    """Functions 1, 2, 3 and 4 give an independent library exactly what the device holds."""
    slave = bus.slaves[2]
    slave.set_coil(3, on=True)
    slave.set_input(9, level=True)
    slave.set_register(5, 0xBEEF)
    slave.set_input_register(6, -40)

    async with asking(bus) as client:
        coils = await client.read_coils(0, count=10, device_id=2)
        inputs = await client.read_discrete_inputs(0, count=10, device_id=2)
        holding = await client.read_holding_registers(4, count=3, device_id=2)
        measured = await client.read_input_registers(6, count=1, device_id=2)

    assert coils.bits[:10] == [address == 3 for address in range(10)]
    assert inputs.bits[:10] == [address == 9 for address in range(10)]
    assert holding.registers == [0, 0xBEEF, 0]
    assert measured.registers == [0x10000 - 40]


async def test_bits_and_registers_are_written_by_pymodbus(bus: ModbusBus) -> None:
    """Functions 5, 6, 15 and 16 change what they name and nothing else."""
    pattern = [True, False, True, True, False, False, True, False, True]
    async with asking(bus) as client:
        assert not (await client.write_coil(0, True, device_id=1)).isError()  # noqa: FBT003 - the library's signature
        assert not (await client.write_coils(2, pattern, device_id=1)).isError()
        assert not (await client.write_register(7, 234, device_id=1)).isError()
        assert not (await client.write_registers(8, [1, 65535], device_id=1)).isError()

    slave = bus.slaves[1]
    assert [slave.value(Table.COILS, address) for address in range(12)] == [1, 0, *map(int, pattern), 0]
    assert [slave.value(Table.HOLDING_REGISTERS, address) for address in range(6, 11)] == [
        0,
        234,
        1,
        65535,
        0,
    ]
    assert bus.slaves[2].value(Table.COILS, 0) == 0


async def test_the_largest_read_and_write_fit_a_frame(bus: ModbusBus) -> None:
    """125 registers read and 123 written, the most of the specification, pass in one frame each."""
    big = ModbusSlave(9, holding_registers=range(200))
    bus.slaves[9] = big
    async with asking(bus) as client:
        assert not (await client.write_registers(0, list(range(123)), device_id=9)).isError()
        answer = await client.read_holding_registers(0, count=125, device_id=9)

    assert answer.registers == [*range(123), 0, 0]


async def test_an_address_outside_the_table_is_exception_two(bus: ModbusBus) -> None:
    """A read or a write that touches one missing cell is refused whole."""
    async with asking(bus) as client:
        read = await client.read_discrete_inputs(10, count=7, device_id=1)
        written = await client.write_registers(63, [1, 2], device_id=1)

    assert (read.exception_code, written.exception_code) == (2, 2)
    assert bus.slaves[1].value(Table.HOLDING_REGISTERS, 63) == 0


async def test_a_sparse_device_has_only_its_own_addresses(bus: ModbusBus) -> None:
    """A map with holes answers at its addresses and refuses those between."""
    bus.slaves[9] = ModbusSlave(9, holding_registers=[2, 0x07D0, 0x4000])
    async with asking(bus) as client:
        there = await client.read_holding_registers(0x4000, count=1, device_id=9)
        hole = await client.read_holding_registers(3, count=1, device_id=9)

    assert there.registers == [0]
    assert hole.exception_code == 2


async def test_an_unknown_function_is_exception_one(bus: ModbusBus) -> None:
    """Function 7, which pymodbus knows and we do not, is refused as unknown."""
    async with asking(bus) as client:
        answer = await client.read_exception_status(device_id=1)

    assert answer.exception_code == 1


@pytest.mark.parametrize(
    "request_pdu",
    [
        "02 0000 0000",  # none at all
        "02 0000 07D1",  # 2001 bits
        "03 0000 007E",  # 126 registers
        "05 0000 0001",  # neither on nor off
        "0F 0000 0009 01 FF",  # nine coils in one byte
        "10 0000 0001 04 0001 0002",  # two registers announced as one
        "03 0000",  # cut short
    ],
)
async def test_a_value_outside_the_function_is_exception_three(
    tcp: ModbusTcpSimulator, request_pdu: str
) -> None:
    """Quantities, byte counts and coil values that the specification forbids are refused as illegal values."""
    pdu = bytes.fromhex(request_pdu)
    async with raw_tcp(tcp) as master:
        answer = await master.ask(bytes([0, 9, 0, 0, 0, len(pdu) + 1, 1]) + pdu, 9)

    assert answer == bytes([0, 9, 0, 0, 0, 3, 1, pdu[0] | 0x80, 3])


# Golden bytes


@pytest.mark.parametrize(
    "frame",
    [
        READ_EIGHT_INPUTS.hex(),
        WAVESHARE_READ_ADDRESS.hex(),
        WAVESHARE_SET_ADDRESS.hex(),
        SMOKE_READ.hex(),
        NOVABO_READ.hex(),
        NOVABO_OK.hex(),
        NOVABO_ALARM.hex(),
        "01 03 00 00 00 01 84 0A",
        "01 03 00 03 00 01 74 0A",
        "01 04 00 00 00 01 31 CA",
        "FF 03 07 D0 00 01 91 59",
    ],
)
def test_our_crc_is_that_of_printed_frames(frame: str) -> None:
    """The CRC of each frame that a vendor has printed comes out as printed, low byte first."""
    data = bytes.fromhex(frame)

    assert crc16(data[:-2]).to_bytes(2, "little") == data[-2:]


async def test_a_normally_closed_module_answers_as_its_maker_prints() -> None:
    """Novabo SQR-2, id 255, inverted: 1 is quiet and 0 is alarm, byte for byte."""
    novabo = ModbusSlave(255, discrete_inputs=range(8))
    novabo.wire(0, inverted=True)
    simulator = ModbusRtuSimulator([novabo])
    async with running(simulator), raw_rtu(simulator) as master:
        quiet = await master.ask(NOVABO_READ, 6)
        novabo.press(0)
        alarm = await master.ask(NOVABO_READ, 6)
        novabo.release(0)
        again = await master.ask(NOVABO_READ, 6)

    assert (quiet, alarm, again) == (NOVABO_OK, NOVABO_ALARM, NOVABO_OK)


async def test_a_module_made_with_id_zero_answers_there() -> None:
    """Waveshare's address question, which goes to id 0, is answered and its write echoed."""
    simulator = ModbusRtuSimulator([ModbusSlave(0, holding_registers=[0x4000])])
    async with running(simulator), raw_rtu(simulator) as master:
        echo = await master.ask(WAVESHARE_SET_ADDRESS, 8)
        answer = await master.ask(WAVESHARE_READ_ADDRESS, 7)

    assert echo == WAVESHARE_SET_ADDRESS
    assert answer[:5] == bytes.fromhex("00 03 02 00 01")


async def test_a_golden_request_is_counted_and_answered_over_rtu(rtu: ModbusRtuSimulator) -> None:
    """`01 02 00 00 00 08 79 CC` gets slave 1's eight inputs, and is one request."""
    rtu.slaves[1].press(0)
    async with raw_rtu(rtu) as master:
        answer = await master.ask(READ_EIGHT_INPUTS, 6)

    assert answer[:4] == bytes.fromhex("01 02 01 01")
    assert rtu.requests == {1: 1}


async def test_a_golden_request_is_answered_over_tcp(tcp: ModbusTcpSimulator) -> None:
    """The same question behind an MBAP header comes back with its transaction number."""
    tcp.slaves[1].press(0)
    async with raw_tcp(tcp) as master:
        answer = await master.ask(TCP_READ_EIGHT_INPUTS, 10)

    assert answer == TCP_EIGHT_INPUTS_FIRST_ON


# Frames on the wire


async def test_split_and_joined_tcp_frames_are_the_same_frames(tcp: ModbusTcpSimulator) -> None:
    """Frames that come byte by byte, or three in one segment, are each answered, in order."""
    second = bytes.fromhex("00 02") + TCP_READ_EIGHT_INPUTS[2:]
    third = bytes.fromhex("00 03") + TCP_READ_EIGHT_INPUTS[2:]
    async with raw_tcp(tcp) as master:
        for byte in TCP_READ_EIGHT_INPUTS:
            master.write(bytes([byte]))
            await asyncio.sleep(0)
        split = await master.read(10)
        joined = await master.ask(TCP_READ_EIGHT_INPUTS + second + third, 30)

    assert split[:2] == bytes.fromhex("00 01")
    assert [joined[at : at + 2] for at in (0, 10, 20)] == [b"\0\1", b"\0\2", b"\0\3"]
    assert tcp.requests[1] == 4


@pytest.mark.parametrize("header", ["0001 0001 0006 01", "0001 0000 0001 01", "0001 0000 00FF 01"])
async def test_a_stream_that_is_not_modbus_is_closed(tcp: ModbusTcpSimulator, header: str) -> None:
    """A wrong protocol number, a length without a function, one past 260 bytes: counted, and the connection ends."""
    async with raw_tcp(tcp) as master:
        master.write(bytes.fromhex(header))
        async with asyncio.timeout(5):
            assert await master.reader.read() == b""

    assert tcp.malformed == 1


async def test_a_split_rtu_frame_is_one_frame(rtu: ModbusRtuSimulator) -> None:
    """A request that arrives in two pieces is answered once it is whole."""
    async with raw_rtu(rtu) as master:
        master.write(READ_EIGHT_INPUTS[:3])
        await asyncio.sleep(0)
        answer = await master.ask(READ_EIGHT_INPUTS[3:], 6)

    assert answer[:3] == bytes.fromhex("01 02 01")


async def test_a_wrong_crc_is_not_answered_and_the_next_frame_is(rtu: ModbusRtuSimulator) -> None:
    """Noise on the line costs itself and nothing that comes after the silence."""
    async with raw_rtu(rtu) as master:
        master.write(READ_EIGHT_INPUTS[:-1] + b"\0")
        await until(lambda: rtu.malformed == 1)
        master.write(bytes(300))
        await until(lambda: rtu.malformed == 2)
        answer = await master.ask(READ_EIGHT_INPUTS, 6)

    assert answer[:3] == bytes.fromhex("01 02 01")
    assert rtu.requests == {1: 1}


async def test_a_broadcast_is_done_by_all_and_answered_by_none(bus: ModbusBus) -> None:
    """A write to id 0 reaches each slave that has the address; a read of id 0 nobody."""
    bus.slaves |= {unit: ModbusSlave(unit, holding_registers=[0x4000]) for unit in (8, 9)}
    async with AsyncExitStack() as stack:
        if isinstance(bus, ModbusTcpSimulator):
            master = await stack.enter_async_context(raw_tcp(bus))
            master.write(bytes.fromhex("00 01 00 00 00 06 00 06 40 00 00 01"))
            master.write(bytes.fromhex("00 02 00 00 00 06 00 03 40 00 00 01"))
        else:
            assert isinstance(bus, ModbusRtuSimulator)
            master = await stack.enter_async_context(raw_rtu(bus))
            master.write(WAVESHARE_SET_ADDRESS)
            await until(lambda: bus.requests[0] == 1)
            master.write(WAVESHARE_READ_ADDRESS)
        await until(lambda: bus.requests[0] == 2)

        assert await master.hears_nothing()
    assert [bus.slaves[unit].value(Table.HOLDING_REGISTERS, 0x4000) for unit in (8, 9)] == [1, 1]


async def test_nobody_answers_for_an_absent_slave(bus: ModbusBus) -> None:
    """An id where nobody is stays silent, and what was asked of it is counted."""
    assert not await answers(bus, 77, 0.2)
    assert bus.requests[77] == 1


async def test_a_gateway_answers_for_an_absent_slave() -> None:
    """A serial gateway says 0x0B, target did not respond, and it is the exception that pymodbus reads."""
    simulator = ModbusTcpSimulator(slaves=[ModbusSlave(1)], absent=ExceptionCode.GATEWAY_TARGET_SILENT)
    async with running(simulator), asking(simulator) as client:
        answer = await client.read_discrete_inputs(0, count=1, device_id=77)

    assert answer.exception_code == 0x0B


async def test_requests_are_counted_for_each_slave(bus: ModbusBus) -> None:
    """What a bench reads poll rates from: one count for each request of each slave."""
    async with asking(bus) as client:
        for slave in (1, 1, 3):
            await level(client, slave)

    assert bus.requests == {1: 2, 3: 1}


# What a person does


async def test_a_press_says_when_it_happened(bus: ModbusBus) -> None:
    """The time of a press lies between what two clocks said before and after it, and the master sees it."""
    before = datetime.now(UTC), time.monotonic_ns()
    press = bus.slaves[1].press(0)
    after = datetime.now(UTC), time.monotonic_ns()

    assert before[0] <= press.at_utc <= after[0]
    assert before[1] <= press.at_monotonic_ns <= after[1]
    async with asking(bus) as client:
        assert await level(client, 1)
        bus.slaves[1].release(0)
        assert not await level(client, 1)


async def test_a_pulse_ends_by_itself(bus: ModbusBus) -> None:
    """A momentary press is there for its time and then gone."""
    slave = bus.slaves[1]
    seen: list[int] = []
    slave.on_change = lambda change: seen.append(change.value)

    press = await slave.pulse(0, 0.05)

    assert seen == [1, 0]
    assert time.monotonic_ns() - press.at_monotonic_ns >= 50_000_000
    async with asking(bus) as client:
        assert not await level(client, 1)


async def test_a_cancelled_pulse_lets_go(bus: ModbusBus) -> None:
    """A finger does not stay on the button because a test was cancelled."""
    pulse = asyncio.create_task(bus.slaves[1].pulse(0, 60))
    await until(lambda: bus.slaves[1].value(Table.DISCRETE_INPUTS, 0) == 1)
    pulse.cancel()
    await asyncio.wait([pulse])

    assert bus.slaves[1].value(Table.DISCRETE_INPUTS, 0) == 0


async def test_an_input_latched_by_the_device_waits_for_the_reset_coil(bus: ModbusBus) -> None:
    """Released, it stays active; the reset clears it, but not while the button is still down."""
    slave = bus.slaves[1]
    slave.wire(0, reset=Reset(Table.COILS, 4))
    async with asking(bus) as client:
        slave.press(0)
        slave.release(0)
        latched = await level(client, 1)
        await client.write_coil(4, False, device_id=1)  # noqa: FBT003 - the library's signature
        not_by_zero = await level(client, 1)
        await client.write_coil(4, True, device_id=1)  # noqa: FBT003 - the same
        cleared = await level(client, 1)
        slave.press(0)
        await client.write_coil(4, True, device_id=1)  # noqa: FBT003 - the same
        held_down = await level(client, 1)

    assert (latched, not_by_zero, cleared, held_down) == (True, True, False, True)


async def test_an_input_latched_by_the_device_waits_for_the_reset_register(bus: ModbusBus) -> None:
    """Calectro's way: 234 into holding register 1 resets, any other value does not."""
    slave = bus.slaves[1]
    slave.wire(3, inverted=True, reset=Reset(Table.HOLDING_REGISTERS, 1, 234))
    async with asking(bus) as client:
        slave.press(3)
        slave.release(3)
        await client.write_register(1, 233, device_id=1)
        latched = await level(client, 1, 3)
        await client.write_register(1, 234, device_id=1)
        cleared = await level(client, 1, 3)

    assert (latched, cleared) == (False, True)


async def test_every_change_is_told(bus: ModbusBus) -> None:
    """Hand and master alike: each new value of a cell is told once, an unchanged one not at all."""
    seen: list[Change] = []
    slave = bus.slaves[2]
    slave.on_change = seen.append
    press = slave.press(1)
    slave.press(1)
    slave.set_register(5, 61)
    slave.set_input_register(5, 62)
    async with asking(bus) as client:
        await client.write_coils(0, [True, False], device_id=2)

    assert seen[0] == Change(slave_id=2, table=Table.DISCRETE_INPUTS, address=1, value=1, at=press)
    assert [(change.table, change.address, change.value) for change in seen[1:]] == [
        (Table.HOLDING_REGISTERS, 5, 61),
        (Table.INPUT_REGISTERS, 5, 62),
        (Table.COILS, 0, 1),
    ]


def test_what_a_device_does_not_have_can_not_be_touched() -> None:
    """A mistake in a test's or a technician's set-up is told at once, with what would be right."""
    slave = ModbusSlave(3)
    with pytest.raises(ValueError, match="slave 3 has no 99 in its discrete-inputs"):
        slave.press(99)
    with pytest.raises(ValueError, match="-32768 to 65535"):
        slave.set_register(0, 65536)
    with pytest.raises(ValueError, match="from 0 to 255"):
        ModbusSlave(256)
    with pytest.raises(ValueError, match="two slaves with id 3"):
        ModbusTcpSimulator(slaves=[slave, ModbusSlave(3)])


async def test_a_fault_of_a_slave_that_is_not_there_is_a_mistake(bus: ModbusBus) -> None:
    """Breaking slave 9 of a bus that has 1 to 3 says so."""
    with pytest.raises(ValueError, match=r"no slave 9 on this bus: it has \[1, 2, 3\]"):
        await bus.misbehave(Fault.SILENT, slave=9)


# Faults of one slave


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.GARBAGE, Fault.HALF_OPEN])
async def test_one_slave_alone_gives_no_answer(bus: ModbusBus, fault: Fault) -> None:
    """The broken slave is not understood, its neighbours are, and healed it is as before."""
    await bus.misbehave(fault, slave=2)
    broken, neighbour = await answers(bus, 2, 0.2), await answers(bus, 3, 5)
    await bus.misbehave(Fault.NONE, slave=2)

    assert (broken, neighbour) == (False, True)
    assert await answers(bus, 2, 5)
    assert bus.requests[2] == 2


@pytest.mark.parametrize("code", [ExceptionCode.DEVICE_FAILURE, ExceptionCode.DEVICE_BUSY])
async def test_one_slave_alone_refuses(bus: ModbusBus, code: ExceptionCode) -> None:
    """A refusing slave answers the exception it was told to, 4 or 6, and does nothing."""
    await bus.misbehave(Fault.REFUSED, slave=2, exception=code)
    async with asking(bus) as client:
        refused = await client.write_register(0, 1, device_id=2)
        neighbour = await client.read_holding_registers(0, count=1, device_id=3)

    assert refused.exception_code == code
    assert not neighbour.isError()
    assert bus.slaves[2].value(Table.HOLDING_REGISTERS, 0) == 0


async def test_one_slow_slave_does_not_make_its_neighbours_slow(tcp: ModbusTcpSimulator) -> None:
    """While slave 2 thinks, slave 1 answers on the same connection; then slave 2's answer comes, late and right."""
    tcp.slaves[1].press(0)
    await tcp.misbehave(Fault.SLOW, slave=2, delay=0.3)
    begun = time.monotonic()
    async with raw_tcp(tcp) as master:
        master.write(bytes.fromhex("00 07 00 00 00 06 02 02 00 00 00 08"))
        first = await master.ask(TCP_READ_EIGHT_INPUTS, 10)
        second = await master.read(10)

    assert (first[:2], second[:2]) == (b"\0\1", b"\0\7")
    assert time.monotonic() - begun >= 0.3


async def test_a_slave_at_work_on_a_serial_line_hears_nothing_else(rtu: ModbusRtuSimulator) -> None:
    """A question repeated while the slow slave works gets no second answer."""
    await rtu.misbehave(Fault.SLOW, slave=1, delay=1.5)
    async with raw_rtu(rtu) as master:
        master.write(READ_EIGHT_INPUTS)
        await until(lambda: rtu.requests[1] == 1)
        answer = await master.ask(READ_EIGHT_INPUTS, 6)

        assert answer[:3] == bytes.fromhex("01 02 01")
        assert await master.hears_nothing(1.7)
    assert rtu.requests[1] == 2


# Faults of the whole bus


async def test_a_silent_bus_hears_and_says_nothing(bus: ModbusBus) -> None:
    """Every slave is silent, what is asked is counted, writes are not done; healed, all is well."""
    await bus.misbehave(Fault.SILENT)
    assert not await answers(bus, 1, 0.2)
    assert bus.requests[1] == 1

    await bus.misbehave(Fault.NONE)
    assert await answers(bus, 1, 5)


async def test_a_slow_bus_answers_late(bus: ModbusBus) -> None:
    """The answer is right, and not there before its delay."""
    bus.slaves[1].press(0)
    await bus.misbehave(Fault.SLOW, delay=0.2)
    begun = time.monotonic()
    async with asking(bus) as client:
        assert await level(client, 1)

    assert time.monotonic() - begun >= 0.2


async def test_garbage_is_no_frame(bus: ModbusBus) -> None:
    """Bytes come, and none of them can begin a frame of the slave that was asked."""
    await bus.misbehave(Fault.GARBAGE)
    for _ in range(3):
        assert not await answers(bus, 1, 0.1)
    async with AsyncExitStack() as stack:
        if isinstance(bus, ModbusTcpSimulator):
            noise = await (await stack.enter_async_context(raw_tcp(bus))).ask(TCP_READ_EIGHT_INPUTS, 5)
        else:
            assert isinstance(bus, ModbusRtuSimulator)
            noise = await (await stack.enter_async_context(raw_rtu(bus))).ask(READ_EIGHT_INPUTS, 5)

    assert not set(noise) & {0, 1}


async def test_a_half_open_tcp_connection_stays_and_passes_nothing(tcp: ModbusTcpSimulator) -> None:
    """Neither end is told anything; when the line is whole again what was sent arrives, as TCP has it."""
    async with raw_tcp(tcp) as old:
        await old.ask(TCP_READ_EIGHT_INPUTS, 10)
        await tcp.misbehave(Fault.HALF_OPEN)
        async with raw_tcp(tcp) as new:
            new.write(TCP_READ_EIGHT_INPUTS)
            old.write(TCP_READ_EIGHT_INPUTS)
            assert await old.hears_nothing()
            assert await new.hears_nothing()
            assert tcp.requests[1] == 1
        await until(lambda: tcp.connections == 1)

        await tcp.misbehave(Fault.NONE)
        assert len(await old.read(10)) == 10


async def test_a_cut_serial_wire_passes_nothing(rtu: ModbusRtuSimulator) -> None:
    """The path stays, nothing is even counted, and what was sent meanwhile is lost."""
    async with raw_rtu(rtu) as master:
        await rtu.misbehave(Fault.HALF_OPEN)
        master.write(READ_EIGHT_INPUTS)
        assert await master.hears_nothing()

        await rtu.misbehave(Fault.NONE)
        assert await master.hears_nothing()
        assert (await master.ask(READ_EIGHT_INPUTS, 6))[:3] == bytes.fromhex("01 02 01")
    assert rtu.requests == {1: 1}


async def test_a_refusing_port_resets_what_is_open_and_refuses_what_comes(tcp: ModbusTcpSimulator) -> None:
    """Open connections end in a reset, new ones are refused, and later the same port serves again."""
    port = tcp.port
    async with raw_tcp(tcp) as master:
        await tcp.misbehave(Fault.REFUSED)
        with pytest.raises(ConnectionResetError):
            await master.read(1)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)

    await tcp.misbehave(Fault.NONE)
    assert tcp.port == port
    assert await answers(tcp, 1, 5)


async def test_a_refusing_line_can_not_be_opened(rtu: ModbusRtuSimulator) -> None:
    """A serial line can refuse only by not being there."""
    await rtu.misbehave(Fault.REFUSED)
    with pytest.raises(FileNotFoundError):
        os.open(rtu.device, os.O_RDWR | os.O_NOCTTY)

    await rtu.misbehave(Fault.NONE)
    assert await answers(rtu, 1, 5)


# Power, plugs and bounds


async def test_start_up_state_after_a_power_cycle(bus: ModbusBus) -> None:
    """Outputs fall and latches are forgotten; a button still held, and registers, are as they were."""
    slave = bus.slaves[1]
    slave.wire(0, reset=Reset(Table.COILS, 4))
    slave.press(0)
    slave.release(0)
    slave.press(1)
    slave.set_coil(2, on=True)
    slave.set_register(3, 57)

    await bus.power_cycle(0.02)

    async with asking(bus) as client:
        assert not await level(client, 1, 0)
        assert await level(client, 1, 1)
        assert (await client.read_coils(2, count=1, device_id=1)).bits[0] is False
        assert (await client.read_holding_registers(3, count=1, device_id=1)).registers == [57]


async def test_power_lost_behind_a_port(tcp: ModbusTcpSimulator) -> None:
    """Connections end in a reset, nobody listens while it is off, and it comes back at the same port, also if cancelled."""
    port = tcp.port
    async with raw_tcp(tcp) as master:
        await master.ask(TCP_READ_EIGHT_INPUTS, 10)
        cycle = asyncio.create_task(tcp.power_cycle(60))
        with pytest.raises(ConnectionResetError):
            await master.read(1)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        cycle.cancel()
        await asyncio.wait([cycle])

    assert tcp.port == port
    assert await answers(tcp, 1, 5)


async def test_power_lost_on_a_serial_line(rtu: ModbusRtuSimulator) -> None:
    """The path stays and is silent; an answer that was under way is forgotten; then the open handle serves again."""
    await rtu.misbehave(Fault.SLOW, delay=0.1)
    async with raw_rtu(rtu) as master:
        master.write(READ_EIGHT_INPUTS)
        await until(lambda: rtu.requests[1] == 1)
        await rtu.power_off()
        master.write(READ_EIGHT_INPUTS)
        assert await master.hears_nothing(0.25)

        await rtu.power_on()
        await rtu.misbehave(Fault.NONE)
        assert (await master.ask(READ_EIGHT_INPUTS, 6))[:3] == bytes.fromhex("01 02 01")
    assert rtu.requests[1] == 2


async def test_an_unplugged_line_is_gone_and_returns_at_the_same_path(rtu: ModbusRtuSimulator) -> None:
    """Who has it open reads the end of the line, the path is gone, and plugged in again it serves a fresh handle."""
    path = rtu.device
    async with raw_rtu(rtu) as master:
        await rtu.unplug()
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await master.read(1)
    assert not there(path)

    await rtu.replug()
    assert rtu.device == path
    assert await answers(rtu, 1, 5)


async def test_pymodbus_notices_a_pulled_plug(rtu: ModbusRtuSimulator) -> None:
    """The gateway's own library sees the connection end when the adapter is pulled."""
    async with asking(rtu) as client:
        await level(client, 1)
        await rtu.unplug()
        await until(lambda: not client.connected)


async def test_a_line_can_have_a_path_of_ones_choice(tmp_path: Path) -> None:
    """A site file names the path beforehand; a file in its place is never covered; in the end the path is gone."""
    link = tmp_path / "rs485"
    simulator = ModbusRtuSimulator([ModbusSlave(1)], link=link)
    async with running(simulator):
        assert simulator.device == str(link)
        assert await answers(simulator, 1, 5)
    assert not there(link)

    link.write_text("somebody's")
    with pytest.raises(FileExistsError, match="name a path that is free"):
        await simulator.start()
    await simulator.stop()
    assert link.read_text() == "somebody's"


@pytest.mark.parametrize(("bits", "period"), [(11, 0.02406), (10, 0.02260)])
async def test_a_paced_line_takes_the_time_of_the_wire(bits: int, period: float) -> None:
    """Eight inputs at 9600 baud: 14 characters and two silences of 4.01 ms; 22.6 ms at 10 bits a character."""
    simulator = ModbusRtuSimulator([ModbusSlave(1)], baud=9600, character_bits=bits)
    async with running(simulator), raw_rtu(simulator) as master:
        await master.ask(READ_EIGHT_INPUTS, 6)
        answered = [time.monotonic()]
        for _ in range(20):
            await master.ask(READ_EIGHT_INPUTS, 6)
            answered.append(time.monotonic())

    assert (answered[-1] - answered[0]) / 20 >= period - 0.0002
    assert min(later - earlier for earlier, later in pairwise(answered)) < period + 0.010


async def test_a_long_paced_answer_comes_in_pieces() -> None:
    """As from a UART, the first characters are there well before the last."""
    simulator = ModbusRtuSimulator([ModbusSlave(1)], baud=2400)
    async with running(simulator), raw_rtu(simulator) as master:
        await master.ask(bytes.fromhex("01 03 00 00 00 20 44 12"), 8)
        begun = time.monotonic()
        await master.read(61)

        assert time.monotonic() - begun > 0.1


async def test_a_turnaround_is_added_to_each_answer(bus: ModbusBus) -> None:
    """A device that thinks for 50 ms is never faster."""
    bus.slaves[1].turnaround = 0.05
    begun = time.monotonic()
    async with asking(bus) as client:
        await level(client, 1)

    assert time.monotonic() - begun >= 0.05


async def test_the_connections_are_bounded(tcp: ModbusTcpSimulator) -> None:
    """64 masters are served, the next is reset, and there is room again when one goes."""
    async with AsyncExitStack() as stack:
        for _ in range(MOST_CONNECTIONS - 1):
            await stack.enter_async_context(raw_tcp(tcp))
        async with raw_tcp(tcp):
            await until(lambda: tcp.connections == MOST_CONNECTIONS)
            async with raw_tcp(tcp) as extra:
                with pytest.raises(ConnectionResetError):
                    await extra.read(1)
        await until(lambda: tcp.connections == MOST_CONNECTIONS - 1)

        assert await answers(tcp, 1, 5)


async def test_a_stopped_simulator_lets_go_of_everything(bus: ModbusBus) -> None:
    """No task and no handle is left, and it can be started again."""
    tasks, handles = asyncio.all_tasks(), open_files()
    await bus.stop()
    await bus.start()
    async with asking(bus) as client:
        await level(client, 1)
    await bus.stop()
    await bus.stop()

    await until(lambda: open_files() < handles)
    assert asyncio.all_tasks() <= tasks


async def test_both_are_simulators_as_the_others_know_them(bus: ModbusBus) -> None:
    """Tests, demo and `campus-sim` can hold either as a Simulator."""
    simulator: Simulator = bus
    await simulator.misbehave(Fault.SILENT)
    await simulator.power_cycle(0)

    assert not await answers(bus, 1, 0.1)
