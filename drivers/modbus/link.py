"""The narrow bridge to pymodbus: one connection, one request at a time, and what can go wrong in our own words.

What it adds to the library's client: the reason why a connection failed, an end of the wait when the connection
breaks, a check that the answer fits the request, and the bytes that nobody could read. It never connects again.
"""

import asyncio
import errno
import logging
import termios
from collections.abc import Awaitable, Callable, Sequence

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.framer import FramerType
from pymodbus.pdu import ModbusPDU

from drivers.modbus.bus_time import read_characters, write_characters
from drivers.modbus.codec import PASSING, Block, Write, fault_of, fault_of_echo, meaning_of
from drivers.modbus.framing import MOST_AT_ONCE, RtuFramer, TcpFramer, without_echo
from drivers.modbus.settings import BusKeys, Function
from gateway.clock import Clock
from gateway.errors import DeviceRefused, DeviceUnavailable, GatewayError

CONNECT_LIMIT_S = 3.0

#: pymodbus closes a connection of its own accord after some requests without an answer; one dead slave is no reason.
_NEVER = 1 << 62

#: Characters of the longest request and answer there are.
_LONGEST_FRAMES = 2 * 256

# pymodbus logs each time-out as an error; the supervisor says once what is the matter.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)


class NoAnswer(GatewayError):  # noqa: N818 - what it is, as in gateway.errors
    """The device did not answer this request in time, or a gateway on the way says so: ask again later.

    `heard` are bytes that came and were no answer.
    """

    def __init__(self, why: str, heard: bytes = b"") -> None:
        self.heard = heard
        super().__init__(why)


class GatewayAnswered(NoAnswer):
    """The device did not do what was asked, but somebody on the line answered: the line is alive."""


class RequestRefused(GatewayError):  # noqa: N818
    """The device answers this request with an exception: a person must look at the site file or the device."""

    def __init__(self, what: Block | Write, code: int) -> None:
        self.code = code
        act = "read" if isinstance(what, Block) else "write"
        super().__init__(f"refuses to {act} {what}: exception {code}, {meaning_of(code)}")


class Link:
    """One open connection. `open` first; after DeviceUnavailable it is of no more use."""

    def __init__(self, bus: BusKeys, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._gap_s = max(bus.gap_ms / 1000, bus.silence_s)
        self._quiet_since = 0.0
        self._heard = b""
        self._asking = False
        is_rtu = bus.serial is not None or bus.framer == "rtu"
        self._framer: RtuFramer | TcpFramer = RtuFramer() if is_rtu else TcpFramer()
        self._client: AsyncModbusTcpClient | AsyncModbusSerialClient | None = None

    @property
    def name(self) -> str:
        """The connection as a technician knows it."""
        return self._bus.serial or f"{self._bus.host}:{self._bus.port}"

    async def open(self) -> None:
        """Connect, in 3 s at most. Raises DeviceUnavailable, and DeviceRefused where a person must give the right."""
        client = self.prepare()
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                # what `client.connect()` does, which tells nobody why it failed
                client.ctx.transport, _ = await client.ctx.call_create()
        except TimeoutError as error:
            words = (
                f"{self.name} is silent for {CONNECT_LIMIT_S:g} s; check its power, the network and `host`"
            )
            raise DeviceUnavailable(words) from error
        except (termios.error, ValueError) as error:
            raise DeviceRefused(
                f"{self.name} can't be set to {self._bus.line_words}; give it a speed and parity that the adapter has"
            ) from error
        except OSError as error:
            raise self._why_not(error) from error

    def prepare(self) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
        """The library's client as `open` connects it."""
        client = self._client = self._build()
        client.set_max_no_responses(_NEVER)
        client.ctx.framer = self._framer
        client.ctx.max_buffer_size = MOST_AT_ONCE
        return client

    async def read(self, slave: int, block: Block) -> Sequence[int]:
        """The block's cells. Raises NoAnswer, RequestRefused, and DeviceUnavailable when the connection is gone."""
        answer = await self._exchange(lambda: self._ask(slave, block), read_characters(block))
        self._require(answer, block)
        cells = answer.bits if block.function.is_bit else answer.registers
        if wrong := fault_of(block, answer.function_code, cells):
            raise NoAnswer(wrong, self._heard)
        return cells

    async def write(self, slave: int, write: Write) -> None:
        """Set a cell, and see that the echo is right. Raises as `read` does."""
        answer = await self._exchange(lambda: self._tell(slave, write), write_characters())
        self._require(answer, write)
        values = answer.bits if write.function is Function.COIL else answer.registers
        value = int(values[0]) if values else -1
        if wrong := fault_of_echo(write, answer.function_code, answer.address, value):
            raise NoAnswer(wrong, self._heard)

    async def _exchange(self, request: Callable[[], Awaitable[ModbusPDU]], characters: int) -> ModbusPDU:
        """`timeout_s` is for the device: what so many characters take on the line comes on top."""
        await self._keep_gap()
        self._heard = b""
        self._asking = True
        try:
            async with asyncio.timeout(self._bus.request_timeout_s + characters * self._bus.character_s):
                answer = await request()
        except TimeoutError:
            raise self._silence() from None
        except (ModbusException, OSError) as error:
            raise DeviceUnavailable(
                f"{self.name} broke the connection; check its power and the network"
            ) from error
        finally:
            self._asking = False
            self._quiet_since = self._clock.monotonic()
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError  # wait_for of Python 3.11, in pymodbus, loses it when the answer is just there
        return answer

    def close(self) -> None:
        """Let go of socket or line at once. Doing so twice does no harm."""
        if self._client is not None:
            transport = self._client.ctx.transport
            if isinstance(transport, asyncio.Transport):
                transport.abort()  # close() would wait for a peer that takes nothing
            self._client.close()
            self._client = None

    def _build(self) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
        # its own time-out is never reached: ours is shorter
        limit = self._bus.request_timeout_s + _LONGEST_FRAMES * self._bus.character_s + 1
        if self._bus.serial is not None:
            return AsyncModbusSerialClient(
                self._bus.serial,
                framer=FramerType.RTU,
                baudrate=self._bus.baudrate,
                parity=self._bus.parity,
                stopbits=self._bus.stopbits,
                timeout=limit,
                retries=0,
                reconnect_delay=0,
                trace_packet=self._listen,
                trace_connect=self._connection_changed,
            )
        assert self._bus.host is not None
        return AsyncModbusTcpClient(
            self._bus.host,
            port=self._bus.port,
            framer=FramerType(self._bus.framer),
            timeout=limit,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._listen,
            trace_connect=self._connection_changed,
        )

    async def _keep_gap(self) -> None:
        """Wait for silence on the line; one that is never silent is waited for no longer than for an answer."""
        until = self._clock.monotonic() + max(self._gap_s, self._bus.request_timeout_s)
        while self._gap_s and (now := self._clock.monotonic()) < until:
            wait = self._quiet_since + self._gap_s - now
            if wait <= 0:
                return
            await self._clock.sleep(wait)

    def _open_client(self) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
        client = self._client
        if client is None or not client.connected:
            raise ConnectionException("closed")
        return client

    async def _ask(self, slave: int, block: Block) -> ModbusPDU:
        client = self._open_client()
        match block.function:
            case Function.COIL:
                return await client.read_coils(block.address, count=block.count, device_id=slave)
            case Function.DISCRETE:
                return await client.read_discrete_inputs(block.address, count=block.count, device_id=slave)
            case Function.HOLDING:
                return await client.read_holding_registers(block.address, count=block.count, device_id=slave)
            case Function.INPUT:
                return await client.read_input_registers(block.address, count=block.count, device_id=slave)

    async def _tell(self, slave: int, write: Write) -> ModbusPDU:
        client = self._open_client()
        if write.function is Function.COIL:
            return await client.write_coil(write.address, bool(write.value), device_id=slave)
        return await client.write_register(write.address, write.value, device_id=slave)

    def _require(self, answer: ModbusPDU, what: Block | Write) -> None:
        """Raises what an exception answer means."""
        if answer.isError():
            if answer.exception_code in PASSING:
                raise GatewayAnswered(meaning_of(answer.exception_code))
            raise RequestRefused(what, answer.exception_code)

    def _silence(self) -> NoAnswer:
        heard, echo = self._heard, ""
        if isinstance(self._framer, RtuFramer):
            heard = without_echo(self._framer.request, self._heard)
            if heard != self._heard:
                echo = " (only the adapter's echo of our request)"
        if heard:
            return NoAnswer(
                "answers with bytes that are no answer to it; check baud rate, parity, polarity, "
                "and that no other device has its number",
                heard,
            )
        return NoAnswer(
            f"no answer in {self._bus.request_timeout_s:g} s{echo}; check its power, its wires and `slave`"
        )

    def _listen(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001 - pymodbus calls it so
        if not sending:
            self._heard = data
            self._quiet_since = self._clock.monotonic()
        return data

    def _connection_changed(self, connected: bool) -> None:  # noqa: FBT001 - pymodbus calls it so
        """Whoever waits for an answer need not wait for the time-out too."""
        if not connected and self._asking and self._client is not None:
            pending = self._client.ctx.response_future
            if not pending.done():
                pending.set_exception(ConnectionException("closed"))

    def _why_not(self, error: OSError) -> GatewayError:
        words = error.strerror or str(error)
        match error.errno:
            case errno.EACCES | errno.EPERM:
                return DeviceRefused(
                    f"{self.name} may not be opened ({words}); give the gateway's user the right to it"
                )
            case errno.ENOENT | errno.ENODEV | errno.ENXIO:
                return DeviceUnavailable(
                    f"{self.name} is not there; check that the adapter is plugged in, and `serial`"
                )
            case errno.EAGAIN | errno.EBUSY:
                return DeviceUnavailable(f"{self.name} is in use by another program; stop that one")
            case errno.ECONNREFUSED:
                return DeviceUnavailable(
                    f"{self.name} refuses connections; check `port`, or wait for the device to start"
                )
            case _:
                return DeviceUnavailable(
                    f"{self.name} can't be reached ({words}); check its power, the network and `host`"
                )
