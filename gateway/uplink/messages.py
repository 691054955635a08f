"""What passes over the bridge to the broker, as values, and how its opening and use can fail."""

from dataclasses import dataclass

from gateway.errors import GatewayError

#: PUBACK reason codes (MQTT 5, 3.4.2.1). On 3.1.1 there are none: every PUBACK is a success.
SUCCESS = 0x00
NO_MATCHING_SUBSCRIBERS = 0x10


class LinkDown(GatewayError):  # noqa: N818 - named like DeviceUnavailable
    """The connection to the broker could not be made, or is gone: try again."""


class LinkRefused(LinkDown):
    """The broker answers and says no (password, identity, protocol, topic): a person must look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something to publish. `correlation` and `content_type` go along on MQTT 5 only."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    content_type: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """Something received. `response_topic` and `correlation` are MQTT 5's."""

    topic: str
    payload: bytes
    retained: bool
    response_topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Ack:
    """The broker's PUBACK: which packet, and its reason code (always 0 on MQTT 3.1.1)."""

    packet: int
    reason: int
    words: str
