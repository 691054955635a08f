"""The receiver's messages on the wire: where they end, and which fields they have (Sur-Gard automation protocol).

Sources, as in README.md: MLR2-E installation manual p. 42, MLR2-DG manual p. 43 and, for headers with a line number of
three digits, SG Automation Output p. 15.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

DC4 = b"\x14"
ACK = b"\x06"
NAK = b"\x15"

#: The longest message, without its DC4, in bytes. All that the manuals show are shorter than 40.
LONGEST = 128


@dataclass(frozen=True, slots=True)
class Frame:
    """What came up to a DC4, without it; `whole` is false where it was longer than `LONGEST` and is cut."""

    data: bytes
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The receiver is there."""

    receiver: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactId:
    """A Contact ID event: `E` new event or opening, `R` restore or closing, `P` previous event."""

    receiver: str
    line: str
    account: str
    qualifier: Literal["E", "R", "P"]
    code: str
    group: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sia:
    """A SIA event: two letters and a zone or user, which may be missing."""

    receiver: str
    line: str
    account: str
    code: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A message of a receiver whose meaning depends on how a panel is programmed, or is not known here.

    `account` is empty where it is not known in which place it stands.
    """

    receiver: str
    line: str
    account: str = ""


Parsed = Heartbeat | ContactId | Sia | Other

_HEADER = r"(?P<receiver>[0-9A-F]{2})(?P<line>[0-9A-F]|[0-9]{3})"
_HEARTBEAT = re.compile(rf"1{_HEADER} +@ *")
_CONTACT_ID = re.compile(
    rf"5{_HEADER} (?:18|98)(?P<account>[0-9A-F]{{4}})(?P<qualifier>[ERP])"
    r"(?P<code>[0-9A-F]{3})(?P<group>[0-9A-F]{2})(?P<number>[0-9A-F]{3})"
)
_SIA = re.compile(
    rf"3{_HEADER} {{4}}(?P<account>[ 0-9A-F]{{5}}[0-9A-F])(?P<code>[A-Z]{{2}})(?P<number>[ 0-9A-F]{{0,4}})"
)
_BASIC = re.compile(rf"1{_HEADER} {{4}}(?P<account>[ 0-9A-F]{{5}}[0-9A-F]) [ -~]{{1,12}}")
_OTHER = re.compile(rf"[0246-9A-Z]{_HEADER}[ -~]*")
_SHAPES: tuple[tuple[re.Pattern[str], Callable[..., Parsed]], ...] = (
    (_HEARTBEAT, Heartbeat),
    (_CONTACT_ID, ContactId),
    (_SIA, Sia),
    (_BASIC, Other),
    (_OTHER, Other),
)


class Framer:
    """Cuts what comes into frames. It holds `LONGEST` bytes at most; what is longer goes on to the next DC4."""

    def __init__(self) -> None:
        self._begun = bytearray()
        self._too_long = False

    @property
    def begun(self) -> bytes:
        """What has come of a frame that has not ended."""
        return bytes(self._begun)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that end in these bytes. Read it to its end before the next call."""
        *ends, rest = data.split(DC4)
        for end in ends:
            self._take(end)
            yield Frame(bytes(self._begun), whole=not self._too_long)
            self._begun.clear()
            self._too_long = False
        self._take(rest)

    def _take(self, data: bytes) -> None:
        room = LONGEST - len(self._begun)
        self._begun += data[:room]
        self._too_long |= len(data) > room


def parse(data: bytes) -> Parsed | None:
    """The fields of a message without its DC4; None where it is damaged: no message that a receiver would send."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        return None
    for shape, made in _SHAPES:
        if match := shape.fullmatch(text):
            return made(**{name: field.strip() for name, field in match.groupdict().items()})
    return None


def account_of(parsed: Parsed | None) -> str:
    """The account in a message; empty where it has none."""
    return "" if parsed is None or isinstance(parsed, Heartbeat) else parsed.account


def is_text(data: bytes) -> bool:
    """Whether the bytes are printable: the line is set right, so what can't be read is not the line's fault."""
    return bool(data) and all(0x20 <= byte < 0x7F for byte in data)


def trimmed(data: bytes) -> bytes:
    """Without the line ends and NULs that some receivers put around a message."""
    return data.strip(b"\r\n\0")
