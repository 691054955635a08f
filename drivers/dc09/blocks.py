"""Pure: the data of SIA-DCS and ADM-CID messages, taken apart (DC-03 5.2.1, DC-05; protocols.md 3.3 and 3.4)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.dc09.codec import Unreadable

_CID = re.compile(r"#[0-9A-F]{3,16}\|([136])([0-9A-F]{3}) ?([0-9A-F]{2}) ?([0-9A-F]{3})", re.IGNORECASE)

_DCS_ACCOUNT = re.compile(r"#[0-9A-F]{3,16}", re.IGNORECASE)
#: A modifier (two small letters and a number) or an event (two capitals and an address); units and words may follow.
_PACKET = re.compile(
    r"(?:(?P<modifier>[a-z]{2})(?P<value>[0-9.:-]*)|(?P<code>[A-Z]{2})(?P<address>[0-9A-F:-]*))"
    r"(?:\*[^/^]*)?(?:\^(?P<text>[^^]*)\^?)?(?:/|$|(?=[A-Za-z]))"
)

#: Events of one message at most, and letters of an address or of a modifier's value: the rest is no event any more.
MOST_EVENTS = 64
_MOST_LETTERS = 16

#: Blocks with events: new ones, and ones that the panel had kept. A block of text speaks of the events before it.
_EVENT_BLOCKS = "NO"
_TEXT_BLOCK = "A"


@dataclass(frozen=True, slots=True, kw_only=True)
class CidBlock:
    """`#acct|QEEE GG ZZZ`. Code, group and zone as they were written: some panels number zones in hex."""

    qualifier: int
    code: str
    group: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DcsPacket:
    """One event of a block, with the modifiers that stood before it; `address` is empty where it has none."""

    code: str
    address: str
    modifiers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DcsBlocks:
    """Everything that a SIA-DCS message says.

    `other` are functions of blocks that carry no events we know how to read; `damaged`: a block goes on with something
    that is neither modifier nor event, or with more events than a message has.
    """

    packets: tuple[DcsPacket, ...]
    other: tuple[str, ...] = ()
    text: str = ""
    damaged: bool = False


def read_cid(data: bytes) -> CidBlock:
    """Take the data of an ADM-CID message apart. Raises Unreadable."""
    found = _CID.fullmatch(readable(data))
    if found is None:
        raise Unreadable("the Contact ID block is not built as #acct|QEEE GG ZZZ")
    qualifier, code, group, zone = found.groups()
    return CidBlock(qualifier=int(qualifier), code=code.upper(), group=group.upper(), zone=zone.upper())


def read_dcs(data: bytes) -> DcsBlocks:
    """Take the data of a SIA-DCS message apart. Raises Unreadable."""
    account, *blocks = readable(data).split("|")
    if not _DCS_ACCOUNT.fullmatch(account) or not any(blocks):
        raise Unreadable("the SIA block does not begin with #acct|")
    packets: list[DcsPacket] = []
    other: list[str] = []
    texts: list[str] = []
    damaged = False
    for block in filter(None, blocks):
        if block[0] in _EVENT_BLOCKS:
            end = _read_packets(block[1:], packets)
            damaged = damaged or end < len(block) - 1
        elif block[0] == _TEXT_BLOCK:
            texts.append(block[1:])
        else:
            other.append(block[0])
    if not packets:
        raise Unreadable("the SIA block names no event")
    return DcsBlocks(packets=tuple(packets), other=tuple(other), text=" ".join(texts), damaged=damaged)


def _read_packets(block: str, packets: list[DcsPacket]) -> int:
    """Add the events of a block; how far it could be read."""
    modifiers: dict[str, str] = {}
    at = 0
    while at < len(block):
        found = _PACKET.match(block, at)
        if found is None or len(packets) == MOST_EVENTS:
            break
        at = found.end()
        if found["modifier"]:
            modifiers[found["modifier"]] = found["value"][:_MOST_LETTERS]
        else:
            packets.append(
                DcsPacket(
                    code=found["code"],
                    address=found["address"][:_MOST_LETTERS],
                    modifiers=dict(modifiers),
                    text=found["text"] or "",
                )
            )
    return at


def readable(data: bytes) -> str:
    """A panel's text: UTF-8 as far as it is, without control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in data.decode("utf-8", "replace"))
