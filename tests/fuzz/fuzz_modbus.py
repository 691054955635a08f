"""Fuzz target (atheris): any bytes, in any pieces, break neither framer nor decoder, and are no answer that does not fit.

Run: python -m tests.fuzz.fuzz_modbus -max_total_time=60
"""

import asyncio
import sys
from collections.abc import Iterator

from pymodbus.framer import FramerRTU
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest, WriteSingleCoilRequest
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteSingleRegisterRequest,
)

from drivers.modbus.codec import Block, Write, fault_of, fault_of_echo
from drivers.modbus.framing import MOST_AT_ONCE, RtuFramer, TcpFramer, answer_in, without_echo
from drivers.modbus.link import Link
from drivers.modbus.settings import BusKeys, Function
from gateway.clock import SystemClock

LOOP = asyncio.new_event_loop()

SLAVE = 1
TRANSACTION = 0x0102

ASKED: tuple[tuple[Block | Write, ModbusPDU], ...] = (
    (Block(function=Function.COIL, address=0, count=1), ReadCoilsRequest(address=0, count=1, dev_id=SLAVE)),
    (
        Block(function=Function.DISCRETE, address=0, count=8),
        ReadDiscreteInputsRequest(address=0, count=8, dev_id=SLAVE),
    ),
    (
        Block(function=Function.DISCRETE, address=0x200, count=2000),
        ReadDiscreteInputsRequest(address=0x200, count=2000, dev_id=SLAVE),
    ),
    (
        Block(function=Function.HOLDING, address=0, count=1),
        ReadHoldingRegistersRequest(address=0, count=1, dev_id=SLAVE),
    ),
    (
        Block(function=Function.INPUT, address=1, count=125),
        ReadInputRegistersRequest(address=1, count=125, dev_id=SLAVE),
    ),
    (
        Write(function=Function.COIL, address=2, value=1),
        WriteSingleCoilRequest(address=2, bits=[True], dev_id=SLAVE),
    ),
    (
        Write(function=Function.HOLDING, address=2, value=7),
        WriteSingleRegisterRequest(address=2, registers=[7], dev_id=SLAVE),
    ),
)

LINES = (
    BusKeys(serial="/dev/null"),
    BusKeys(host="127.0.0.1"),
    BusKeys(host="127.0.0.1", framer="rtu"),
)


def pieces_of(data: bytes, size: int) -> Iterator[bytes]:
    """The bytes as a line brings them."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


def shaped(data: bytes, how: int, *, is_rtu: bool) -> bytes:
    """As they are, or with a right CRC, or in a right frame of this transaction: those are not found by chance."""
    if how == 0:
        return data
    if is_rtu:
        body = data if how == 1 else bytes([SLAVE]) + data
        return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")
    body = bytes([SLAVE]) + data
    return TRANSACTION.to_bytes(2, "big") + b"\x00\x00" + len(body).to_bytes(2, "big") + body


def one_input(data: bytes) -> None:
    """Four bytes say what was asked, on which line, in which pieces the rest comes, and how it is framed."""
    if len(data) >= 4:
        LOOP.run_until_complete(answered(data))


async def answered(data: bytes) -> None:
    """Pymodbus wants a running loop; nothing is waited for."""
    what, request = ASKED[data[0] % len(ASKED)]
    line = LINES[data[1] % len(LINES)]
    echoes = bool(data[1] & 0x80)
    size = data[2] + 1
    link = Link(line, SystemClock())
    context = link.prepare().ctx
    framer = context.framer
    assert isinstance(framer, RtuFramer | TcpFramer)
    is_rtu = isinstance(framer, RtuFramer)
    context.request_dev_id, context.request_transaction_id = SLAVE, 0 if is_rtu else TRANSACTION
    request.transaction_id = context.request_transaction_id
    sent = framer.buildFrame(request)
    if isinstance(framer, RtuFramer):
        framer.echoes = echoes
    context.response_future = LOOP.create_future()
    received = shaped(data[4:], data[3] % 3, is_rtu=is_rtu)
    for piece in pieces_of(received, size):
        context.data_received(piece)
        assert len(context.recv_buffer) <= MOST_AT_ONCE
    if is_rtu:
        frame = answer_in(sent, received, echoes=echoes)
        assert frame is None or (frame in received and frame[0] == SLAVE)
        assert len(without_echo(sent, received)) in {len(received), len(received) - len(sent)}
    if context.response_future.done():
        judge(what, context.response_future.result(), is_rtu=is_rtu)


def judge(what: Block | Write, answer: ModbusPDU, *, is_rtu: bool) -> None:
    """What `Link.read` and `Link.write` do with it: a refusal, no answer, or one that fits in every way."""
    if answer.isError():
        assert 0 <= answer.exception_code <= 255
        return
    if isinstance(what, Block):
        cells = answer.bits if what.function.is_bit else answer.registers
        wrong = fault_of(what, answer.function_code, cells)
        assert wrong or len(cells) >= what.count
    else:
        values = answer.bits if what.function is Function.COIL else answer.registers
        wrong = fault_of_echo(what, answer.function_code, answer.address, int(values[0]) if values else -1)
    # on a line nothing but an answer of the right length ends the wait; an echo may be of something else
    assert not (wrong and is_rtu and isinstance(what, Block)), wrong


def main() -> None:
    """Fuzz until libFuzzer's own options end it."""
    import atheris  # noqa: PLC0415 - it is not needed to collect the tests

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
