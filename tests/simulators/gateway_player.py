"""A hand-written little publisher that plays a gateway towards the county: events, state, receipts, commands."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import Literal

from paho.mqtt.client import Client, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

STREAM_STARTED = "campus.gateway.stream-started.v1"
RAISED = "campus.alarm.raised.v1"


class GatewayPlayer:
    """One site on one connection. `receipts` and `commands` are what it was sent, in order of arrival."""

    def __init__(
        self, port: int, protocol: Literal["5", "3.1.1"], site: str = "s1", county: str = "330106"
    ) -> None:
        self.root = f"campus/1/{county}/{site}"
        self.source = f"/campus/{county}/{site}"
        self.stream = str(uuid.uuid4())
        self.receipts: list[dict[str, object]] = []
        self.raw_receipts: list[bytes] = []
        self.commands: list[tuple[bytes, bool]] = []
        self.answers: dict[str, bytes] = {}
        self._subscribed = asyncio.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"gateway-{site}",
            protocol=MQTTv5 if protocol == "5" else MQTTv311,
        )
        self._client.connect_async("127.0.0.1", port, 30)

    async def start(self) -> None:
        """Connect and subscribe."""
        loop = asyncio.get_running_loop()

        def on_connect(client: Client, *_: object) -> None:
            client.subscribe([(f"{self.root}/receipt", 1), (f"{self.root}/command", 1)])

        def on_subscribe(*_: object) -> None:
            loop.call_soon_threadsafe(self._subscribed.set)

        def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
            loop.call_soon_threadsafe(self._came, message)

        self._client.on_connect = on_connect
        self._client.on_subscribe = on_subscribe
        self._client.on_message = on_message
        self._client.loop_start()
        async with asyncio.timeout(10):
            await self._subscribed.wait()

    async def stop(self) -> None:
        """Leave."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def event(self, sequence: int, /, **changes: object) -> bytes:
        """An event of the contract; number 1 is stream-started, the others are alarms."""
        body: dict[str, object] = {
            "specversion": "1.0",
            "id": str(uuid.uuid5(uuid.UUID(self.stream), str(sequence))),
            "source": self.source,
            "type": STREAM_STARTED if sequence == 1 else RAISED,
            "subject": "gateway" if sequence == 1 else "1/0",
            "time": "2026-11-21T09:30:00.123Z",
            "datacontenttype": "application/json",
            "stream": self.stream,
            "sequence": str(sequence),
            "data": {"reason": "first", "previous_stream": None, "previous_sequence": None}
            if sequence == 1
            else {},
        }
        return json.dumps(body | changes).encode()

    async def send(self, *sequences: int, **changes: object) -> None:
        """Publish these numbers, each on the topic of its type."""
        for sequence in sequences:
            await self.publish(
                "event/device" if sequence == 1 else "event/alarm", self.event(sequence, **changes)
            )

    async def publish(self, below: str, payload: bytes, *, qos: int = 1, retained: bool = False) -> None:
        """Publish under the root, and wait for the broker's acknowledgement."""
        sent = self._client.publish(f"{self.root}/{below}", payload, qos=qos, retain=retained)
        await asyncio.to_thread(sent.wait_for_publish, 10)
        assert sent.is_published()

    async def pour(self, first: int, last: int) -> None:
        """Publish all these numbers without waiting for each."""
        for sequence in range(first, last + 1):
            below = "event/device" if sequence == 1 else "event/alarm"
            sent = self._client.publish(f"{self.root}/{below}", self.event(sequence), qos=1)
        await asyncio.to_thread(sent.wait_for_publish, 60)

    async def say(self, below: str, body: Mapping[str, object]) -> None:
        """Publish a retained JSON."""
        await self.publish(below, json.dumps(body).encode(), retained=True)

    def receipt(self) -> dict[str, object]:
        """The newest receipt."""
        return self.receipts[-1] if self.receipts else {}

    def _came(self, message: MQTTMessage) -> None:
        payload = bytes(message.payload)
        if message.topic.endswith("/receipt"):
            self.raw_receipts.append(payload)
            if payload.startswith(b'{"stream":"' + self.stream.encode()):
                self.receipts.append(json.loads(payload))
            return
        self.commands.append((payload, message.retain))
        for part, answer in self.answers.items():
            if part.encode() in payload:
                self._answer(message, answer)

    def _answer(self, message: MQTTMessage, answer: bytes) -> None:
        topic = getattr(message.properties, "ResponseTopic", f"{self.root}/command/result")
        self._client.publish(topic, answer, qos=1)
