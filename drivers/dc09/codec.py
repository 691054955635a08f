"""Pure: what a DC-09 body says, in clear and encrypted, and the answers to it (SIA DC-09, protocols.md 3.1 and 3.2)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from drivers.dc09.framing import wrap

#: A key has so many bytes: AES-128, 192 and 256.
KEY_BYTES = frozenset({16, 24, 32})

#: Pad that an encrypted content begins with, in bytes: at least so many, and up to a block more.
LEAST_PAD = 16
_BLOCK = 16

#: What a pad may not contain: with these the content begins.
PAD_ENDS = b"|[]"

_HEAD = re.compile(
    rb'"(\*?)([A-Z0-9][A-Z0-9-]{0,15})"([0-9]{4})(R[0-9A-Fa-f]{1,6})?(L[0-9A-Fa-f]{0,6})?(#[0-9A-Fa-f]{3,16})?\[',
)
_CONTENT = re.compile(rb"(?P<data>[^\]]*)\](?P<extensions>(?:\[[^\]]*\])*)(?:_(?P<at>.*))?", re.DOTALL)
_EXTENSION = re.compile(rb"\[([A-Z])([^\]]*)\]")
#: The pad ends at a bar; where there are no data (NULL, ACK) at the bracket that ends them.
_PADDED = re.compile(rb"(?:.{16,63}?|[^|\[\]]{0,15})(?:\|(?=[^\[])|(?=\]))(?P<content>[^\]]*\].*)", re.DOTALL)
_AT = re.compile(rb"[0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{2}-[0-9]{2}-[0-9]{4}")
_ACCOUNT_DATA = re.compile(rb"#[0-9A-Fa-f]{3,16}\|")
_KEY_EXTENSION = re.compile(rb"\[K[^\]]*")
_DIGITS = re.compile(rb"[0-9A-Fa-f]{9,}")


class Unreadable(ValueError):  # noqa: N818 - it names what it is about
    """A body or content that can't be understood. Its words are constant: they never carry what was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A body, taken apart as far as it is always in clear. Numbers are kept as they were written: answers echo them.

    `content` is what follows the opening bracket: in clear, or hex digits if `encrypted`. `account` is empty where the
    frame has none, as a NAK, whose `A0` counts as part of `line`.
    """

    token: str
    encrypted: bool
    sequence: str
    receiver: str
    line: str
    account: str
    content: bytes

    @property
    def head(self) -> bytes:
        """The body up to and with the opening bracket."""
        star = "*" if self.encrypted else ""
        account = f"#{self.account}" if self.account else ""
        return f'"{star}{self.token}"{self.sequence}{self.receiver}{self.line}{account}['.encode("ascii")

    @property
    def body(self) -> bytes:
        """What goes between length and CR."""
        return self.head + self.content


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What stands in the brackets, and when. `extensions` are letters with their text; keys (K) are left out.

    `at` is None where there is no time, or none that can be read. `damaged`: there is something behind the data that is
    not built as DC-09 says, as after a bracket in a panel's text.
    """

    data: bytes
    extensions: tuple[tuple[str, bytes], ...] = ()
    at: datetime | None = None
    damaged: bool = False

    def extension(self, letter: str) -> bytes | None:
        """The first extension of that letter."""
        return next((text for known, text in self.extensions if known == letter), None)

    @property
    def encoded(self) -> bytes:
        """As it stands after the opening bracket, in clear."""
        extensions = b"".join(b"[%b%b]" % (letter.encode(), text) for letter, text in self.extensions)
        return b"%b]%b%b" % (self.data, extensions, b"_" + stamp(self.at) if self.at else b"")


def parse(body: bytes) -> Frame:
    """Take a body apart. Raises Unreadable."""
    head = _HEAD.match(body)
    if head is None:
        raise Unreadable("the frame is not built as DC-09 says")
    star, token, sequence, receiver, line, account = (group.decode("ascii") for group in head.groups(b""))
    return Frame(
        token=token,
        encrypted=bool(star),
        sequence=sequence,
        receiver=receiver,
        line=line,
        account=account.removeprefix("#"),
        content=body[head.end() :],
    )


def parse_content(content: bytes) -> Content:
    """Take what follows the opening bracket apart, in clear. Raises Unreadable."""
    found = _CONTENT.fullmatch(content)
    if found is None:
        raise Unreadable("the content is not built as DC-09 says")
    extensions = tuple(
        (letter.decode("ascii"), text)
        for letter, text in _EXTENSION.findall(found["extensions"])
        if letter != b"K"
    )
    return Content(data=found["data"], extensions=extensions, at=parse_stamp(found["at"] or b""))


def read_content(content: bytes) -> Content | None:
    """The same as far as it can be read: an alarm is not less of one for a bracket behind it. None without any data."""
    try:
        return parse_content(content)
    except Unreadable:
        data, bracket, rest = content.partition(b"]")
    return Content(data=data, at=parse_stamp(rest.rpartition(b"_")[2]), damaged=True) if bracket else None


def without_keys(data: bytes) -> bytes:
    """The same without the text of key extensions (K): fit to be kept and shown."""
    return _KEY_EXTENSION.sub(b"[K", data)


def without_digits(data: bytes) -> bytes:
    """Bytes of which nobody knows what they are, without long runs of hex digits: part of a key may be among them."""
    return _DIGITS.sub(b"..", data)


def stamp(moment: datetime) -> bytes:
    """`17:24:14,12-09-2015`: UTC, month first."""
    return moment.astimezone(UTC).strftime("%H:%M:%S,%m-%d-%Y").encode("ascii")


def parse_stamp(text: bytes) -> datetime | None:
    """The moment that it says, or None. Zero bytes that fill a block are overlooked."""
    text = text.rstrip(b"\0")
    if not _AT.fullmatch(text):
        return None
    try:
        return datetime.strptime(text.decode("ascii"), "%H:%M:%S,%m-%d-%Y").replace(tzinfo=UTC)
    except ValueError:
        return None


def parse_key(text: str) -> bytes:
    """A key from its hex digits. Raises ValueError, which never shows any of them."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) not in KEY_BYTES:
        raise ValueError("a key has 32, 48 or 64 hex digits")
    return key


def pad_length(content: bytes) -> int:
    """How many bytes of pad fill a content to whole blocks: 16 to 31, the bar counted with the content."""
    return LEAST_PAD + -(len(content) + _has_bar(content)) % _BLOCK


def seal(key: bytes, content: bytes, pad: bytes) -> bytes:
    """Encrypt a content: hex digits. `pad` has `pad_length(content)` bytes, none of `PAD_ENDS`."""
    plain = pad + b"|" * _has_bar(content) + content
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(_BLOCK))).encryptor()
    return (encryptor.update(plain) + encryptor.finalize()).hex().upper().encode("ascii")


def unseal(key: bytes, sealed: bytes) -> bytes:
    """The content, in clear, without its pad. Raises Unreadable: damaged, or not with this key."""
    try:
        cipher = bytes.fromhex(sealed.decode("ascii"))
    except ValueError:
        cipher = b""
    if not cipher or len(cipher) % _BLOCK:
        raise Unreadable("the content can't be decrypted")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(_BLOCK))).decryptor()
    padded = _PADDED.fullmatch(decryptor.update(cipher) + decryptor.finalize())
    if padded is None or not _is_plausible(padded["content"]):
        raise Unreadable("the content can't be decrypted")
    return padded["content"]


def _is_plausible(content: bytes) -> bool:
    """Whether it can be what a panel wrote: a wrong key makes noise of it. What is badly built is not noise."""
    if _ACCOUNT_DATA.match(content):
        return True
    try:
        return parse_content(content).at is not None
    except Unreadable:
        return False


def _has_bar(content: bytes) -> bool:
    """Data are set off from the pad by a bar; where there are none, the bracket does."""
    return not content.startswith(b"]")


def acknowledge(frame: Frame, *, key: bytes | None, pad: bytes, now: datetime) -> bytes:
    """The ACK to a frame, whole: encrypted, with our time, where the frame was; echoing its numbers."""
    if frame.encrypted and key is not None:
        content = b"]_" + stamp(now)
        return wrap(_answer(frame, "ACK", seal(key, content, pad[: pad_length(content)]), encrypted=True))
    return wrap(_answer(frame, "ACK", b"]", encrypted=False))


def cannot_process(frame: Frame) -> bytes:
    """The DUH to a frame, whole: received well and not understood. Never encrypted."""
    return wrap(_answer(frame, "DUH", b"]", encrypted=False))


def refuse_time(now: datetime) -> bytes:
    """The NAK to an encrypted message from outside the time window, whole, with our time. Never encrypted."""
    return wrap(b'"NAK"0000R0L0A0[]_' + stamp(now))


def _answer(frame: Frame, token: str, content: bytes, *, encrypted: bool) -> bytes:
    return Frame(
        token=token,
        encrypted=encrypted,
        sequence=frame.sequence,
        receiver=frame.receiver,
        line=frame.line,
        account=frame.account,
        content=content,
    ).body
