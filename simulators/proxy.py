"""A TCP line that can be told to misbehave, put between any client and any server: cut, stalled, slow, thin, lying."""

import asyncio
import logging
import random
import socket
import struct
import time
from dataclasses import dataclass

from simulators.fault import Fault
from simulators.port import RECEIVE_BUFFER_BYTES, ReservedPort
from simulators.shape import Shape

logger = logging.getLogger(__name__)

#: At most 256 KiB are under way in one direction of one connection (and what the kernel holds).
CHUNK_BYTES = 8 * 1024
QUEUE_CHUNKS = 32
CONNECT_SECONDS = 5.0
SLOW_SECONDS = 2.0


class FaultProxy:
    """Forwards 127.0.0.1:`port` to a target, each TCP connection by one of its own; implements `Simulator`.

    `up` (client to target) and `down` (back) shape the two directions, `drop_chance` (0 to 1) resets that share of new connections at once.
    A connection that did not end by both sides' own goodbye is ended by a reset, as a broken line does.
    """

    def __init__(self, target_host: str, target_port: int, listen_port: int = 0, *, seed: int = 0) -> None:
        self.target = (target_host, target_port)
        self.up = Shape()
        self.down = Shape()
        self.drop_chance = 0.0
        self.connections = 0
        self.dice = random.Random(seed)
        self._listen_port = listen_port
        self._reserved: ReservedPort | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._reset_after: int | None = None

    @property
    def port(self) -> int:
        """Where clients connect; known from `start` on and the same until `stop`."""
        assert self._reserved is not None, "start() first"
        return self._reserved.number

    @property
    def open_connections(self) -> int:
        """How many connections stand now."""
        return len(self._open)

    async def start(self) -> None:
        """Listen. Raises OSError when the wanted port is taken."""
        self._reserved = ReservedPort(port=self._listen_port)
        await self.restore()

    async def stop(self) -> None:
        """Reset what stands, refuse what comes, and give the port back."""
        await self.cut()
        if self._reserved is not None:
            self._reserved.release()
            self._reserved = None

    async def cut(self) -> None:
        """Reset every connection and refuse new ones; the port stays reserved."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
            self._accepting = None
        await self.reset_connections()

    async def reset_connections(self) -> None:
        """Reset every connection that stands; new ones are welcome."""
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stall(self) -> None:
        """Half-open: connections stay and new ones are taken, but not a byte passes, no goodbye either."""
        self.up.hold()
        self.down.hold()

    async def restore(self) -> None:
        """Undo `cut`, `stall` and `reset_after`. What a stall held passes on. Shapes and `drop_chance` stay."""
        self._reset_after = None
        self.up.release()
        self.down.release()
        if self._accepting is None:
            assert self._reserved is not None, "start() first"
            listener = self._reserved.listen()
            self._accepting = asyncio.create_task(self._accept(listener))
            # not a `with` in `_accept`: a task that is cancelled before its first step has none
            self._accepting.add_done_callback(lambda _: listener.close())

    async def reset_after(self, byte_count: int) -> None:
        """Reset the connection that carries the `byte_count`-th byte from now (both directions together), once."""
        self._reset_after = byte_count

    async def misbehave(self, fault: Fault) -> None:
        """One fault at a time; `NONE` heals everything, shapes too.

        `SILENT`: the target gets what it is sent, its answers are held. `SLOW`: 2 s each way. `GARBAGE`: the
        target's answers become random bytes. `HALF_OPEN`: `stall`. `REFUSED`: `cut`.
        """
        self.drop_chance = 0.0
        for shape in (self.up, self.down):
            shape.latency = SLOW_SECONDS if fault is Fault.SLOW else 0.0
            shape.bytes_per_second = None
            shape.garbage = False
        self.down.garbage = fault is Fault.GARBAGE
        if fault is Fault.REFUSED:
            await self.cut()
            return
        await self.restore()
        if fault is Fault.SILENT:
            self.down.hold()
        elif fault is Fault.HALF_OPEN:
            await self.stall()

    async def power_cycle(self, off_seconds: float) -> None:
        """Cut for so long, then as before."""
        await self.cut()
        await asyncio.sleep(off_seconds)
        await self.restore()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except ConnectionAbortedError:
                continue  # the client gave up before we took it
            self.connections += 1
            if self.dice.random() < self.drop_chance:
                _close(client, reset=True)
                continue
            connection = _Connection(self, client)
            task = asyncio.create_task(connection.run())
            self._open.add(task)
            # not a `finally` in `run`: a task that is cancelled before its first step has none
            task.add_done_callback(connection.close)
            task.add_done_callback(self._open.discard)

    def allowance(self, wanted: int) -> tuple[int, bool]:
        """How many of so many bytes may pass; whether the connection is reset after them."""
        if self._reset_after is None:
            return wanted, False
        if wanted < self._reset_after:
            self._reset_after -= wanted
            return wanted, False
        allowed, self._reset_after = self._reset_after, None
        return allowed, True


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Something on its way: bytes, the end (`data` empty), or the end by an error."""

    due: float
    data: bytes
    error: OSError | None = None


class _Connection:
    """One client's connection and its counterpart at the target."""

    def __init__(self, proxy: FaultProxy, client: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._orderly = False

    async def run(self) -> None:
        """Carry bytes until both sides are done, or the line breaks."""
        try:
            await self._proxy.up.wait_open()
            await self._connect()
        except (OSError, TimeoutError) as error:
            logger.debug("no connection to %s: %s", self._proxy.target, error)
            return
        try:
            await self._carry()
        except* OSError as broken:
            logger.debug("connection to %s broke: %s", self._proxy.target, broken.exceptions)

    def close(self, _task: asyncio.Task[None]) -> None:
        """Let go of both sockets, by a reset unless both sides had said goodbye."""
        _close(self._client, reset=not self._orderly)
        _close(self._server, reset=not self._orderly)

    async def _connect(self) -> None:
        for sock in (self._client, self._server):
            sock.settimeout(0.0)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        async with asyncio.timeout(CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(self._server, self._proxy.target)

    async def _carry(self) -> None:
        async with asyncio.TaskGroup() as group:
            for source, sink, shape in (
                (self._client, self._server, self._proxy.up),
                (self._server, self._client, self._proxy.down),
            ):
                under_way: asyncio.Queue[_Chunk] = asyncio.Queue(QUEUE_CHUNKS)
                group.create_task(_read(source, shape, under_way))
                group.create_task(self._write(sink, shape, under_way))
        self._orderly = True

    async def _write(self, sink: socket.socket, shape: Shape, under_way: asyncio.Queue[_Chunk]) -> None:
        loop = asyncio.get_running_loop()
        pace = shape.pace()
        while True:
            chunk = await under_way.get()
            await asyncio.sleep(chunk.due - time.monotonic())
            await shape.wait_open()
            if chunk.error is not None:
                raise chunk.error
            if not chunk.data:
                sink.shutdown(socket.SHUT_WR)
                return
            data = self._proxy.dice.randbytes(len(chunk.data)) if shape.garbage else chunk.data
            for piece in pace.pieces(data, shape.bytes_per_second):
                await pace.wait(len(piece), shape.bytes_per_second)
                await shape.wait_open()
                allowed, reset = self._proxy.allowance(len(piece))
                await loop.sock_sendall(sink, piece[:allowed])
                shape.passed_bytes += allowed
                if reset:
                    raise ConnectionResetError("reset_after reached")


async def _read(source: socket.socket, shape: Shape, under_way: asyncio.Queue[_Chunk]) -> None:
    """An error travels in line behind the bytes, so that a held direction does not tell of it either."""
    loop = asyncio.get_running_loop()
    while True:
        error: OSError | None = None
        try:
            data = await loop.sock_recv(source, CHUNK_BYTES)
        except OSError as broken:
            data, error = b"", broken
        await under_way.put(_Chunk(due=time.monotonic() + shape.latency, data=data, error=error))
        if not data:
            return


def _close(sock: socket.socket, *, reset: bool) -> None:
    if reset and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
