"""Fuzzes the DC-09 codec: python -m tests.fuzz.fuzz_dc09 -max_total_time=60 (atheris does the rest)."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from drivers.dc09.accounts import Accounts, Stranger
from drivers.dc09.blocks import MOST_EVENTS, DcsBlocks, read_cid, read_dcs
from drivers.dc09.codec import Unreadable, pad_length, parse, parse_content, seal, unseal
from drivers.dc09.events import meaning_of
from drivers.dc09.framing import KEPT_BYTES, MOST_BYTES, MOST_CANDIDATES, FrameStream, Garbage, wrap
from drivers.dc09.keys import Keyring
from drivers.dc09.repetitions import Repetitions
from drivers.dc09.settings import BusKeys, Dc09Connection, DeviceKeys, PointKeys
from drivers.dc09.window import out_of_time
from gateway.driver import ConnectedDevice, ConnectedPoint, Connection
from gateway.model import ID_PATTERN, Kind

KEY = bytes(range(16))
NOW = datetime(2026, 9, 1, tzinfo=UTC)
BUTTON = ConnectedPoint(id="button", kind=Kind.PANIC, returns=True, settings=PointKeys(address=1))
PANEL = ConnectedDevice(
    id="panel",
    settings=DeviceKeys(account="1234", key_file=Path("panel.key"), encryption="optional"),
    points=(BUTTON,),
)
RECEIVER: Dc09Connection = Connection(
    id="receiver",
    driver="dc09",
    shared=True,
    settings=BusKeys(),
    devices=(PANEL,),
    secret=lambda _: KEY.hex(),
)
KEYS = Keyring(RECEIVER)
asyncio.run(KEYS.read())
ACCOUNTS = Accounts(RECEIVER, KEYS)

#: Words of one signal at most, in letters: the bytes of what is not understood, and texts of the panel.
MOST_WORDS = 3000


def one_input(data: bytes) -> None:
    """The first byte says how the rest is cut into chunks; whole bodies are also tried without their frame."""
    if not data:
        return
    size, rest = data[0] + 1, data[1:]
    stream = FrameStream()
    for at in range(0, len(rest), size):
        for found in stream.feed(rest[at : at + size]):
            if isinstance(found, Garbage):
                assert len(found.data) <= KEPT_BYTES
            else:
                assert wrap(found).upper() in rest.upper(), "a frame that was never sent"
                try_body(found)
        assert stream.held < MOST_BYTES, "holds more than a frame"
    list(stream.finish())
    assert stream.held == 0
    framed = wrap(rest[: MOST_BYTES // 2])
    if (
        rest[:1] == b'"' and b"\r" not in rest and rest.count(b"\n") < MOST_CANDIDATES
    ):  # no frame within a frame
        assert list(FrameStream().feed(framed)) == [rest[: MOST_BYTES // 2]]
    try_body(rest)
    content = rest[: MOST_BYTES // 4]
    for token in (b"SIA-DCS", b"ADM-CID"):
        try_message(b'"%b"0001L0#1234[#1234|%b' % (token, content))
        secret = seal(KEY, b"#1234|" + content, b"p" * pad_length(b"#1234|" + content))
        try_message(b'"*%b"0001L0#1234[%b' % (token, secret))


def try_message(body: bytes) -> None:
    """Whatever a panel of ours says becomes signals and notices that others can carry, or is a stranger's, or Unreadable."""
    try:
        call = ACCOUNTS.identify(body, "10.0.0.5")
    except Unreadable:
        return
    if isinstance(call, Stranger):
        assert KEY.hex() not in call.why
        return
    out_of_time(call, RECEIVER.settings, NOW)
    assert ACCOUNTS.acknowledge(call, NOW)
    message = meaning_of(call.device, call.frame.token, call.content, call.record, NOW).message
    assert len(message.signals) + len(message.notices) <= MOST_BYTES, "a message without an end"
    for signal in message.signals:
        assert ID_PATTERN.match(signal.point.partition(":")[2] or signal.point), signal.point
        assert len(signal.detail) <= MOST_WORDS
        assert signal.detail.isprintable()
    said = Repetitions(0.0)
    for number in range(3):
        judged = said.judge(call.record, dated=False, now=float(number), stamp=str(number))
        assert judged.data == call.record, "the first word and its repetitions go as they are"
        said.answered(judged.key, float(number))


def try_body(body: bytes) -> None:
    """Nothing but Unreadable comes of any body, and what is read is put together again as it was."""
    try:
        frame = parse(body)
    except Unreadable:
        return
    assert frame.body == body
    try_message(body)
    for content in (frame.content, opened(frame.content)):
        try:
            data = parse_content(content).data
        except Unreadable:
            continue
        for read in (read_cid, read_dcs):
            try:
                known = read(data)
            except Unreadable:
                continue
            if isinstance(known, DcsBlocks):
                assert len(known.packets) <= MOST_EVENTS


def opened(content: bytes) -> bytes:
    """With a key, as far as it fits."""
    try:
        return unseal(KEY, content)
    except Unreadable:
        return b""


def main() -> None:
    """Run until told to stop."""
    import atheris  # noqa: PLC0415 - not needed to import this module, and not there everywhere

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
