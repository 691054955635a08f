"""A Modbus TCP device or serial gateway on a real socket: its port, its connections, and their sudden ends."""

import asyncio
import contextlib
import logging
import socket
import struct
from collections import defaultdict
from collections.abc import Iterable
from functools import partial

from simulators.fault import Fault
from simulators.modbus.bus import ModbusBus, Quirk
from simulators.modbus.frames import MAX_TCP_FRAME, MBAP_BYTES, Mbap, parse_mbap, tcp_frame
from simulators.modbus.pdu import ExceptionCode
from simulators.modbus.slave import ModbusSlave
from simulators.port import ReservedPort

MOST_CONNECTIONS = 64
MOST_PENDING = 16  # requests of one connection that wait for their answer; then it is not read further
CLOSE_SECONDS = 5.0
SEND_SECONDS = 5.0  # a master that does not take its answers for so long is cut off

_LINGER_NOT = struct.pack("ii", 1, 0)  # close() sends RST instead of FIN

log = logging.getLogger(__name__)


class ModbusTcpSimulator(ModbusBus):
    """Slaves behind one TCP port; port 0 takes a free one, which `port` then tells and which is kept until `stop`.

    `absent` is what is answered for an id where no slave is: nothing (a device), or a gateway's exception 0x0A or 0x0B.
    At most 64 connections, the next is reset; 16 requests wait in each. An idle connection is kept for ever.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        slaves: Iterable[ModbusSlave] = (),
        *,
        absent: ExceptionCode | None = None,
    ) -> None:
        super().__init__(slaves, absent=absent)
        self.host = host
        self._asked_port = port
        self._reserved: ReservedPort | None = None
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._passing = asyncio.Event()

    @property
    def port(self) -> int:
        """The port, also while nobody listens there. Raises RuntimeError unless started."""
        if self._reserved is None:
            raise RuntimeError("Modbus TCP simulator has no port yet: start it first")
        return self._reserved.number

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    async def _follow(self) -> None:
        fault = self._trouble.fault
        if fault is Fault.HALF_OPEN:
            self._passing.clear()
        else:
            self._passing.set()
        if self._running and self._reserved is None:
            self._reserved = ReservedPort(self.host, self._asked_port)
        if self._reserved is None:
            return
        if self._running and self._powered and fault is not Fault.REFUSED:
            await self._listen(self._reserved)
        else:
            await self._vanish()
        if not self._running:
            self._reserved.release()
            self._reserved = None

    async def _listen(self, reserved: ReservedPort) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(
                self._accept, sock=reserved.listen(), limit=MAX_TCP_FRAME
            )

    async def _vanish(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        connections = dict(self._connections)
        for task, writer in connections.items():
            _reset(writer)
            task.cancel()
        if connections:
            await asyncio.wait(connections, timeout=CLOSE_SECONDS)
        for writer in connections.values():
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await writer.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None or len(self._connections) >= MOST_CONNECTIONS:
            _reset(writer)
            return
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._connections.pop(task).transport.abort()
        if not task.cancelled() and (error := task.exception()):
            log.error("Modbus TCP connection ended by a fault of the simulator", exc_info=error)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        room = asyncio.Semaphore(MOST_PENDING)
        try:
            async with asyncio.TaskGroup() as answers:
                while request := await self._next(reader):
                    await room.acquire()
                    exchange = answers.create_task(self._exchange(*request, writer))
                    exchange.add_done_callback(lambda _: room.release())
                if not self._passing.is_set():
                    raise ConnectionAbortedError("the master gave up on a half-open connection")
        except* (ConnectionError, TimeoutError):
            log.debug("Modbus TCP master is gone")

    async def _next(self, reader: asyncio.StreamReader) -> tuple[Mbap, bytes] | None:
        """The next whole frame; None at the end of the stream, and when the stream can't be followed any longer."""
        try:
            header = parse_mbap(await reader.readexactly(MBAP_BYTES))
            if not header.is_modbus:
                self.malformed += 1
                return None
            request = await reader.readexactly(header.length - 1)
        except asyncio.IncompleteReadError:
            return None
        return header, request

    async def _exchange(self, header: Mbap, request: bytes, writer: asyncio.StreamWriter) -> None:
        await self._passing.wait()
        self.requests[header.unit] += 1
        async with self._turns[header.unit]:
            await asyncio.sleep(self._think_seconds(header.unit))
            await self._passing.wait()
            data = self._respond(header.unit, request, partial(tcp_frame, header.transaction, header.unit))
            if data is not None:
                writer.write(data)
                async with asyncio.timeout(SEND_SECONDS):
                    await writer.drain()
                if self._quirk(header.unit) is Quirk.CUT:
                    writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    if writer.is_closing():  # the master was faster
        return
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()
