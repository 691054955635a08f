"""The county's connection to its broker: paho in its own thread, and this narrow bridge to it."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from paho.mqtt.client import (
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
    MQTTv5,
    MQTTv311,
)
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

logger = logging.getLogger(__name__)

Protocol = Literal["5", "3.1.1"]

#: The broker keeps what we miss for so long (MQTT 5; a 3.1.1 broker by its own rules).
SESSION_SECONDS = 7 * 24 * 3600
#: The broker sends so many messages at most before we acknowledge (MQTT 5).
RECEIVE_MAXIMUM = 1000
#: Receipts and commands that wait in paho's memory.
QUEUED_MESSAGES = 1000
KEEPALIVE_SECONDS = 15
STOP_SECONDS = 10.0


class CountyRefused(ConnectionError):  # noqa: N818 - the design's word
    """The broker was not reached, or said no; the message tells which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message as it came, and the means to acknowledge it (from any thread, once it is safe)."""

    topic: str
    payload: bytes
    qos: int
    retained: bool
    received_at: datetime
    received_ns: int
    properties: Properties | None
    acknowledge: Callable[[], None]


class Link:
    """One client identity with a session that the broker keeps. Nothing is acknowledged unless it is told to be.

    `on_message` is called in paho's thread and may block it: that is the back-pressure.
    """

    def __init__(
        self, host: str, port: int, *, protocol: Protocol, client_id: str, topics: Sequence[str]
    ) -> None:
        self.address = (host, port)
        self.is_connected = False
        #: Called on the event loop after each (re)connect.
        self.on_up: Callable[[], None] = lambda: None
        self._protocol = protocol
        self._client_id = client_id
        self._topics = tuple(topics)
        self._client: Client | None = None
        self._connection = 0
        self._refusal = "no answer"
        self._subscribed = asyncio.Event()

    async def start(self, on_message: Callable[[Incoming], None], seconds: float) -> None:
        """Connect and subscribe; from then on it comes back by itself. Raises CountyRefused."""
        loop = asyncio.get_running_loop()
        client = self._make_client()

        def on_connect(
            _client: Client,
            _data: object,
            _flags: ConnectFlags,
            reason: ReasonCode,
            _properties: Properties | None,
        ) -> None:
            if reason.is_failure:
                self._refusal = str(reason)
                return
            self._connection += 1
            client.subscribe([(topic, 1) for topic in self._topics])

        def on_subscribe(
            _client: Client,
            _data: object,
            _mid: int,
            reasons: list[ReasonCode],
            _properties: Properties | None,
        ) -> None:
            refused = [str(reason) for reason in reasons if reason.is_failure]
            if refused:
                self._refusal = f"subscription: {', '.join(refused)}"
                return
            loop.call_soon_threadsafe(self._went_up)

        def on_disconnect(
            _client: Client,
            _data: object,
            _flags: DisconnectFlags,
            reason: ReasonCode,
            _properties: Properties | None,
        ) -> None:
            loop.call_soon_threadsafe(self._went_down, str(reason))

        def on_connect_fail(_client: Client, _data: object) -> None:
            self._refusal = "nobody listens there"

        client.on_connect = on_connect
        client.on_connect_fail = on_connect_fail
        client.on_subscribe = on_subscribe
        client.on_disconnect = on_disconnect
        client.on_message = lambda _client, _data, message: on_message(self._incoming(client, message))
        self._client = client
        client.loop_start()
        try:
            async with asyncio.timeout(seconds):
                await self._subscribed.wait()
        except TimeoutError:
            await self.stop()
            raise CountyRefused(
                f"no connection to the broker {self.address[0]}:{self.address[1]} within {seconds} s: {self._refusal};"
                f" is it there, and does it speak MQTT {self._protocol}?"
            ) from None

    def publish(
        self, topic: str, payload: bytes, *, retained: bool = False, properties: Properties | None = None
    ) -> bool:
        """Send with QoS 1; never blocks. False if there is no connection or too much waits already: not sent."""
        if self._client is None or not self.is_connected:
            return False
        sent = self._client.publish(topic, payload, qos=1, retain=retained, properties=properties)
        return sent.rc is MQTTErrorCode.MQTT_ERR_SUCCESS

    def break_connection(self) -> None:
        """Without a goodbye; it comes back by itself, and the broker sends what was not acknowledged."""
        if self._client is not None:
            _shut(self._client)

    async def stop(self, *, goodbye: bool = True) -> None:
        """End the connection and the thread. The broker keeps the session."""
        client, self._client = self._client, None
        self.is_connected = False
        if client is None:
            return
        if goodbye:
            client.disconnect()
        async with asyncio.timeout(STOP_SECONDS):
            ending = asyncio.create_task(asyncio.to_thread(client.loop_stop))
            if not goodbye:
                await asyncio.sleep(
                    0.05
                )  # the thread is told to end before its connection breaks: no reconnect
                _shut(client)
            await ending
        self._subscribed.clear()

    def _make_client(self) -> Client:
        is_5 = self._protocol == "5"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=MQTTv5 if is_5 else MQTTv311,
            clean_session=None if is_5 else False,
            manual_ack=True,
        )
        client.max_queued_messages_set(QUEUED_MESSAGES)
        client.on_socket_open = _send_at_once
        client.reconnect_delay_set(min_delay=0.1, max_delay=2)  # type: ignore[arg-type]  # any seconds will do
        if is_5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
            properties.SessionExpiryInterval = SESSION_SECONDS
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
            client.connect_async(*self.address, KEEPALIVE_SECONDS, clean_start=False, properties=properties)
        else:
            client.connect_async(*self.address, KEEPALIVE_SECONDS)
        return client

    def _incoming(self, client: Client, message: MQTTMessage) -> Incoming:
        connection = self._connection

        def acknowledge() -> None:
            # the same packet id means another message after a reconnect: then the broker sends this one again
            if connection == self._connection and message.qos:
                client.ack(message.mid, message.qos)

        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # a broker should not hand it on; no topic of ours
        return Incoming(
            topic=topic,
            payload=bytes(message.payload),
            qos=message.qos,
            retained=message.retain,
            received_at=datetime.now(UTC),
            received_ns=time.monotonic_ns(),
            properties=message.properties,
            acknowledge=acknowledge,
        )

    def _went_up(self) -> None:
        logger.info("county: connected to %s:%s", *self.address)
        self.is_connected = True
        self._subscribed.set()
        self.on_up()

    def _went_down(self, reason: str) -> None:
        if self.is_connected:
            logger.warning("county: connection to %s:%s lost: %s", *self.address, reason)
        self.is_connected = False


def _send_at_once(_client: Client, _data: object, sock: object) -> None:
    """Without Nagle's algorithm: else a receipt waits up to 40 ms for the acknowledgement of the PUBACK before it."""
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _shut(client: Client) -> None:
    sock = client.socket()
    if isinstance(sock, socket.socket):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            logger.debug("county: the connection had broken already: %s", error)
