"""What a county gone mad sends: receipts and commands that are wrong in every way we could think of."""

import json

from simulators.county.wire import Receipt

_DEEP = b"[" * 5000 + b"]" * 5000


def receipts(truth: Receipt) -> list[bytes]:
    """Receipts that are none. Not one of them may confirm, move or break anything."""
    stream = truth.stream

    def body(**changes: object) -> bytes:
        return json.dumps({"stream": stream, "upto": 0, "also": [], "missing": []} | changes).encode()

    return [
        b"",
        b"receipt",
        b"\xff\xfe\x00rubbish",
        b"null",
        b"[]",
        b"{}",
        _DEEP,
        bytes(64 * 1024),
        b'{"stream": "' + stream.encode() + b'", "upto": 1e400}',
        body(stream=None),
        body(stream="00000000-0000-4000-8000-000000000000", upto=10**6),
        body(upto=-1),
        body(upto="7"),
        body(upto=True),
        body(upto=1.5),
        body(upto=10**30),
        body(also="all"),
        body(also=[[9, 3]]),
        body(also=[[1]]),
        body(also=[[0, -5]]),
        body(also=[[1, 10**18]]),
        body(missing=[0, -1, "one", None, 10**18]),
        body(missing={"a": 1}),
    ]


def beyond(truth: Receipt) -> bytes:
    """More than was ever sent."""
    return Receipt(stream=truth.stream, upto=truth.upto + 1000).encode()


def back(truth: Receipt) -> bytes:
    """Less than was confirmed before."""
    return Receipt(stream=truth.stream, upto=max(0, truth.upto - 10)).encode()


def commands() -> list[bytes]:
    """Commands that are none: each is to be refused or ignored, and none may do anything."""
    issued = "2020-01-01T00:00:00.000Z"
    return [
        b"",
        b"open the gate",
        b"\xff\xfe\x00rubbish",
        b"[1, 2, 3]",
        _DEEP,
        bytes(64 * 1024),
        b"{}",
        json.dumps({"id": "rubbish-1"}).encode(),
        json.dumps({"id": 7, "type": "acknowledge", "issued": issued}).encode(),
        json.dumps({"id": "rubbish-2", "type": "self-destruct", "issued": issued}).encode(),
        json.dumps(
            {"id": "rubbish-3", "type": "acknowledge", "issued": issued, "alarm": "../../etc"}
        ).encode(),
        json.dumps(
            {"id": "rubbish-4", "type": "drill", "issued": issued, "zone": "all", "minutes": 60}
        ).encode(),
        json.dumps(
            {"id": "rubbish-5", "type": "resend", "issued": issued, "stream": "x", "from": 9, "to": -1}
        ).encode(),
        json.dumps(
            {"id": "rubbish-6", "type": "clip", "issued": issued, "from": issued, "to": "later"}
        ).encode(),
        json.dumps({"id": "x" * 100_000, "type": "report", "issued": issued, "day": "never"}).encode(),
    ]
