"""Pure: what a message says of the site file's points: signals, notices, or that it could not be understood."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from drivers import ademco
from drivers.dc09 import codes
from drivers.dc09.blocks import CidBlock, DcsPacket, read_cid, read_dcs, readable
from drivers.dc09.codec import Content, Unreadable, parse_stamp
from drivers.dc09.settings import Dc09Device, Dc09Point, same_address
from gateway.model import Kind, Level, Message, Notice, Origin, Severity, Signal
from gateway.policy.severity import severity_of

#: A panel's time is believed if it is not further ahead of ours, nor further back: panels keep what they could not send.
_AHEAD = timedelta(seconds=20)
_BACK = timedelta(days=30)

#: How much of a message that was not understood is kept in its alarm, in hex digits, and of a panel's words, in letters.
_UNPARSED_DIGITS = 2048
_WORDS = 200

_SEVERITIES = list(Severity)
_TROUBLE = frozenset({Kind.TAMPER, Kind.FAULT, Kind.BATTERY})


@dataclass(frozen=True, slots=True)
class Meaning:
    """What there is to journal, and whether the panel is told that its message could not be processed (DUH)."""

    message: Message
    understood: bool


def meaning_of(
    device: Dc09Device, token: str, content: Content | None, record: bytes, now: datetime | None
) -> Meaning:
    """What a message says. `record` is what is kept of it; `content` is None where it could not be taken apart.

    `now` is None while our clock is not trusted: then it can't be told whether the panel's time is plausible, so it is
    not used. A code that is in no table makes an alarm of its own, with the bytes; so does what can't be read.
    """
    try:
        signals, notices, reset = _read(device, token, content, now)
    except Unreadable as error:
        signals, notices, reset, understood = (_unparsed(device.id, str(error), record),), (), False, False
    else:
        understood = True
        signals = tuple(_once(_with_bytes(signal, device.id, record) for signal in signals))
    return Meaning(
        Message(
            device=device.id,
            account=device.id,
            data=record,
            signals=signals,
            notices=notices,
            reset=reset,
        ),
        understood,
    )


_Told = tuple[tuple[Signal, ...], tuple[Notice, ...], bool]


def _read(device: Dc09Device, token: str, content: Content | None, now: datetime | None) -> _Told:
    if content is None:
        raise Unreadable("its content is not built as DC-09 says")
    at = _occurred_at(content, now)
    words = _clipped(content.extension("I"))
    if token == "ADM-CID":  # noqa: S105 - the message's token, no secret
        block = read_cid(content.data)
        told = [_cid(device, block, at, words)]
        reset = block.code.isdecimal() and ademco.is_reset(block.qualifier, int(block.code))
    elif token == "SIA-DCS":  # noqa: S105 - the same
        blocks = read_dcs(content.data)
        words = " ".join(filter(None, (_clipped(blocks.text.encode()), words)))
        told = [said for packet in blocks.packets for said in _dcs(device, packet, at, words)]
        told += [
            _unknown(device.id, f"a block of function {function} is not known") for function in blocks.other
        ]
        if blocks.damaged:
            told.append(_unknown(device.id, "a block goes on with something that is no event"))
        reset = False
    else:
        raise Unreadable("messages of this type are not known")
    if content.damaged:
        told.append(_unknown(device.id, "something behind its data is not built as DC-09 says"))
    return (
        tuple(said for said in told if isinstance(said, Signal)),
        tuple(said for said in told if isinstance(said, Notice)),
        reset,
    )


# ADM-CID


def _cid(device: Dc09Device, block: CidBlock, at: datetime | None, words: str) -> Signal | Notice:
    """By the table that all drivers share; it counts zones in decimal, so a zone in hex is put in afterwards."""
    point = _point(device, block.zone)
    decimal = block.zone.isdecimal()
    number = int(block.zone) if decimal else 0
    said = None
    if block.code.isdecimal():
        said = ademco.signal_of(
            device.id,
            {} if point is None else {number: point},
            qualifier=block.qualifier,
            code=int(block.code),
            number=number,
            group=int(block.group) if block.group.isdecimal() else 0,
            occurred_at=at,
            text=words if decimal else ", ".join(filter(None, (f"zone {block.zone}", words))),
        )
    if said is None:
        return _unknown(device.id, f"Contact ID code {block.code} of zone {block.zone} is not known")
    if isinstance(said, Signal) and point is None and not decimal:
        return replace(said, point=f"{device.id}:{block.code}.{block.zone}")
    return said


# SIA-DCS


def _dcs(device: Dc09Device, packet: DcsPacket, at: datetime | None, words: str) -> Iterator[Signal | Notice]:
    event = codes.EVENTS.get(packet.code)
    if event is None:
        yield _unknown(device.id, f"SIA code {packet.code} of zone {packet.address or '-'} is not known")
        return
    if event.happening is not None:
        yield _notice(device, packet, event.happening, at, words)
    for condition in event.conditions:
        point = _point(device, packet.address) if condition.numbers == "zone" and packet.address else None
        yield Signal(
            device=device.id,
            point=point.id if point else _address(device, packet, condition),
            kind=_kind_at(point, condition) if point else condition.kind,
            level=event.level,
            origin=Origin.EVENT,
            occurred_at=at,
            detail=_detail(packet, condition.what, condition.numbers, words),
        )


def _notice(
    device: Dc09Device, packet: DcsPacket, happening: codes.Happening, at: datetime | None, words: str
) -> Notice:
    user = packet.modifiers.get("id", "") or (packet.address if happening.numbers == "user" else "")
    return Notice(
        device=device.id,
        what=happening.what,
        detail=_detail(packet, happening.what, happening.numbers, words),
        operator=user.lstrip("0"),
        occurred_at=at,
    )


def _address(device: Dc09Device, packet: DcsPacket, condition: codes.Condition) -> str:
    """An address that no point names. What takes a condition back has the condition's own."""
    where = re.sub(r"[^0-9A-F]", "-", packet.address)
    return f"{device.id}:{condition.code}" + (f".{same_address(where)}" if where else "")


def _kind_at(point: Dc09Point, condition: codes.Condition) -> Kind:
    """A point is what the site file says, unless the panel says worse, or that something is wrong with it."""
    trouble = condition.kind in _TROUBLE and not condition.technical
    worse = _SEVERITIES.index(severity_of(condition.kind)) < _SEVERITIES.index(severity_of(point.kind))
    return condition.kind if trouble or worse else point.kind


def _detail(packet: DcsPacket, what: str, numbers: codes.Numbers, words: str) -> str:
    parts = [f"{what} ({packet.code})", f"{numbers or 'number'} {packet.address}" if packet.address else ""]
    parts += [f"area {area}" if (area := packet.modifiers.get("ri")) else "", packet.text[:_WORDS], words]
    return ", ".join(part for part in parts if part)


# Both


def _point(device: Dc09Device, zone: str) -> Dc09Point | None:
    wanted = same_address(zone)
    return next((point for point in device.points if same_address(point.settings.address) == wanted), None)


def _occurred_at(content: Content, now: datetime | None) -> datetime | None:
    """When it happened (H), else when it was sent; None where that can't be."""
    at = parse_stamp(content.extension("H") or b"") or content.at
    plausible = at is not None and now is not None and now - _BACK <= at <= now + _AHEAD
    return at if plausible else None


def _clipped(text: bytes | None) -> str:
    return readable(text or b"")[:_WORDS]


def _once(signals: Iterable[Signal]) -> Iterator[Signal]:
    """A code that takes several conditions back says it once of each point and kind."""
    told: set[tuple[str, Kind, Level]] = set()
    for signal in signals:
        key = (signal.point, signal.kind, signal.level)
        if signal.level is Level.ACTIVE or key not in told:
            told.add(key)
            yield signal


def _unknown(device: str, why: str) -> Signal:
    return Signal(
        device=device,
        point=f"{device}:unparsed",
        kind=Kind.UNPARSED,
        level=Level.ACTIVE,
        origin=Origin.EVENT,
        detail=why,
    )


def _unparsed(device: str, why: str, record: bytes) -> Signal:
    return _with_bytes(_unknown(device, why), device, record)


def _with_bytes(signal: Signal, device: str, record: bytes) -> Signal:
    """What was not understood is kept as it came, for a person to read."""
    if signal.point != f"{device}:unparsed":
        return signal
    return replace(signal, detail=f"{signal.detail}; it said: {record.hex()[:_UNPARSED_DIGITS]}")
