"""Fuzz target: the stream decoder and the application data of GB/T 26875.3, fed any bytes in any pieces.

Run it with atheris installed: `python -m tests.fuzz.fuzz_gb26875 -max_total_time=60 [CORPUS]`.
"""

import sys
from zoneinfo import ZoneInfo

from drivers.gb26875.codec import MAX_FRAME, Damage, Frame, StreamDecoder, encode
from drivers.gb26875.content import decode

_SHANGHAI = ZoneInfo("Asia/Shanghai")


def one_input(data: bytes) -> None:
    """The first bytes say how to cut the rest, half of which is mended into frames so that the inside is reached."""
    cut, mend, rest = 1 + data[0] if data else 1, len(data) > 1 and data[1] & 1, data[2:]
    stream = _mended(rest) if mend else rest
    decoder = StreamDecoder()
    for at in range(0, len(stream), cut):
        for found in decoder.feed(stream[at : at + cut]):
            if decoder.held > 2 * MAX_FRAME:
                raise AssertionError(f"{decoder.held} bytes are held")
            _check(found, stream)
        if decoder.held >= MAX_FRAME:
            raise AssertionError(f"{decoder.held} bytes are held between two reads")
    for found in decoder.abandon():
        _check(found, stream)
    if decoder.held:
        raise AssertionError("bytes are left after the end")


def _check(found: Frame | Damage, stream: bytes) -> None:
    if isinstance(found, Frame):
        if encode(found) not in stream:
            raise AssertionError(f"{found} does not make the bytes that it was made of")
        decode(found.data, _SHANGHAI)
    elif len(found.data) > 64 or not found.why:
        raise AssertionError(f"{found} is no report of damage")


def _mended(data: bytes) -> bytes:
    """The bytes as the application data of a frame that is right."""
    head, body = data[:25].ljust(25, b"\0"), data[25 : 25 + 1024]
    inside = head[:22] + len(body).to_bytes(2, "little") + head[24:25] + body
    return b"@@" + inside + bytes((sum(inside) & 0xFF,)) + b"##" + data[25 + 1024 :]


def main() -> None:
    """Run until libFuzzer's own options end it."""
    import atheris  # noqa: PLC0415 - wanted only here, and not among the test requirements

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
