"""What the gateway and a media process say to each other: bounded frames of a JSON header and, where needed, bytes."""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from gateway.errors import GatewayError
from gateway.footage import Piece

#: What a header's fields can be.
Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
Fields = Mapping[str, Json]

#: The longest header (two hours in pieces of five seconds fit), and the most bytes behind it; bytes.
MAX_HEADER, MAX_BLOB = 1024 * 1024, 16 * 1024 * 1024

#: Every frame begins with it: something else that was printed on the pipe is seen as such.
_MARK: Final = b"CGm1"
_LENGTHS = struct.Struct(">4sII")
#: How long the part of a frame is that tells how long the rest is; bytes.
PREFIX: Final = _LENGTHS.size
#: The number of the first frame that a process sends, when it can be asked; requests count from 1.
READY: Final = 0

_PATH, _TEXT, _NUMBER = "path", "text", "number"


class ProtocolError(GatewayError):
    """What came is no message. After one with a bad prefix nothing on this pipe can be understood any more."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be done: the name of an operation and what it needs, as `number` its answer will be known."""

    number: int
    operation: str
    fields: Fields

    def pieces(self) -> list[Piece]:
        """The footage asked about, oldest first. Raises ProtocolError."""
        found = self.fields.get("pieces")
        if not isinstance(found, list):
            raise ProtocolError("no pieces")
        return sorted((_piece(fields) for fields in found), key=lambda piece: piece.start)

    def moment(self, name: str) -> datetime:
        """A time (UTC). Raises ProtocolError."""
        return moment(self.fields, name)

    def text(self, name: str) -> str:
        """A text. Raises ProtocolError."""
        return text(self.fields, name)

    def path(self, name: str) -> Path:
        """A path. Raises ProtocolError."""
        return Path(text(self.fields, name))


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation found: `fields`, and the bytes of a picture if there are any."""

    fields: Fields
    blob: bytes = field(default=b"", repr=False)


def encode(header: Fields, blob: bytes = b"") -> bytes:
    """A frame. Raises ProtocolError for one that is too long."""
    data = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    if len(data) > MAX_HEADER or len(blob) > MAX_BLOB:
        raise ProtocolError(f"a message of {len(data)} and {len(blob)} bytes is too long")
    return _LENGTHS.pack(_MARK, len(data), len(blob)) + data + blob


def lengths(prefix: bytes) -> tuple[int, int]:
    """How many bytes of header and of blob follow the prefix. Raises ProtocolError."""
    mark, header, blob = _LENGTHS.unpack(prefix)
    if mark != _MARK or header > MAX_HEADER or blob > MAX_BLOB:
        raise ProtocolError(f"no frame begins with {prefix!r}")
    return header, blob


def decode(data: bytes) -> Fields:
    """The fields of a header. Raises ProtocolError."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"no header: {data[:80]!r}") from error
    if not isinstance(found, dict):
        raise ProtocolError(f"no header: {data[:80]!r}")
    return found


def encode_request(request: Request) -> bytes:
    """The request as a frame. Raises ProtocolError."""
    return encode({_NUMBER: request.number, "operation": request.operation, "fields": request.fields})


def decode_request(data: bytes) -> Request:
    """The request in a header. Raises ProtocolError."""
    header = decode(data)
    fields = header.get("fields")
    if not isinstance(fields, dict):
        raise ProtocolError("a request without fields")
    return Request(integer(header, _NUMBER), text(header, "operation"), fields)


def fields_of(piece: Piece) -> Fields:
    """A piece as fields."""
    return {
        _PATH: str(piece.path),
        "start": piece.start.isoformat(),
        "end": piece.end.isoformat(),
        "growing": piece.growing,
    }


def text(fields: Fields, name: str) -> str:
    """A text field. Raises ProtocolError."""
    found = fields.get(name)
    if not isinstance(found, str):
        raise ProtocolError(f"{name}: {found!r} is no text")
    return found


def integer(fields: Fields, name: str) -> int:
    """A whole number, not negative. Raises ProtocolError."""
    found = fields.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise ProtocolError(f"{name}: {found!r} is no number")
    return found


def moment(fields: Fields, name: str) -> datetime:
    """A time with its zone. Raises ProtocolError."""
    try:
        found = datetime.fromisoformat(text(fields, name))
    except ValueError as error:
        raise ProtocolError(f"{name}: {error}") from None
    if found.tzinfo is None:
        raise ProtocolError(f"{name}: a time without its zone")
    return found


def parts(fields: Fields, name: str) -> list[Fields]:
    """A list of objects. Raises ProtocolError."""
    found = fields.get(name)
    if not isinstance(found, list) or not all(isinstance(part, dict) for part in found):
        raise ProtocolError(f"{name}: no list of objects")
    return found


def _piece(fields: Json) -> Piece:
    if not isinstance(fields, dict):
        raise ProtocolError("a piece is an object")
    return Piece(
        path=Path(text(fields, _PATH)),
        start=moment(fields, "start"),
        end=moment(fields, "end"),
        growing=fields.get("growing") is True,
    )
