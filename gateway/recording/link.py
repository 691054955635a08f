"""What the media library does not tell of a camera's connection: whether bytes still come, and whether they are RTSP."""

import array
import contextlib
import fcntl
import ipaddress
import os
import socket
import struct
import termios
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

_RTSP_PORT = 554
_PROBE_LIMIT_S = 1.0
_VERSION = b"RTSP/"
# struct tcp_info (linux/tcp.h): eight bytes, then 24 numbers of 32 bits; the twelfth is tcpi_last_data_recv, milliseconds.
# Of the numbers of 64 bits behind them the fourth is tcpi_bytes_received.
_TCP_INFO_BYTES, _LAST_DATA_RECEIVED, _BYTES_RECEIVED = 136, 8 + 11 * 4, 8 + 24 * 4 + 3 * 8


def hears_from(url: str, within_s: float) -> bool:
    """Whether this process got a byte from the server of this address so lately, over each connection to it.

    Over each: of several streams of one recorder (an NVR's channels) nobody here knows whose is which.
    """
    ages = _ages(*_address(url))
    return bool(ages) and max(ages) <= within_s


def connections_to(url: str) -> list[int]:
    """The descriptors of this process's TCP connections to the server of this address: one, but with an NVR's channels."""
    return [descriptor for descriptor, _ in _connections(*_address(url))]


def received(url: str) -> dict[int, int]:
    """How many bytes came over each of this process's TCP connections to the server of this address, by our port."""
    return {
        port: struct.unpack_from("=Q", info, _BYTES_RECEIVED)[0]
        for port, info in _each(*_address(url), lambda connection, info: (connection.getsockname()[1], info))
    }


def cut(url: str, port: int) -> None:
    """End the connection to the server of this address that has this port of ours: its reader finds the end."""

    def end(connection: socket.socket, _info: bytes) -> None:
        if connection.getsockname()[1] == port:
            connection.shutdown(socket.SHUT_RDWR)

    _each(*_address(url), end)


def same_server(url: str, other: str) -> bool:
    """Whether both addresses are one server's."""
    return _address(url) == _address(other)


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
        with contextlib.suppress(OSError), _socket_of(int(entry.name)) as connection:
            if (info := _info_of(connection, host, port)) is not None:
                found.append((int(entry.name), info))
    return found


def _each(host: str, port: int, do: Callable[[socket.socket, bytes], T]) -> list[T]:
    """Do it with each TCP connection of this process to that server."""
    done = []
    for descriptor, info in _connections(host, port):
        with contextlib.suppress(OSError), _socket_of(descriptor) as connection:
            if _info_of(connection, host, port) is not None:  # else it was closed, and is another's by now
                done.append(do(connection, info))
    return done


def _info_of(connection: socket.socket, host: str, port: int) -> bytes | None:
    """Its tcp_info; None if it is no TCP connection to that server. Raises OSError if it is not connected."""
    if connection.type is not socket.SOCK_STREAM or not _is_peer(connection, host, port):
        return None
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)


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
