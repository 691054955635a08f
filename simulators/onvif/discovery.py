"""WS-Discovery of a camera: it answers probes, says hello and goodbye (WS-Discovery 2005/04, as ONVIF Core has it)."""

import asyncio
import socket
import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from simulators.onvif.soap import Request, SoapFault, Xml, parse, tag

GROUP, PORT = "239.255.255.250", 3702
#: A probe may be so long; more is not read.
MOST_PROBE_BYTES = 8192

_WSA = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_WSD = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_ANONYMOUS = f"{_WSA}/role/anonymous"
_TO_ALL = "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
_TYPES = "dn:NetworkVideoTransmitter tds:Device"
_KNOWN_TYPES = frozenset({"NetworkVideoTransmitter", "Device"})
_DECLARED = (
    f' xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="{_WSA}" xmlns:d="{_WSD}"'
    ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"'
)


@dataclass(frozen=True, slots=True)
class Presence:
    """What a camera says of itself: address of its device service, scopes. `id` stays the same for its life."""

    id: uuid.UUID
    address: str
    scopes: tuple[str, ...]


class Discovery(asyncio.DatagramProtocol):
    """One camera's answers. `presence` is asked at each; None is silence, as of a camera without power."""

    def __init__(self, presence: Callable[[], Presence | None]) -> None:
        self._presence = presence
        self._transport: asyncio.DatagramTransport | None = None
        self._multicast = False
        self._number = 0
        self.port = 0

    async def open(self, host: str, port: int, *, multicast: bool) -> None:
        """Answer probes sent to this port; with `multicast` also those to the group. Raises OSError."""
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            bound.settimeout(0.0)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(("" if multicast else host, port))
            if multicast:
                member = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(host))
                bound.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
                bound.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(host))
            self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: self, sock=bound
            )
        except OSError:
            bound.close()
            raise
        self._multicast = multicast
        self.port = bound.getsockname()[1]

    def close(self) -> None:
        """Let go of the socket."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def hello(self) -> None:
        """Say to the group that it is there; without multicast nobody is told."""
        self._announce("Hello")

    def bye(self) -> None:
        """Say goodbye to the group."""
        self._announce("Bye")

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a probe that means this camera."""
        presence = self._presence()
        if presence is None or len(data) > MOST_PROBE_BYTES or self._transport is None:
            return
        try:
            asked = parse(data)
        except SoapFault:
            return  # not for us: the group carries all kinds of things
        if asked.operation == "Probe" and _means(asked, presence):
            message = asked.header("MessageID")
            match = tag("d:ProbeMatches", self._described("d:ProbeMatch", presence))
            relates = "" if message is None else (message.text or "").strip()
            self._transport.sendto(self._message("ProbeMatches", _ANONYMOUS, match, relates), addr)

    def _announce(self, name: str) -> None:
        presence = self._presence()
        if presence is None or self._transport is None or not self._multicast:
            return
        said = self._described(f"d:{name}", presence)
        self._transport.sendto(self._message(name, _TO_ALL, said, ""), (GROUP, PORT))

    def _described(self, name: str, presence: Presence) -> Xml:
        return tag(
            name,
            tag("a:EndpointReference", tag("a:Address", f"urn:uuid:{presence.id}")),
            tag("d:Types", _TYPES),
            tag("d:Scopes", " ".join(presence.scopes)),
            tag("d:XAddrs", presence.address),
            tag("d:MetadataVersion", "1"),
        )

    def _message(self, action: str, to: str, body: Xml, relates_to: str) -> bytes:
        self._number += 1
        header = tag(
            "s:Header",
            tag("a:MessageID", f"urn:uuid:{uuid.uuid4()}"),
            *((tag("a:RelatesTo", relates_to),) if relates_to else ()),
            tag("a:To", to),
            tag("a:Action", f"{_WSD}/{action}"),
            tag("d:AppSequence", attributes={"InstanceId": "1", "MessageNumber": str(self._number)}),
        )
        inner = tag("s:Body", body)
        return f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope{_DECLARED}>{header}{inner}</s:Envelope>'.encode()


def _means(asked: Request, presence: Presence) -> bool:
    """Whether a probe is for such a device: all its types known, all its scopes ours (by prefix)."""
    types = (asked.text("Types") or "").split()
    scopes = (asked.text("Scopes") or "").split()
    return all(one.rpartition(":")[2] in _KNOWN_TYPES for one in types) and all(
        any(_within(own, wanted) for own in presence.scopes) for wanted in scopes
    )


def _within(own: str, wanted: str) -> bool:
    """RFC 3986 prefix match by whole segments (WS-Discovery section 5.1)."""
    return own == wanted or own.startswith(wanted.rstrip("/") + "/")
