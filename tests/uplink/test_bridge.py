"""The bridge to paho: one connection, opened, used, lost; whatever the other side sends."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.site import BrokerSettings
from gateway.uplink.bridge import Bridge
from gateway.uplink.messages import Ack, Inbound, LinkDown, LinkRefused, Message
from simulators.port import ReservedPort
from tests.mosquitto import mosquitto
from tests.wait import until

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Ears:
    """What a bridge has told."""

    def __init__(self) -> None:
        self.acks: list[Ack] = []
        self.turns = 0
        self.inbound: list[Inbound] = []

    def on_acks(self, acks: Sequence[Ack]) -> None:
        """One turn's acknowledgements."""
        self.turns += 1
        self.acks += acks

    def on_inbound(self, messages: Sequence[Inbound]) -> None:
        """One turn's messages."""
        self.inbound += messages


def make(port: int, ears: Ears, *, protocol: str = "5", most: int = 20, client_id: str = "bridge") -> Bridge:
    settings = BrokerSettings.model_validate({"host": "127.0.0.1", "port": port, "protocol": protocol})
    return Bridge(
        settings,
        client_id=client_id,
        password="",
        will=Message(topic="will", payload=b"gone", retain=True),
        most_in_flight=most,
        on_acks=ears.on_acks,
        on_inbound=ears.on_inbound,
    )


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """A TCP server that is no broker; gives its port."""
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # the bridge lets go as it likes
            await handler(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.wait_for(asyncio.gather(*serving), 10)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_it_carries_both_ways(tmp_path: Path, protocol: str) -> None:
    """Published messages are acknowledged, subscribed ones come in, several to a turn of the loop."""
    async with mosquitto(tmp_path) as broker:
        ears = Ears()
        bridge = make(broker.port, ears, protocol=protocol, most=200)
        await bridge.open()
        await bridge.subscribe(["topic/#"])
        packets = [bridge.publish(Message(topic=f"topic/{n}", payload=b"%d" % n)) for n in range(100)]
        await until(lambda: len(ears.acks) == 100 and len(ears.inbound) == 100)
        assert [ack.packet for ack in ears.acks] == packets
        assert {ack.reason for ack in ears.acks} == {0}
        assert [message.payload for message in ears.inbound] == [b"%d" % n for n in range(100)]
        assert ears.turns < 60
        await bridge.close()
        assert bridge.lost.done()
        with pytest.raises(LinkDown):
            bridge.publish(Message(topic="topic/late", payload=b""))


async def test_no_matching_subscribers_is_told_on_mqtt_5_only(tmp_path: Path) -> None:
    """Reason 0x10 is there on MQTT 5; 3.1.1 has no reasons and says success."""
    async with mosquitto(tmp_path) as broker:
        assert await _reason_of_a_lost_cry(broker.port, "5") == 0x10
        assert await _reason_of_a_lost_cry(broker.port, "3.1.1") == 0


async def _reason_of_a_lost_cry(port: int, protocol: str) -> int:
    ears = Ears()
    bridge = make(port, ears, protocol=protocol)
    await bridge.open()
    bridge.publish(Message(topic="nobody/listens", payload=b"x"))
    await until(lambda: len(ears.acks) == 1)
    await bridge.close()
    return ears.acks[0].reason


async def test_nothing_listens() -> None:
    """A closed port is LinkDown, with the address in its words."""
    reserved = ReservedPort()
    try:
        bridge = make(reserved.number, Ears())
        with pytest.raises(LinkDown, match=f"127.0.0.1:{reserved.number}"):
            await bridge.open()
        bridge.abandon("test")
    finally:
        reserved.release()


async def test_a_name_that_is_none() -> None:
    """A host that can't be looked up is LinkDown too."""
    settings = BrokerSettings(host="no such host." + "x" * 80)
    ears = Ears()
    bridge = Bridge(
        settings,
        client_id="c",
        password="",
        will=Message(topic="w", payload=b""),
        most_in_flight=1,
        on_acks=ears.on_acks,
        on_inbound=ears.on_inbound,
    )
    with pytest.raises(LinkDown):
        await bridge.open()
    bridge.abandon("test")


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [("3.1.1", b"\x20\x02\x00\x01"), ("3.1.1", b"\x20\x02\x00\x05"), ("5", b"\x20\x03\x00\x87\x00")],
)
async def test_a_refusal_is_a_refusal(protocol: str, answer: bytes) -> None:
    """CONNACK codes from the specifications: unacceptable protocol (1), not authorised (5; 0x87 on MQTT 5)."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(answer)
        await writer.drain()

    async with serving(refuse) as port:
        bridge = make(port, Ears(), protocol=protocol)
        with pytest.raises(LinkDown) as failure:
            await bridge.open()
        bridge.abandon("test")
        if answer[-1] != 1:
            assert isinstance(failure.value, LinkRefused)
            assert "uthorized" in str(failure.value)


async def test_the_brokers_limits_are_kept() -> None:
    """Receive Maximum and Maximum Packet Size of an MQTT 5 CONNACK (3.2.2.3.3 and 3.2.2.3.6) become ours."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"\x20\x0b\x00\x00\x08\x21\x00\x07\x27\x00\x00\x10\x00")
        await writer.drain()
        await reader.read()

    async with serving(accept) as port:
        bridge = make(port, Ears(), most=20)
        await bridge.open()
        assert (bridge.most_in_flight, bridge.most_bytes) == (7, 4096)
        bridge.abandon("test")


async def test_no_bytes_break_it() -> None:
    """Fuzzing: after any start, random bytes end the connection or wait for more; nothing else is ever raised."""
    dice = random.Random(7)
    starts = [b"", b"\x20\x03\x00\x00\x00", b"\x20\x02\x00\x00"]
    kinds = [0x20, 0x30, 0x32, 0x34, 0x40, 0x50, 0x62, 0x70, 0x90, 0xB0, 0xD0, 0xE0, 0xF0]

    def rubbish() -> bytes:
        body = dice.randbytes(dice.randrange(0, 60))
        kind = dice.choice(kinds) if dice.random() < 0.8 else dice.randrange(256)
        return dice.choice(starts) + bytes([kind, len(body)]) + body + dice.randbytes(dice.randrange(0, 30))

    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        for _ in range(3):
            writer.write(rubbish())
        await writer.drain()

    unexpected: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unexpected.append(context))
    async with serving(lie) as port:
        for attempt in range(300):
            bridge = make(port, Ears(), protocol="5" if attempt % 2 else "3.1.1")
            try:
                await bridge.open()
                bridge.publish(Message(topic="a", payload=b"b"))
                await asyncio.wait_for(asyncio.shield(bridge.lost), 5)
            except LinkDown:
                pass
            finally:
                bridge.abandon("test")
    assert unexpected == []


async def test_cancelling_while_it_opens_lets_go() -> None:
    """Cancelled in mid-opening, it leaves no socket behind."""
    arrived = asyncio.Event()
    gone = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        while await reader.read(1000):
            pass
        gone.set()

    async with serving(mute) as port:
        bridge = make(port, Ears())
        opening = asyncio.create_task(bridge.open())
        await arrived.wait()
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        bridge.abandon("test")
        await asyncio.wait_for(gone.wait(), 5)
