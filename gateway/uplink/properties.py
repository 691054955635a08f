"""What MQTT 5 adds to a connection and to a message; paho wants it in its own form."""

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.uplink.messages import Message

#: The broker keeps our subscriptions, and commands and receipts for us, over an absence of so long.
SESSION_KEPT_S = 3600
#: No larger message is sent to us (on 3.1.1 the broker's own limit holds), and so many at once before we acknowledge.
LARGEST_INBOUND_BYTES = 128 * 1024
RECEIVE_MAXIMUM = 100


def connect_properties() -> Properties:
    """What we ask of the broker for the length of the session."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    properties.SessionExpiryInterval = SESSION_KEPT_S
    properties.MaximumPacketSize = LARGEST_INBOUND_BYTES
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    return properties


class _Packed(Properties):
    """Properties whose bytes are made once: thousands of messages a second have the same."""

    def __init__(self, properties: Properties) -> None:
        super().__init__(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        object.__setattr__(self, "_bytes", properties.pack())  # type: ignore[no-untyped-call]  # the same; and paho allows MQTT's names only

    def pack(self) -> bytes:
        """The bytes, length first."""
        packed: bytes = object.__getattribute__(self, "_bytes")
        return packed


class PublishProperties:
    """The properties of messages; those of the last message are used again if they are the same."""

    def __init__(self) -> None:
        self._last: tuple[tuple[str | None, bytes | None], Properties | None] = ((None, None), None)

    def of(self, message: Message) -> Properties | None:
        """Content type and correlation data; None if it has neither."""
        kind = (message.content_type, message.correlation)
        if kind == self._last[0]:
            return self._last[1]
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        if message.content_type is not None:
            properties.ContentType = message.content_type
        if message.correlation is not None:
            properties.CorrelationData = message.correlation
        self._last = (kind, _Packed(properties))
        return self._last[1]


def subscribe_options(*, is_v5: bool) -> SubscribeOptions | int:
    """On MQTT 5 a message keeps its retain flag, so that a retained command is known as one also when it is new."""
    return SubscribeOptions(qos=1, retainAsPublished=True) if is_v5 else 1
