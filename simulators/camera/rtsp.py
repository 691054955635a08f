"""The RTSP server: listens, owns every connection and ends it."""

import asyncio
import logging
import socket
import struct

from simulators.camera.connection import Connection, Service
from simulators.camera.message import MAX_HEAD

_log = logging.getLogger(__name__)

#: Clients at once; a further one is cut off at once.
MAX_CONNECTIONS = 64
# Bytes asked of the kernel for each connection: left alone it would take megabytes for a viewer that stalls.
_SEND_BUFFER = 256 * 1024
_FLUSH_SECONDS = 1.0  # how long a goodbye may take
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, 0 seconds


class RtspServer:
    """Serves on one listening socket at a time, and owns every connection that it took there."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.Task[None], asyncio.WriteTransport] = {}

    @property
    def listening(self) -> bool:
        """Whether new connections are taken."""
        return self._server is not None

    async def open(self, listener: socket.socket) -> None:
        """Serve there; the listener is the server's from now on."""
        self._server = await asyncio.start_server(self._accept, sock=listener, limit=MAX_HEAD)

    async def close(self, *, abruptly: bool) -> None:
        """Stop listening and end every connection: by a reset, or after what was sent has left.

        Raises what a connection's task died of, if it was a fault of the simulator.
        """
        server, self._server = self._server, None
        if server is not None:
            server.close()
        await (self._cut_off() if abruptly else self.hang_up())
        if server is not None:
            await server.wait_closed()

    async def hang_up(self) -> None:
        """End every connection, after what was sent has left or `_FLUSH_SECONDS`. Raises like `close`."""
        for transport in self._clients.values():
            transport.close()
        if self._clients:
            await asyncio.wait(self._clients, timeout=_FLUSH_SECONDS)
        await self._cut_off()

    async def _cut_off(self) -> None:
        clients = dict(self._clients)
        for task, transport in clients.items():
            if not transport.is_closing():
                peer = transport.get_extra_info("socket")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            transport.abort()
            task.cancel()
        ended = await asyncio.gather(*clients, return_exceptions=True)
        for task in clients:
            self._clients.pop(task, None)
        for result in ended:
            if isinstance(result, Exception):
                raise result

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # taken in the moment of the end
            writer.transport.abort()
            return
        if len(self._clients) >= MAX_CONNECTIONS:
            _log.warning("more than %d connections: cut off", MAX_CONNECTIONS)
            writer.transport.abort()
            return
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        connection = Connection(self._service, reader, writer.transport)
        task = asyncio.create_task(connection.serve())
        self._clients[task] = writer.transport
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        # One that died of a fault stays, so that the end of the camera tells of it.
        if task.cancelled() or task.exception() is None:
            self._clients.pop(task, None)
