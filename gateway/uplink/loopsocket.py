"""paho's socket on the event loop: read when there is something, written once for all that one turn has published."""

import asyncio
import socket

import paho.mqtt.client as paho

#: How often in each keep-alive interval paho is let to send its ping, and to notice one that was never answered.
KEEPALIVE_CHECKS = 8


class LoopSocket:
    """The socket of a client that is connected. Nothing but this touches it, on the loop's own thread.

    `is_blocked`: the line did not take all that was written last. `send_buffer`: SO_SNDBUF, in bytes.
    """

    def __init__(self, client: paho.Client, *, send_buffer: int | None = None) -> None:
        self._client = client
        self._send_buffer = send_buffer
        self._loop = asyncio.get_running_loop()
        self.is_blocked = False
        self._flush_due = False
        self._is_stopped = False
        self._keepalive: asyncio.TimerHandle | None = None

    def attach(self) -> bool:
        """Serve the socket from now on; False if it is gone already."""
        sock = self._current()
        if sock is None:
            return False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._send_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_buffer)
        self._client.on_socket_close = lambda _client, _userdata, closing: self._forget(closing)
        self._client.on_socket_register_write = lambda *_: self._flush_soon()
        self._loop.add_reader(sock, self._read)
        self._flush_soon()
        self._check_keepalive()
        return True

    def stop(self) -> None:
        """Write no more, and look after the keep-alive no more."""
        self._is_stopped = True
        if self._keepalive is not None:
            self._keepalive.cancel()

    def close(self) -> None:
        """Let go of the socket without a word."""
        sock = self._current()
        if sock is not None:
            self._forget(sock)
            sock.close()

    def _current(self) -> socket.socket | None:
        sock = self._client.socket()
        return sock if isinstance(sock, socket.socket) else None

    def _read(self) -> None:
        """A broker that does not set TCP_NODELAY holds its second PUBACK until our TCP has acknowledged the first.

        The kernel would wait 40 ms with that; it is asked anew after each read not to.
        """
        self._client.loop_read()
        sock = self._current()
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _flush_soon(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        if self._is_stopped or self._current() is None:
            return
        self._client.loop_write()
        sock = self._current()
        self.is_blocked = sock is not None and self._client.want_write()
        if sock is not None and self.is_blocked:
            self._loop.add_writer(sock, self._writable)

    def _writable(self) -> None:
        sock = self._current()
        if sock is not None:
            self._loop.remove_writer(sock)
            self._flush()

    def _check_keepalive(self) -> None:
        self._client.loop_misc()
        if not self._is_stopped:
            pause = self._client.keepalive / KEEPALIVE_CHECKS  # the broker may have ordered a shorter one
            self._keepalive = self._loop.call_later(pause, self._check_keepalive)

    def _forget(self, sock: object) -> None:
        """Also called when the client is collected as garbage, perhaps after the loop's end."""
        if isinstance(sock, socket.socket) and sock.fileno() >= 0 and not self._loop.is_closed():
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)
