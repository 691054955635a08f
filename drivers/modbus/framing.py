"""Finds the answer to a request in whatever a line brings: pymodbus's framers, told what was asked, and what is no answer.

RTU frames have no beginning that could be known by itself: pymodbus takes a stray byte before a frame for its address and
throws the whole answer away. Whoever knows the request knows address, function and length of its answer, and finds it
behind and before anything else by its CRC. Nothing of a line is ever an answer that does not fit the request.
"""

from collections.abc import Iterator

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU

#: The longest RTU frame, and that of Modbus TCP (application protocol V1.1b3, 4.1), in bytes.
LONGEST_RTU = 256
LONGEST_TCP = 260

#: What is kept at most of what a line has brought since the last request, in bytes, and what comes in one piece.
MOST_KEPT = 2 * LONGEST_RTU
MOST_AT_ONCE = 4 * LONGEST_TCP + MOST_KEPT

_EXCEPTION_BYTES = 5
_ECHO_BYTES = 8
_CRC_BYTES = 2


class Decoder(DecodePDU):
    """Knows the answers to what we ask; noise that looks like any other function is left lying, not an exception."""

    def lookupPduClass(self, data: bytes) -> type[ModbusPDU] | None:  # noqa: N802 - pymodbus's name
        """As pymodbus's; None where it would be none of ours."""
        return super().lookupPduClass(data) if 1 <= data[1] & 0x7F <= 6 else None

    def decode(self, frame: bytes) -> ModbusPDU | None:
        """As pymodbus's; of function 0 where it has no sense, which `fault_of` refuses."""
        if len(frame) > 1 and _is_whole(frame):
            known = super().decode(frame)
            if known is not None:
                return known
        return ModbusPDU()


def _is_whole(pdu: bytes) -> bool:
    """Reads say how many bytes follow, echoes of writes have 4, exceptions 1."""
    if not 1 <= pdu[0] & 0x7F <= 6:
        return False
    if pdu[0] & 0x80:
        return len(pdu) == 2
    return pdu[1] == len(pdu) - 2 if pdu[0] <= 4 else len(pdu) == 5


def answer_bytes(request: bytes) -> int:
    """How long the RTU frame is that answers this one, address and CRC included (clauses 6.1 to 6.6)."""
    function, count = request[1], int.from_bytes(request[4:6], "big")
    if function <= 2:
        return 5 + (count + 7) // 8
    if function <= 4:
        return 5 + 2 * count
    return _ECHO_BYTES


def without_echo(request: bytes, received: bytes) -> bytes:
    """What a line has brought but the request itself, which some two-wire adapters give back."""
    before, _, after = received.partition(request)
    return before + after


def answer_in(request: bytes, received: bytes, *, echoes: bool) -> bytes | None:
    """The RTU frame in `received` that answers `request`; None if it is not there (yet).

    An adapter that `echoes` brings the request first: of a write that is no answer, though it has the same bytes. The
    request of a read has a length of its own, so it is known when it is seen.
    """
    if is_read(request) or echoes:
        if echoes and request not in received and not is_read(request):
            return None
        received = without_echo(request, received)
    return next(_fitting(request, received), None)


def is_read(request: bytes) -> bool:
    """Whether its answer says something else than the request."""
    return request[1] <= 4


def _fitting(request: bytes, received: bytes) -> Iterator[bytes]:
    """Every frame from this slave, of this function and length, with a right CRC."""
    slave, function, length = request[0], request[1], answer_bytes(request)
    for start in range(len(received) - _EXCEPTION_BYTES + 1):
        if received[start] != slave:
            continue
        said = received[start + 1]
        if said == function | 0x80:
            size = _EXCEPTION_BYTES
        elif said == function and (function > 4 or received[start + 2] == length - _EXCEPTION_BYTES):
            size = length
        else:
            continue
        frame = received[start : start + size]
        if len(frame) == size and _is_intact(frame):
            yield frame


def _is_intact(frame: bytes) -> bool:
    body, crc = frame[:-_CRC_BYTES], frame[-_CRC_BYTES:]
    return FramerRTU.compute_CRC(body) == int.from_bytes(crc, "big")


class RtuFramer(FramerRTU):
    """Takes the answer to the last request and nothing else. `echoes` if the adapter has given the last read back."""

    def __init__(self) -> None:
        super().__init__(Decoder(is_server=False))
        self.echoes = False
        self.request = b""

    def encode(self, payload: bytes, device_id: int, tid: int) -> bytes:
        """The frame that is sent; from now on its answer is looked for."""
        self.request = super().encode(payload, device_id, tid)
        return self.request

    def handleFrame(  # noqa: N802 - pymodbus's name
        self,
        data: bytes,
        exp_devid: int,
        exp_tid: int,  # RTU has none
    ) -> tuple[int, ModbusPDU | None]:
        """How many bytes are done with, and the answer if it is there. The most recent `MOST_KEPT` are kept."""
        if not self.request:
            return len(data), None
        frame = answer_in(self.request, data, echoes=self.echoes)
        if is_read(self.request) and (frame is not None or self.request in data):
            self.echoes = self.request in data
        if frame is None:
            return max(0, len(data) - MOST_KEPT), None
        pdu = self.decoder.decode(frame[1:-_CRC_BYTES])
        if pdu is not None:
            pdu.dev_id, pdu.transaction_id = exp_devid, 0
        return len(data), pdu


class TcpFramer(FramerSocket):
    """As pymodbus has it, and an answer is also found behind bytes that are none, by its transaction."""

    def __init__(self) -> None:
        super().__init__(Decoder(is_server=False))

    def handleFrame(  # noqa: N802 - pymodbus's name
        self, data: bytes, exp_devid: int, exp_tid: int
    ) -> tuple[int, ModbusPDU | None]:
        """How many bytes are done with, and the answer if it is there. The most recent `MOST_KEPT` are kept."""
        used, pdu = super().handleFrame(data, exp_devid, exp_tid)
        header = exp_tid.to_bytes(2, "big") + b"\x00\x00"
        if pdu is None and (start := data.find(header, 1)) > 0:
            _, pdu = super().handleFrame(data[start:], exp_devid, exp_tid)
        if pdu is not None:
            return len(data), pdu
        return max(used, len(data) - MOST_KEPT), None
