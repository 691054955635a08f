"""An MQTT broker in this process, in pure Python (amqtt), so that a demo needs nothing but pip. MQTT 3.1.1 only."""

import asyncio
import logging

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker

from simulators.fault import Fault
from simulators.port import ReservedPort

logger = logging.getLogger(__name__)

_ANONYMOUS = "amqtt.plugins.authentication.AnonymousAuthPlugin"
STOP_SECONDS = 10.0


class EmbeddedBroker:
    """An anonymous broker on 127.0.0.1; implements `Simulator`, and keeps its port while it is away.

    Everything it knows (sessions, retained messages) is gone with each stop. The county's README tells what it does
    not do as other brokers do. What it writes to the log is silenced from `start` on: it logs a stack trace for
    each client that leaves in mid-message.
    """

    def __init__(self, port: int = 0) -> None:
        self._wanted_port = port
        self._reserved: ReservedPort | None = None
        self._server: asyncio.Server | None = None
        self._broker: Broker | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._allow = True

    @property
    def port(self) -> int:
        """Where clients connect; known from the first `start` on."""
        assert self._reserved is not None, "start() first"
        return self._reserved.number

    async def start(self) -> None:
        """Serve. Raises OSError when the wanted port is taken."""
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        if self._reserved is None:
            self._reserved = ReservedPort(port=self._wanted_port)
        # "external": we listen and hand connections over, so that port, sockets and tasks are ours to end
        self._broker = Broker(
            {
                "listeners": {"default": {"type": "external"}},
                # without any plugin that says yes, every client is refused
                "plugins": {_ANONYMOUS: {"allow_anonymous": True}} if self._allow else {},
            }
        )
        await self._broker.start()
        self._server = await asyncio.start_server(self._take, sock=self._reserved.listen())

    async def stop(self) -> None:
        """End, forget everything, and give the port back."""
        await self.halt()
        if self._reserved is not None:
            self._reserved.release()
            self._reserved = None

    async def halt(self) -> None:
        """End as a power cut does: connections are reset, new ones refused; the port stays reserved for `start`."""
        if self._server is None or self._broker is None:
            return
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        async with asyncio.timeout(STOP_SECONDS):
            await self._broker.shutdown()
        self._server = self._broker = None

    async def restart(self) -> None:
        """Halt and start at the same port, knowing nothing."""
        await self.halt()
        await self.start()

    async def misbehave(self, fault: Fault) -> None:
        """`REFUSED`: connections are taken and the CONNECT is answered with "not authorised" (5).

        The other faults are the line's: put a `FaultProxy` before the broker. Raises ValueError for them.
        """
        if fault not in {Fault.NONE, Fault.REFUSED}:
            raise ValueError(f"{fault}: put a FaultProxy before the broker, it has this fault")
        self._allow = fault is Fault.NONE
        await self.restart()

    async def power_cycle(self, off_seconds: float) -> None:
        """Gone without a goodbye for so long, then back at the same port without a memory."""
        await self.halt()
        await asyncio.sleep(off_seconds)
        await self.start()

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        # not a `finally` in `_serve`: a task that is cancelled before its first step has none
        task.add_done_callback(lambda _: writer.transport.abort())
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._broker is not None
        try:
            await self._broker.external_connected(
                StreamReaderAdapter(reader), StreamWriterAdapter(writer), "default"
            )
        except OSError as error:
            logger.debug("a client's connection broke: %s", error)
