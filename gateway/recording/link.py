"""What the media library does not tell of a camera's connection: whether bytes still come, and whether they are RTSP."""

import array
import fcntl
import ipaddress
import os
import socket
import struct
import termios
from pathlib import Path
from urllib.parse import urlsplit

_RTSP_PORT = 554
_PROBE_LIMIT_S = 1.0
_VERSION = b"RTSP/"
# struct tcp_info (linux/tcp.h): eight bytes, then numbers of 32 bits; the twelfth is tcpi_last_data_recv, milliseconds.
_TCP_INFO_BYTES, _LAST_DATA_RECEIVED = 104, 8 + 11 * 4


def hears_from(url: str, within_s: float) -> bool:
    """Whether this process got a byte from the server of this address so lately, over each connection to it.

    Over each: of several streams of one recorder (an NVR's channels) nobody here knows whose is which.
    """
    ages = _ages(*_address(url))
    return bool(ages) and max(ages) <= within_s


def connections_to(url: str) -> list[int]:
    """The descriptors of this process's TCP connections to the server of this address: one, but with an NVR's channels."""
    return [descriptor for descriptor, _ in _connections(*_address(url))]


def more_waits(descriptors: list[int], most: float) -> bool:
    """Whether more than `most` bytes that came over any of them have not been read yet; also where that can't be told."""
    waiting = array.array("i", [0])
    try:
        for descriptor in descriptors:
            fcntl.ioctl(descriptor, termios.FIONREAD, waiting)
            if waiting[0] > most:
                return True
    except OSError:
        return True  # another thread's, closed meanwhile
    return not descriptors


def talks_nonsense(url: str) -> bool:
    """Whether a server that could not be opened answers a plain question (RFC 2326, 10.1) with what is no RTSP.

    Takes two seconds at most; one that is silent, or can't be reached, does not talk at all.
    """
    try:
        with socket.create_connection(_address(url), _PROBE_LIMIT_S) as connection:
            connection.sendall(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
            answer = connection.recv(len(_VERSION))
    except OSError:
        return False
    return bool(answer) and not _VERSION.startswith(answer)


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        return parts.hostname or "", parts.port or _RTSP_PORT
    except ValueError:
        return "", 0  # the port is no number: nobody is there


def _ages(host: str, port: int) -> list[float]:
    """Seconds since the last byte on each TCP connection of this process to that server."""
    return [
        struct.unpack_from("=I", info, _LAST_DATA_RECEIVED)[0] / 1000 for _, info in _connections(host, port)
    ]


def _connections(host: str, port: int) -> list[tuple[int, bytes]]:
    """Descriptor and tcp_info of each TCP connection of this process to that server."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            with _socket_of(int(entry.name)) as connection:
                if connection.type is socket.SOCK_STREAM and _is_peer(connection, host, port):
                    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
                    found.append((int(entry.name), info))
        except OSError:
            continue  # no socket, none that is connected, or closed meanwhile
    return found


def _socket_of(descriptor: int) -> socket.socket:
    """A handle of our own on somebody's socket. Raises OSError if it is none."""
    ours = os.dup(descriptor)
    try:
        return socket.socket(fileno=ours)
    except OSError:
        os.close(ours)
        raise


def _is_peer(connection: socket.socket, host: str, port: int) -> bool:
    if connection.family not in {socket.AF_INET, socket.AF_INET6}:
        return False
    peer: tuple[str, int] = connection.getpeername()[:2]
    address, peer_port = peer
    try:
        return peer_port == port and ipaddress.ip_address(host) == ipaddress.ip_address(address)
    except ValueError:
        return peer_port == port  # a name: which of its addresses was taken is the library's secret
