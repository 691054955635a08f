"""What is laid over paho's own reading and writing: whole packets in order, whatever the line takes at a time."""

import asyncio
import socket

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.uplink.loopsocket import LoopSocket
from gateway.uplink.quickclient import READ_BYTES, QuickClient
from tests.wait import until

CONNACK = bytes.fromhex("2003000000")  # MQTT 5: no session, success, no properties
PUBACK = bytes.fromhex("4002")
PUBLISH = 0x32  # QoS 1


class Peer:
    """A broker's end of the line, by hand: it takes the connection and then only what it is told to."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.line: socket.socket | None = None

    def accept(self) -> socket.socket:
        """Take the connection."""
        self.line, _ = self._listener.accept()
        self.line.settimeout(0.0)
        return self.line

    def close(self) -> None:
        """Let go of everything."""
        self._listener.close()
        if self.line is not None:
            self.line.close()

    def taken(self) -> bytes:
        """All that has come so far."""
        assert self.line is not None
        found = bytearray()
        while True:
            try:
                data = self.line.recv(1 << 20)
            except BlockingIOError:
                return bytes(found)
            if not data:
                return bytes(found)
            found += data


def packets(stream: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """(first byte, rest) of each whole packet, and what is left over."""
    found, at = [], 0
    while at < len(stream):
        length, shift, begin = 0, 0, at + 1
        while begin < len(stream):
            length |= (stream[begin] & 0x7F) << shift
            shift += 7
            begin += 1
            if not stream[begin - 1] & 0x80:
                break
        if begin + length > len(stream):
            break
        found.append((stream[at], stream[begin : begin + length]))
        at = begin + length
    return found, stream[at:]


class Line:
    """A client and its peer, connected."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []
        self.peer = Peer()
        self.client = QuickClient(
            CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5, reconnect_on_failure=False
        )
        self.client.max_inflight_messages = 1000
        self.client.on_publish = lambda _c, _d, number, _reason, _properties: self.acknowledged.append(number)
        self.socket: LoopSocket | None = None

    async def connect(self) -> socket.socket:
        """Shake hands."""
        self.client.connect("127.0.0.1", self.peer.port)
        line = self.peer.accept()
        self.socket = LoopSocket(self.client)
        assert self.socket.attach()
        await until(lambda: b"MQTT" in self.peer.taken())
        line.sendall(CONNACK)
        await until(self.client.is_connected)
        return line

    def close(self) -> None:
        """Let go."""
        if self.socket is not None:
            self.socket.stop()
            self.socket.close()
        self.peer.close()


@pytest.fixture
def line() -> Line:
    return Line()


async def test_a_line_that_takes_little_gets_whole_packets_in_order(line: Line) -> None:
    """Far more than one write holds: the client says that bytes wait, and at last all have come, in order."""
    try:
        await line.connect()
        assert line.socket is not None
        sent = []
        for number in range(400):
            sent.append(b"%06d" % number + b"x" * 20_000)
            line.client.publish("t", sent[-1], qos=1)
            if number % 20 == 0:
                await asyncio.sleep(0)
        await until(lambda: line.socket is not None and line.socket.is_blocked)

        stream = bytearray()

        def all_came() -> bool:
            stream.extend(line.peer.taken())
            return len(packets(bytes(stream))[0]) == len(sent)

        await until(all_came)

        found, rest = packets(bytes(stream))
        assert rest == b""
        assert [first for first, _ in found] == [PUBLISH] * len(sent)
        assert [body[-20_006:] for _, body in found] == sent
        await until(lambda: line.socket is not None and not line.socket.is_blocked)
        assert not line.client.want_write()
    finally:
        line.close()


async def test_acknowledgements_are_heard_however_they_are_cut(line: Line) -> None:
    """Many in one read, more than one read holds, and one byte at a time: each is heard once, plain or with a reason."""
    try:
        wire = await line.connect()
        numbers = [line.client.publish("t", b"x", qos=1).mid for _ in range(600)]
        together, single, reasoned = numbers[:500], numbers[500:599], numbers[599]
        wire.sendall(b"".join(PUBACK + number.to_bytes(2, "big") for number in together))
        await until(lambda: line.acknowledged == together)
        for number in single:
            for byte in PUBACK + number.to_bytes(2, "big"):
                wire.sendall(bytes([byte]))
                await asyncio.sleep(0)
        wire.sendall(bytes.fromhex("4003") + reasoned.to_bytes(2, "big") + b"\x10")  # no matching subscribers

        await until(lambda: len(line.acknowledged) == len(numbers))

        assert line.acknowledged == numbers
    finally:
        line.close()


async def test_more_than_one_read_is_dealt_with_at_once(line: Line) -> None:
    """What is left of a read is not forgotten until something else comes."""
    heard: list[bytes] = []
    line.client.on_message = lambda _client, _data, message: heard.append(bytes(message.payload))
    try:
        wire = await line.connect()
        body = b"\x00\x01t\x00" + b"y" * 1000
        packet = b"\x30" + bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) + body
        count = 3 * READ_BYTES // len(packet)
        wire.settimeout(5)
        await asyncio.to_thread(wire.sendall, packet * count)

        await until(lambda: len(heard) == count)

        assert set(heard) == {b"y" * 1000}
    finally:
        line.close()


async def test_a_sender_without_end_does_not_keep_the_loop(line: Line) -> None:
    """I9: one call deals with what one read gives, however much waits behind it; others have their turn in between."""
    heard: list[bytes] = []
    line.client.on_message = lambda _client, _data, message: heard.append(bytes(message.payload))
    try:
        wire = await line.connect()
        body = b"\x00\x01t\x00" + b"y" * 100
        packet = b"\x30" + bytes([len(body)]) + body
        wire.settimeout(5)
        assert line.socket is not None
        await asyncio.to_thread(wire.sendall, packet * (20 * READ_BYTES // len(packet)))
        heard.clear()
        line.client.loop_read()
        assert len(heard) <= READ_BYTES // len(packet) + 1
    finally:
        line.close()


async def test_a_goodbye_goes_out_after_all_that_was_said_before(line: Line) -> None:
    """Paho closes the socket right after DISCONNECT: what was gathered goes out before it."""
    try:
        await line.connect()
        line.client.publish("t", b"last words", qos=1)
        line.client.disconnect()
        line.client.loop_write()
        stream = bytearray()

        def has_ended() -> bool:
            stream.extend(line.peer.taken())
            return len(packets(bytes(stream))[0]) == 2

        await until(has_ended)

        (publish, goodbye), rest = packets(bytes(stream))
        assert publish[1].endswith(b"last words")
        assert goodbye[0] == 0xE0
        assert rest == b""
    finally:
        line.close()


def test_paho_has_what_is_overridden() -> None:
    """Should paho rename one of these, quickclient.py is to be looked at before paho's new series is allowed."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    for name in (
        "_sock_recv",
        "_sock_send",
        "_packet_write",
        "_handle_pubackcomp",
        "_do_on_publish",
        "_in_packet",
    ):
        assert hasattr(client, name)
