"""The one place that speaks to paho: a single MQTT connection, from its opening to its loss, on the event loop.

A bridge is used for one connection and thrown away, and paho's memory with it: nothing it still held is ever sent
by it again. paho's own reconnecting, queueing and threads are not used.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.site import BrokerSettings
from gateway.uplink.loopsocket import LoopSocket
from gateway.uplink.messages import SUCCESS, Ack, Inbound, LinkDown, LinkRefused, Message
from gateway.uplink.properties import PublishProperties, connect_properties, subscribe_options
from gateway.uplink.quickclient import QuickClient

#: A TCP connection may take so long for each address of the host, and each answer of the broker.
OPEN_LIMIT_S = 10.0
#: Name look-up and TCP together.
DIAL_LIMIT_S = 30.0

_RECEIVE_MAXIMUM = 65535  # where the broker does not say
_LARGEST_PACKET = 268_435_455  # the same; MQTT's own limit
_PACKET_OVERHEAD_BYTES = 512  # header, topic and properties beside a payload


class Bridge:
    """One connection to one broker.

    `on_acks` and `on_inbound` are called on the event loop with all that one of its turns brought: no more than are
    in flight, and one. `lost` is done once the connection is gone, with the reason as its result; nothing is called after that.
    `send_buffer`: the kernel is given so many bytes at most that the broker has not acknowledged (Linux keeps twice that).
    """

    def __init__(
        self,
        broker: BrokerSettings,
        *,
        client_id: str,
        password: str,
        will: Message | None,
        most_in_flight: int,
        on_acks: Callable[[Sequence[Ack]], None],
        on_inbound: Callable[[Sequence[Inbound]], None],
        send_buffer: int | None = None,
    ) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.most_in_flight = most_in_flight
        self.most_bytes = _LARGEST_PACKET
        self._loop = asyncio.get_running_loop()
        self._broker, self._is_v5 = broker, broker.protocol == "5"
        self._on_acks = on_acks
        self._on_inbound = on_inbound
        self._acks: list[Ack] = []
        self._inbound: list[Inbound] = []
        self._hand_over_due = False
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._subscribed: dict[int, asyncio.Future[None]] = {}
        self._properties = PublishProperties()
        self._client = self._make_client(client_id, password, will)
        self._socket = LoopSocket(self._client, send_buffer=send_buffer)

    # ---- life

    async def open(self) -> None:
        """Connect; returns when the broker has taken us. Raises LinkDown, LinkRefused. May be called once."""
        dialling = self._loop.run_in_executor(None, self._dial)
        try:
            async with asyncio.timeout(DIAL_LIMIT_S):
                await asyncio.shield(dialling)
        except asyncio.CancelledError:
            dialling.add_done_callback(self._dialled_in_vain)
            raise
        except TimeoutError as error:
            dialling.add_done_callback(self._dialled_in_vain)
            raise LinkDown(f"{self._where} can't be reached: no answer") from error
        except (OSError, ValueError) as error:
            raise LinkDown(f"{self._where} can't be reached: {error}") from error
        if not self._socket.attach():
            raise LinkDown(f"{self._where}: the connection was closed at once")
        try:
            async with asyncio.timeout(OPEN_LIMIT_S):
                await self._connected
        except TimeoutError as error:
            raise LinkDown(f"{self._where} takes the connection and does not answer") from error

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe with QoS 1; returns when the broker has agreed. Raises LinkDown, LinkRefused."""
        wanted = [(topic, subscribe_options(is_v5=self._is_v5)) for topic in topics]
        code, packet = self._client.subscribe(wanted)  # type: ignore[arg-type]  # paho takes either kind of pair
        if code != paho.MQTT_ERR_SUCCESS or packet is None:
            raise LinkDown(f"{self._where}: the connection is gone")
        agreed = self._subscribed[packet] = self._loop.create_future()
        try:
            async with asyncio.timeout(OPEN_LIMIT_S):
                await agreed
        except TimeoutError as error:
            raise LinkDown(f"{self._where} does not answer a subscription") from error
        finally:
            self._subscribed.pop(packet, None)

    def unsubscribe(self, topic: str) -> None:
        """Want no more of a topic; the broker's answer is not waited for."""
        self._client.unsubscribe(topic)

    async def close(self) -> None:
        """Say goodbye (the will is not sent then) and let go of the socket. Does not wait for acknowledgements."""
        if not self.lost.done():
            self._client.disconnect()
            self._client.loop_write()
        self.abandon("closed")

    def abandon(self, reason: str) -> None:
        """Drop the connection without a goodbye; the broker sends the will."""
        self._lose(reason)
        self._socket.close()

    # ---- sending

    def publish(self, message: Message) -> int:
        """Hand a message to the connection; returns the packet's number (0 for QoS 0). Raises LinkDown.

        The caller keeps at most `most_in_flight` messages of QoS 1 without acknowledgement: paho queues nothing.
        """
        if self.lost.done():
            raise LinkDown(f"{self._where}: {self.lost.result()}")
        info = self._client.publish(
            message.topic,
            message.payload,
            message.qos,
            message.retain,
            self._properties.of(message) if self._is_v5 else None,
        )
        if info.rc != paho.MQTT_ERR_SUCCESS:
            raise LinkDown(f"{self._where}: {paho.error_string(info.rc)}")
        return info.mid if message.qos else 0

    def takes(self, message: Message) -> bool:
        """Whether the message is not larger than the broker allows (MQTT 5, Maximum Packet Size)."""
        return len(message.payload) + _PACKET_OVERHEAD_BYTES <= self.most_bytes

    @property
    def is_congested(self) -> bool:
        """Bytes wait because the line does not take them."""
        return self._socket.is_blocked

    # ---- making the connection

    def _make_client(self, client_id: str, password: str, will: Message | None) -> paho.Client:
        client = QuickClient(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if self._is_v5 else False,
            protocol=paho.MQTTv5 if self._is_v5 else paho.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = OPEN_LIMIT_S
        client.max_inflight_messages = self.most_in_flight
        client.max_queued_messages = self.most_in_flight
        if self._broker.username:
            client.username_pw_set(self._broker.username, password)
        if will is not None:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.on_connect = self._heard_connack
        client.on_disconnect = self._heard_end
        client.on_publish = self._heard_ack
        client.on_message = self._heard_message
        client.on_subscribe = self._heard_suback
        return client

    def _dial(self) -> None:
        """In a thread: name look-up and TCP block. Until this returns, no one else touches the client."""
        if self._is_v5:
            self._client.connect(
                self._broker.host,
                self._broker.port,
                self._broker.keepalive_s,
                clean_start=False,
                properties=connect_properties(),
            )
        else:
            self._client.connect(self._broker.host, self._broker.port, self._broker.keepalive_s)

    def _dialled_in_vain(self, dialling: "asyncio.Future[None]") -> None:
        """The thread can't be stopped; what it has opened can be closed."""
        if not dialling.cancelled() and dialling.exception() is None:
            self._socket.close()

    @property
    def _where(self) -> str:
        return f"broker {self._broker.host}:{self._broker.port}"

    # ---- what paho calls

    def _heard_connack(
        self,
        _client: paho.Client,
        _userdata: object,
        _flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if self._connected.done():
            return
        if reason.is_failure:
            self._connected.set_exception(LinkRefused(f"{self._where} refuses us: {reason}"))
            return
        self.most_in_flight = min(
            self.most_in_flight, getattr(properties, "ReceiveMaximum", _RECEIVE_MAXIMUM)
        )
        self.most_bytes = getattr(properties, "MaximumPacketSize", _LARGEST_PACKET)
        self._connected.set_result(None)

    def _heard_end(
        self,
        _client: paho.Client,
        _userdata: object,
        flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        says = (
            "the broker ended the connection" if flags.is_disconnect_packet_from_server else "connection lost"
        )
        self._lose(f"{says}: {reason}")

    def _heard_ack(
        self,
        _client: paho.Client,
        _userdata: object,
        packet: int,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._acks.append(Ack(packet, reason.value, "" if reason.value == SUCCESS else str(reason)))
        self._hand_over_soon()

    def _heard_message(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        with contextlib.suppress(UnicodeDecodeError):  # a topic that is no UTF-8 is none of ours
            properties = message.properties
            self._inbound.append(
                Inbound(
                    topic=message.topic,
                    payload=bytes(message.payload),
                    retained=message.retain,
                    response_topic=getattr(properties, "ResponseTopic", None),
                    correlation=getattr(properties, "CorrelationData", None),
                )
            )
            self._hand_over_soon()

    def _heard_suback(
        self,
        _client: paho.Client,
        _userdata: object,
        packet: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        agreed = self._subscribed.get(packet)
        if agreed is None or agreed.done():
            return
        if refused := [str(reason) for reason in reasons if reason.is_failure]:
            agreed.set_exception(LinkRefused(f"{self._where} refuses a subscription: {refused[0]}"))
        else:
            agreed.set_result(None)

    # ---- handing over, once for all that one turn of the loop brought

    def _hand_over_soon(self) -> None:
        if not self._hand_over_due:
            self._hand_over_due = True
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        self._hand_over_due = False
        acks, self._acks = self._acks, []
        inbound, self._inbound = self._inbound, []
        if self.lost.done():
            return
        if acks:
            self._on_acks(acks)
        if inbound:
            self._on_inbound(inbound)

    def _lose(self, reason: str) -> None:
        self._socket.stop()
        if self.lost.done():
            return
        self.lost.set_result(reason)
        for waiting in (self._connected, *self._subscribed.values()):
            if not waiting.done():
                waiting.set_exception(LinkDown(f"{self._where}: {reason}"))
        if not self._connected.cancelled():
            self._connected.exception()  # nobody may be waiting for it any more
