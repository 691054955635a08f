"""How many messages a second each receiver takes to durable commit, with 50 panels that call at once."""

import asyncio
import contextlib
import os
import pty
import sqlite3
import termios
import time
import tty
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.bench.figures import Each, Figure, Result
from gateway.bench.harness import READY_LIMIT_S, Bed, bed, daemon
from gateway.bench.processes import BenchError
from gateway.bench.progress import progress
from gateway.clock import SystemClock
from gateway.model import Kind, Level, Message, Origin, Signal
from gateway.site import load_site
from gateway.store import Journal
from simulators.dc09.frames import Sender, frame
from simulators.gb26875.frames import Command, Deframer, Frame
from simulators.gb26875.units import Type, pack_time, place, status_of_component, unit
from simulators.port import ReservedPort

PANELS = 50

#: A panel waits so long for one acknowledgement; the slowest disk is quicker.
_ANSWER_LIMIT_S = 30.0
_ANSWER_BYTES = 4096
_DIAL_AGAIN_S = 0.05

#: Presses and repeats: each message of a panel is one of them.
_ALARMS = "select count(*) from event where type in ('campus.alarm.raised.v1', 'campus.alarm.repeated.v1')"


@dataclass(frozen=True, slots=True)
class _Protocol:
    """One receiver: the site file's tables, and the `n`th message of a panel, whose number is from 0."""

    name: str
    tables: Callable[[int | Path], str]
    message: Callable[[int, int], bytes]
    is_answered: Callable[[bytes, int], bool]


async def run(place: Path, *, count: int) -> Result:
    """`count` messages for each protocol, one of a panel at a time. Raises BenchError where one is not acknowledged."""
    each = {}
    broken: list[str] = []
    raw = await _commits_per_s(place, count)
    for protocol in (_DC09, _GB26875):
        async with bed(place) as made:
            port = _free_port()
            async with daemon(made, made.write_site(protocol.tables(port))):
                each[protocol.name] = count / await _call_all(protocol, port, count)
            broken += _missing(made, protocol, count)
    async with bed(place) as made:
        with _line() as (master, name):
            async with daemon(made, made.write_site(_CONTACT_ID.tables(name))):
                each[_CONTACT_ID.name] = count / await _call_on_line(master, count)
        broken += _missing(made, _CONTACT_ID, count)
    figures: dict[str, Figure] = {
        "panels": PANELS,
        "messages_per_s": Each({name: round(rate) for name, rate in each.items()}),
        "ratio": Each({name: round(rate / raw, 2) for name, rate in each.items()}),
        "journal_messages_per_s": round(raw),
    }
    return Result(figures=figures, broken=broken)


def _free_port() -> int:
    reserved = ReservedPort()
    try:
        return reserved.number
    finally:
        reserved.release()


# ---- the receivers


async def _call_all(protocol: _Protocol, port: int, count: int) -> float:
    """All panels at once; the seconds from the first message to the last acknowledgement."""
    each = count // PANELS
    done = 0
    with progress(protocol.name, each * PANELS) as advance:

        async def panel(number: int) -> None:
            nonlocal done
            reader, writer = await _dialled(port)
            try:
                for n in range(each):
                    writer.write(protocol.message(number, n))
                    answer = b""
                    async with asyncio.timeout(_ANSWER_LIMIT_S):
                        while not protocol.is_answered(answer, n):
                            part = await reader.read(_ANSWER_BYTES)
                            if not part:
                                raise BenchError(f"{protocol.name}: panel {number} was hung up on")
                            answer += part
                    done += 1
                    advance(done)
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

        return await _timed([panel(number) for number in range(PANELS)], protocol.name)


async def _dialled(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection, as soon as the receiver listens. Raises OSError."""
    deadline = time.monotonic() + READY_LIMIT_S
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_DIAL_AGAIN_S)


async def _timed(panels: Sequence[Awaitable[None]], name: str) -> float:
    begun = time.perf_counter()
    try:
        await asyncio.gather(*panels)
    except (OSError, TimeoutError) as error:
        raise BenchError(f"{name}: a message was not acknowledged: {error!r}") from error
    return time.perf_counter() - begun


async def _call_on_line(master: int, count: int) -> float:
    """Fifty panels behind one receiver, whose line is as quick as memory; the seconds to the last acknowledgement."""
    loop = asyncio.get_running_loop()
    heard = asyncio.Event()
    os.set_blocking(master, False)

    def listen() -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(master, _ANSWER_BYTES)
            heard.set()

    async def receiver() -> None:
        with progress(_CONTACT_ID.name, count) as advance:
            for n in range(count):
                heard.clear()
                os.write(master, _CONTACT_ID.message(n % PANELS, n))
                async with asyncio.timeout(_ANSWER_LIMIT_S):
                    await heard.wait()
                advance(n)

    loop.add_reader(master, listen)
    try:
        return await _timed([receiver()], _CONTACT_ID.name)
    finally:
        loop.remove_reader(master)


@contextlib.contextmanager
def _line() -> Iterator[tuple[int, Path]]:
    """A pty: its master, and the name of its other end."""
    master, slave = pty.openpty()
    try:
        tty.setraw(slave, termios.TCSANOW)
        yield master, Path(os.ttyname(slave))
    finally:
        os.close(master)
        os.close(slave)


# ---- what they are compared with, and what must be there in the end


async def _commits_per_s(place: Path, count: int) -> float:
    """What the journal alone takes from as many tasks as there are panels, one message of each at a time."""
    async with bed(place) as made:
        site = load_site(made.write_site(""), {})
        journal = await Journal.open(site, clock=SystemClock())
        try:

            async def panel(number: int) -> None:
                for n in range(count // PANELS):
                    press = Signal(
                        device=f"panel-{number}",
                        point=f"panel-{number}:1",
                        kind=Kind.PANIC,
                        level=Level.ACTIVE,
                        origin=Origin.EVENT,
                    )
                    data = f"{number} {n}".encode()
                    await journal.receive(
                        Message(device=press.device, account=press.device, data=data, signals=(press,))
                    )

            seconds = await _timed([panel(number) for number in range(PANELS)], "journal")
        finally:
            await journal.close()
    return count / seconds


def _missing(made: Bed, protocol: _Protocol, count: int) -> list[str]:
    """Every acknowledged message is an event of the journal."""
    with contextlib.closing(sqlite3.connect(made.directory / "state" / "journal.db")) as db:
        found = db.execute(_ALARMS).fetchone()[0]
    return (
        [] if found == count else [f"{protocol.name}: {count} were acknowledged, {found} are in the journal"]
    )


# ---- the protocols, as the simulators write them


def _devices(bus: str, keys: Callable[[int], str]) -> str:
    head = f'[[bus]]\nid = "panels"\n{bus}\n'
    return head + "".join(
        f'[[device]]\nid = "panel-{n}"\nzone = "gate"\nbus = "panels"\n{keys(n)}\n' for n in range(PANELS)
    )


def _account(number: int) -> str:
    return f"{0x1000 + number:04X}"


def _dc09_message(number: int, n: int) -> bytes:
    account = _account(number)
    body = Sender(account=account).body(
        "ADM-CID", n % 9999 + 1, f"#{account}|1120 01 {n % 8 + 1:03d}", moment=datetime.now(UTC)
    )
    return frame(body)


def _gb26875_message(number: int, n: int) -> bytes:
    now = pack_time(datetime.now())  # noqa: DTZ005 - a panel tells local time
    fire = status_of_component(place(1, 1, 0x28, n % 8 + 1), 0x0002, "感烟探测器") + now
    return Frame(
        serial=n & 0xFFFF,
        source=1000 + number,
        destination=1,
        command=Command.SEND,
        time=now,
        data=unit(Type.COMPONENT_STATUS, [fire]),
    ).encode()


def _is_confirmed(answer: bytes, n: int) -> bool:
    """The centre may ask for the panel's state meanwhile: only the confirmation of this very message counts."""
    return any(
        isinstance(found, Frame) and (found.command, found.serial) == (Command.CONFIRM, n & 0xFFFF)
        for found in Deframer().feed(answer)
    )


def _contact_id_message(number: int, n: int) -> bytes:
    return f"5011 18{_account(number)}E12001{n % 8 + 1:03d}\x14".encode()


_DC09 = _Protocol(
    name="dc09",
    tables=lambda port: _devices(
        f'driver = "dc09"\nhost = "127.0.0.1"\nport = {port}\ntransport = "tcp"',
        lambda n: f'account = "{_account(n)}"',
    ),
    message=_dc09_message,
    is_answered=lambda answer, _: answer.endswith(b"\r"),
)
_GB26875 = _Protocol(
    name="gb26875",
    tables=lambda port: _devices(
        f'driver = "gb26875"\nhost = "127.0.0.1"\nport = {port}', lambda n: f"panel = {1000 + n}"
    ),
    message=_gb26875_message,
    is_answered=_is_confirmed,
)
_CONTACT_ID = _Protocol(
    name="contact_id",
    tables=lambda line: _devices(
        f'driver = "contact_id"\nserial = "{line}"', lambda n: f'account = "{_account(n)}"'
    ),
    message=_contact_id_message,
    is_answered=lambda answer, _: answer.endswith(b"\x06"),
)
