"""Fuzz target (atheris): any bytes, in any pieces, never break the Contact ID codec or make it hold more than its bound.

Run: python -m tests.fuzz.fuzz_contact_id -max_total_time=60
"""

import sys

from drivers.contact_id import SPEC
from drivers.contact_id.codec import LONGEST, ContactId, Frame, Framer, Heartbeat, account_of, parse, trimmed
from drivers.contact_id.meaning import Accounts
from drivers.contact_id.settings import BusKeys, ContactIdConnection, DeviceKeys, PointKeys
from gateway.driver import ConnectedDevice, ConnectedPoint, Connection
from gateway.model import Kind, Notice, Signal

CONNECTION: ContactIdConnection = Connection(
    id="receiver",
    driver=SPEC.name,
    shared=True,
    settings=BusKeys(serial="/dev/null"),
    devices=(
        ConnectedDevice(
            id="panel",
            settings=DeviceKeys(account="1234"),
            points=(
                ConnectedPoint(id="button", kind=Kind.PANIC, returns=True, settings=PointKeys(address=1)),
            ),
        ),
    ),
)
ACCOUNTS = Accounts(CONNECTION)


def one_input(data: bytes) -> None:
    """The first byte says how long the pieces are; the frames must not depend on it."""
    size = data[0] % 32 + 1 if data else 1
    whole, pieces = Framer(), Framer()
    at_once = list(whole.feed(data))
    in_pieces: list[Frame] = []
    for start in range(0, len(data), size):
        in_pieces += pieces.feed(data[start : start + size])
        assert len(pieces.begun) <= LONGEST
    assert at_once == in_pieces
    assert whole.begun == pieces.begun
    for frame in at_once:
        assert len(frame.data) <= LONGEST
        message = trimmed(frame.data)
        parsed = parse(message)
        if isinstance(parsed, Heartbeat):
            continue
        saying = ACCOUNTS.saying(message, parsed)
        assert saying.told
        assert all(isinstance(part, Signal | Notice) for part in saying.told)
        assert saying.device is None or account_of(parsed)
        if isinstance(parsed, ContactId):
            assert len(message) in {20, 22}


def main() -> None:
    """Fuzz until libFuzzer's own options end it."""
    import atheris  # noqa: PLC0415 - it is not needed to collect the tests

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
