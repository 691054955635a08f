"""Ways out to one client: its RTSP connection, and media in that connection or beside it over UDP."""

import asyncio
import logging
import socket
import struct
from collections.abc import Sequence
from typing import Protocol

from simulators.camera import rtp

_log = logging.getLogger(__name__)

#: Bytes that may wait for one viewer, beside what its socket holds; one who takes less is cut off.
MAX_WAITING_BYTES = 2 * 1024 * 1024
_ENDLESS = 0xFFFF  # bytes that an endless frame announces
_PAIR_TRIES = 50
_DATAGRAM = 2048


class Outlet:
    """The way out to one client, bounded: whoever does not read is cut off, so memory does not grow."""

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self.peer_host: str = transport.get_extra_info("peername")[0]
        self.own_host: str = transport.get_extra_info("sockname")[0]
        self.peer = "{}:{}".format(*transport.get_extra_info("peername")[:2])
        self.cut_off = False
        self._hung = False

    def write(self, data: bytes) -> bool:
        """Send, or cut the client off if too much waits already; False if nothing was sent."""
        if self._transport.is_closing() or self._hung:
            return False
        if self._transport.get_write_buffer_size() + len(data) > MAX_WAITING_BYTES:
            _log.warning("%s reads too slowly: cut off", self.peer)
            self.cut_off = True
            self._transport.abort()
            return False
        self._transport.write(data)
        return True

    def begin_endless(self, channel: int) -> None:
        """Announce a frame of 65 535 bytes; neither they nor anything else is ever sent on this connection."""
        self.write(struct.pack(">cBH", b"$", channel, _ENDLESS))
        self._hung = True


class Way(Protocol):
    """Where one track of one viewer goes."""

    transport: str

    def send(self, packets: Sequence[bytes]) -> bool:
        """Send RTP packets, all or none; False if none was."""
        ...

    def report(self, packet: bytes) -> None:
        """Send an RTCP packet."""
        ...

    def rubbish(self, data: bytes) -> None:
        """Send what is no RTP."""
        ...

    def hang(self) -> None:
        """Begin a frame that never ends."""
        ...

    def close(self) -> None:
        """Let go of sockets."""
        ...


class Channels:
    """Media in the RTSP connection (RFC 2326 section 10.12): `channel` takes RTP, the next one RTCP."""

    transport = "tcp"

    def __init__(self, outlet: Outlet, channel: int) -> None:
        self._outlet = outlet
        self._channel = channel

    def send(self, packets: Sequence[bytes]) -> bool:
        """Hand them to the connection in one piece."""
        return self._outlet.write(b"".join(rtp.interleave(self._channel, packet) for packet in packets))

    def report(self, packet: bytes) -> None:
        """On the odd channel."""
        self._outlet.write(rtp.interleave(self._channel + 1, packet))

    def rubbish(self, data: bytes) -> None:
        """Not even framed."""
        self._outlet.write(data)

    def hang(self) -> None:
        """See `Outlet.begin_endless`."""
        self._outlet.begin_endless(self._channel)

    def close(self) -> None:
        """The connection is another's to close."""


class Datagrams:
    """Media over UDP, from a pair of ports of our own to a pair of the client's (RFC 2326 section 12.39).

    Nothing but the client's RTSP connection tells where it is, so media go to that host only. What the kernel has no
    room for is lost, as on a full line. Raises OSError if no pair of ports can be had.
    """

    transport = "udp"

    def __init__(self, outlet: Outlet, client_port: int) -> None:
        self._peer = (outlet.peer_host, client_port), (outlet.peer_host, client_port + 1)
        self._media, self._control = _pair(outlet.own_host)
        self.port: int = self._media.getsockname()[1]

    def send(self, packets: Sequence[bytes]) -> bool:
        """Each is a datagram; True if the kernel took all."""
        sent = [_sent(self._media, packet, self._peer[0]) for packet in packets]
        return all(sent)

    def report(self, packet: bytes) -> None:
        """To the odd port."""
        _sent(self._control, packet, self._peer[1])

    def rubbish(self, data: bytes) -> None:
        """To the port of the media."""
        _sent(self._media, data, self._peer[0])

    def hang(self) -> None:
        """There are no frames in UDP: nothing is sent."""

    def heard(self) -> bool:
        """Whether the client has sent anything (receiver reports, in practice) since the last time asked."""
        heard = False
        for own in (self._media, self._control):
            while _received(own):
                heard = True
        return heard

    def close(self) -> None:
        """Give the ports back."""
        self._media.close()
        self._control.close()


def _pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Two sockets on neighbouring ports, the first an even one (RFC 3550 section 11)."""
    for _ in range(_PAIR_TRIES):
        first, second = _datagram_socket(), _datagram_socket()
        first.bind((host, 0))
        port: int = first.getsockname()[1]
        if port % 2 == 0 and _bound(second, host, port + 1):
            return first, second
        first.close()
        second.close()
    raise OSError(f"{host}: no pair of UDP ports in {_PAIR_TRIES} tries")


def _bound(own: socket.socket, host: str, port: int) -> bool:
    try:
        own.bind((host, port))
    except OSError as error:  # another has it
        _log.debug("UDP port %d: %s", port, error)
        return False
    return True


def _datagram_socket() -> socket.socket:
    new = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    new.settimeout(0)
    return new


def _sent(own: socket.socket, data: bytes, peer: tuple[str, int]) -> bool:
    try:
        own.sendto(data, peer)
    except (BlockingIOError, ConnectionRefusedError) as error:  # no room; or nobody has that port any more
        _log.debug("datagram to %s:%d lost: %s", *peer, error)
        return False
    return True


def _received(own: socket.socket) -> bool:
    try:
        own.recv(_DATAGRAM)
    except (BlockingIOError, ConnectionRefusedError):
        return False
    return True
