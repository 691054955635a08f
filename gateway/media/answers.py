"""The answers of a media process as values; one that is not what was agreed is a ProtocolError, never trusted."""

from datetime import datetime
from pathlib import Path

from gateway.media.look import Look, look_of
from gateway.media.protocol import Answer, Fields, ProtocolError, integer, moment, parts, text
from gateway.media.values import Clip, Source, Still


def still(answer: Answer) -> Still:
    """A still. Raises ProtocolError."""
    return Still(
        jpeg=_jpeg(answer),
        at=moment(answer.fields, "at"),
        width=integer(answer.fields, "width"),
        height=integer(answer.fields, "height"),
    )


def clip(answer: Answer) -> Clip:
    """A clip. Raises ProtocolError."""
    fields = answer.fields
    return Clip(
        path=Path(text(fields, "path")),
        bytes=integer(fields, "bytes"),
        sha256=_sha256(fields),
        intervals=_intervals(fields, "intervals"),
        sources=tuple(_source(part) for part in parts(fields, "sources")),
        otherwise=_intervals(fields, "otherwise"),
    )


def look(answer: Answer) -> Look:
    """A look. Raises ProtocolError."""
    return look_of(answer.fields)


def _intervals(fields: Fields, name: str) -> tuple[tuple[datetime, datetime], ...]:
    return tuple((moment(part, "start"), moment(part, "end")) for part in parts(fields, name))


def _source(fields: Fields) -> Source:
    return Source(
        path=Path(text(fields, "path")),
        start=moment(fields, "start"),
        end=moment(fields, "end"),
        bytes=integer(fields, "bytes"),
        sha256=_sha256(fields),
    )


def _sha256(fields: Fields) -> str:
    found = text(fields, "sha256")
    if len(found) != 64 or set(found) - set("0123456789abcdef"):
        raise ProtocolError(f"{found!r} is no SHA-256")
    return found


def _jpeg(answer: Answer) -> bytes:
    if not answer.blob.startswith(b"\xff\xd8"):
        raise ProtocolError("a picture that is no JPEG")
    return answer.blob
