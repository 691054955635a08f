"""SIA DC-09 frames as a panel builds them, and answers as it reads them (DC-09-2026 5.5)."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

KEY_BYTES = (16, 24, 32)
_BLOCK = 16
_IV = bytes(_BLOCK)
_TIME = "_%H:%M:%S,%m-%d-%Y"
#: What would end the pad, or a field behind it.
_NOT_IN_PAD = b"|[]"

_FRAME = re.compile(rb"\n([0-9A-F]{4})(0[0-9A-F]{3})([^\n\r]*)\r")
_BODY = re.compile(
    rb'"(\*?)(ACK|NAK|DUH)"(\d{4})(R[0-9A-F]{1,6})?(L[0-9A-F]{1,6})?(?:#([0-9A-F]{1,16})|A0)\[(.*)'
)
_STAMP = re.compile(rb"_(\d\d:\d\d:\d\d,\d\d-\d\d-\d{4})$")
#: An answer is never longer; what is kept of a stream that holds none.
LONGEST_ANSWER = 1024


def crc16(data: bytes) -> int:
    """Reflected polynomial A001, from 0, over the bytes from the quote to the one before CR."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def frame(body: bytes, *, crc_error: int = 0, decimal_length: bool = False) -> bytes:
    """The body between LF, CRC, length and CR. A wrong CRC differs in the bits of `crc_error`; a decimal length is a vendors' bug."""
    length = f"{len(body):04d}" if decimal_length else f"0{len(body):03X}"
    return b"\n%04X%s%s\r" % (crc16(body) ^ crc_error, length.encode(), body)


def stamp(moment: datetime) -> str:
    """`_HH:MM:SS,MM-DD-YYYY`, UTC."""
    return moment.astimezone(UTC).strftime(_TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What is the same in all frames of a panel: account, receiver and line as hex digits, key if it encrypts."""

    account: str
    receiver: str | None = None
    line: str | None = "0"
    key: bytes | None = None

    def body(
        self,
        identifier: str,
        sequence: int,
        data: str | None,
        *,
        xdata: Sequence[str] = (),
        moment: datetime | None = None,
        pad: bytes = b"",
    ) -> bytes:
        """From the opening quote to the byte before CR. `data` is what stands in its brackets, None for a NULL.

        `pad` is taken as it is with a key: `pad_for` makes one that fits.
        """
        tail = self._tail(data, xdata, moment)
        if self.key is None:
            return self._head(identifier, sequence) + b"[" + tail
        if data is not None:
            tail = b"|" + tail
        return self._head(f"*{identifier}", sequence) + b"[" + encrypt(self.key, pad + tail)

    def pad_for(
        self,
        data: str | None,
        dice: random.Random,
        *,
        xdata: Sequence[str] = (),
        moment: datetime | None = None,
    ) -> bytes:
        """16 to 31 bytes of noise that make the clear text whole blocks."""
        length = len(self._tail(data, xdata, moment)) + (data is not None)
        count = _BLOCK + -length % _BLOCK
        return bytes(dice.choices([byte for byte in range(256) if byte not in _NOT_IN_PAD], k=count))

    def _head(self, identifier: str, sequence: int) -> bytes:
        receiver = "" if self.receiver is None else f"R{self.receiver}"
        line = "" if self.line is None else f"L{self.line}"
        return f'"{identifier}"{sequence:04d}{receiver}{line}#{self.account}'.encode()

    def _tail(self, data: str | None, xdata: Sequence[str], moment: datetime | None) -> bytes:
        extended = "".join(f"[{field}]" for field in xdata)
        time = "" if moment is None else stamp(moment)
        return f"{data or ''}]{extended}{time}".encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """An ACK, NAK or DUH. `moment` is the receiver's time, if it said one."""

    word: str
    sequence: int
    account: str | None
    encrypted: bool
    moment: datetime | None


def take_answers(received: bytearray, key: bytes | None) -> list[Answer | bytes]:
    """Cut every whole answer off the front; bytes are what had the shape of a frame and is no answer for us.

    At most `LONGEST_ANSWER` bytes are left behind.
    """
    found: list[Answer | bytes] = []
    end = 0
    for match in _FRAME.finditer(bytes(received)):
        end = match.end()
        found.append(read_answer(match.group(), key) or match.group())
    del received[:end]
    del received[:-LONGEST_ANSWER]
    return found


def read_answer(data: bytes, key: bytes | None) -> Answer | None:
    """What a whole frame says; None if CRC or length are wrong, it is no answer, or was not made with our key."""
    outer = _FRAME.fullmatch(data)
    if outer is None:
        return None
    crc, length, body = outer.groups()
    inner = _BODY.fullmatch(body)
    if int(crc, 16) != crc16(body) or int(length, 16) != len(body) or inner is None:
        return None
    star, word, sequence, _, _, account, tail = inner.groups()
    if star:
        clear = decrypt(key, tail)
        if clear is None or b"]" not in clear:
            return None
        tail = clear[clear.rindex(b"]") :]
    elif not tail.startswith(b"]"):
        return None
    return Answer(
        word.decode(), int(sequence), account.decode() if account else None, bool(star), _moment(tail)
    )


def encrypt(key: bytes, clear: bytes) -> bytes:
    """AES-CBC from a zero vector, as upper-case hex text. Raises ValueError unless `clear` is whole blocks."""
    encryptor = Cipher(algorithms.AES(key), modes.CBC(_IV)).encryptor()
    return (encryptor.update(clear) + encryptor.finalize()).hex().upper().encode()


def decrypt(key: bytes | None, text: bytes) -> bytes | None:
    """The clear text of hex text; None without a key, or if it is no hex of whole blocks."""
    if key is None or not re.fullmatch(rb"(?:[0-9A-Fa-f]{32})+", text):
        return None
    decryptor = Cipher(algorithms.AES(key), modes.CBC(_IV)).decryptor()
    return decryptor.update(bytes.fromhex(text.decode())) + decryptor.finalize()


def _moment(tail: bytes) -> datetime | None:
    found = _STAMP.search(tail)
    if found is None:
        return None
    try:
        return datetime.strptime(found.group(1).decode(), _TIME[1:]).replace(tzinfo=UTC)
    except ValueError:
        return None
