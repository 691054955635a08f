"""WS-Discovery: asks the network, or one address, which cameras are there (WS-Discovery 1.0; ONVIF Core, section 7)."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from drivers.onvif.markup import NotXml, read

#: Where every ONVIF device listens (WS-Discovery, section 2.4).
GROUP = "239.255.255.250"
PORT = 3702

#: Answers that are looked at, and how long one may be in bytes.
MOST_ANSWERS = 256
MOST_BYTES = 16_384

_PROBE = (
    '<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
    ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><e:Header><w:MessageID>urn:uuid:{}</w:MessageID>'
    "<w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>"
    "<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>"
    "<e:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>"
)


@dataclass(frozen=True, slots=True)
class Found:
    """One device that answered: its addresses as it tells them, and its name and hardware if it tells those."""

    addresses: tuple[str, ...]
    words: str


async def discover(seconds: float, targets: Sequence[tuple[str, int]] = ((GROUP, PORT),)) -> list[Found]:
    """Who answers within so many seconds. A target may be one camera's address. Raises OSError where nothing can be sent."""
    message_id = str(uuid.uuid4())
    loop = asyncio.get_running_loop()
    transport, answers = await loop.create_datagram_endpoint(
        lambda: _Answers(message_id),
        local_addr=("0.0.0.0", 0),  # noqa: S104 - a socket that only asks
    )
    try:
        for target in targets:
            transport.sendto(_PROBE.format(message_id).encode(), target)
        await asyncio.sleep(seconds)
    finally:
        transport.close()
    return list(answers.found.values())


class _Answers(asyncio.DatagramProtocol):
    """Those to our own question, each device once; anything else that comes is dropped."""

    def __init__(self, message_id: str) -> None:
        self.found: dict[tuple[str, ...], Found] = {}
        self._message_id = message_id
        self._left = MOST_ANSWERS

    def datagram_received(self, data: bytes, addr: object) -> None:
        """One answer."""
        self._left -= 1
        if self._left < 0 or len(data) > MOST_BYTES:
            return
        try:
            root = read(data)
        except NotXml:
            return
        if self._message_id not in root.text_of("RelatesTo"):
            return
        for match in root.all("ProbeMatch"):
            addresses = tuple(match.text_of("XAddrs").split())[:8]
            if addresses:
                self.found[addresses] = Found(addresses, _words(match.text_of("Scopes")))


def _words(scopes: str) -> str:
    """`onvif://www.onvif.org/name/Gate%20camera` and `/hardware/…` (ONVIF Core, scopes), 100 characters at most."""
    found = [
        unquote(scope.rpartition("/")[2])
        for kind in ("/name/", "/hardware/")
        for scope in scopes.split()
        if kind in scope
    ]
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(found)[:100])
