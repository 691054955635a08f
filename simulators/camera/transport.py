"""The Transport header (RFC 2326 section 12.39): what a client offers, and what we take of it."""

from dataclasses import dataclass

_LAST_PORT = 65534  # of the even one of a pair
_LAST_CHANNEL = 254


@dataclass(frozen=True, slots=True)
class Offer:
    """A transport that we can serve. `number`: the first interleaved channel, or the client's first port over UDP."""

    protocol: str
    number: int

    @property
    def is_udp(self) -> bool:
        """Whether media go beside the connection."""
        return self.protocol != "RTP/AVP/TCP"


def choose(header: str, *, udp: bool, channel: int) -> Offer | None:
    """The first offer that we can serve; None if there is none.

    `udp`: whether UDP is served at all. `channel` is taken when a client names none.
    """
    for text in header.split(","):
        protocol, *parameters = (part.strip() for part in text.split(";"))
        named = dict(_pair(parameter) for parameter in parameters)
        if protocol.upper() == "RTP/AVP/TCP":
            number = _number(named.get("interleaved", ""), _LAST_CHANNEL)
            return Offer("RTP/AVP/TCP", channel if number is None else number)
        if protocol.upper() in {"RTP/AVP", "RTP/AVP/UDP"} and udp and "multicast" not in named:
            number = _number(named.get("client_port", ""), _LAST_PORT)
            if number:
                return Offer(protocol.upper(), number)
    return None


def _pair(parameter: str) -> tuple[str, str]:
    name, _, value = parameter.partition("=")
    return name.lower(), value


def _number(value: str, most: int) -> int | None:
    first = value.partition("-")[0]
    return (
        int(first) if first.isascii() and first.isdigit() and len(first) < 6 and int(first) <= most else None
    )
