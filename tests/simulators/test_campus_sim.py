"""`campus-sim` as a technician meets it: a process, lines in, lines out."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from simulators.port import ReservedPort
from simulators.steer import Steering, Verb
from tests.simulators.gateway_player import GatewayPlayer


class Sim:
    """A running `campus-sim`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout

    async def line(self) -> str:
        """The next line that it says."""
        async with asyncio.timeout(30):
            return (await self._output.readline()).decode().rstrip("\n")

    async def tell(self, line: str) -> str:
        """Its answer to a line."""
        self._input.write(f"{line}\n".encode())
        return await self.line()

    async def end(self) -> int:
        """Its exit code, once it has ended."""
        async with asyncio.timeout(30):
            return await self.process.wait()

    async def close_input(self) -> None:
        """The end of standard input."""
        self._input.close()
        await self._input.wait_closed()


@asynccontextmanager
async def campus_sim(*arguments: str) -> AsyncIterator[Sim]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators", *arguments, stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        yield Sim(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def port_of(banner: str) -> int:
    return int(banner.rpartition(":")[2])


async def test_buttons_are_pressed_by_lines() -> None:
    """Each line is answered with a line, wrong ones with what would be right, and `quit` ends it with 0."""
    async with campus_sim("modbus", "--port", "0", "--slave", "1", "--slave", "2") as sim:
        assert (await sim.line()).startswith("Modbus TCP on 127.0.0.1:")
        assert (await sim.tell("press 1/0")).startswith("pressed at ")
        assert (await sim.tell("release 1/0")).startswith("released at ")
        assert (await sim.tell("pulse 2/3 0.01")).startswith("pressed at ")
        assert await sim.tell("press 3/0") == "error: no slave 3; there are: 1, 2"
        assert await sim.tell("fault silent 2") == "ok"
        assert (await sim.tell("fault sulking")).startswith(
            "error: no fault 'sulking'; there are: none, silent,"
        )
        assert await sim.tell("power-cycle 0.01") == "ok, back again"
        assert (await sim.tell("counts")) == "requests: none; malformed: 0"
        assert await sim.tell("jump") == "error: no such command 'jump'; `help` lists them"
        assert await sim.tell("quit") == "ok"
        assert await sim.end() == 0


async def test_broker_and_county_in_two_processes() -> None:
    """The county tells each event as it comes, reports, and takes commands by a line."""
    async with campus_sim("broker", "--port", "0") as broker:
        port = port_of(await broker.line())
        async with campus_sim("county", "--port", str(port), "--protocol", "3.1.1") as county:
            await county.line()
            gateway = GatewayPlayer(port, "3.1.1")
            gateway.answers["drill"] = b'{"id": "d-1", "ok": false, "reason": "no"}'
            await gateway.start()
            await gateway.send(1)
            assert "campus.gateway.stream-started.v1" in await county.line()
            assert (await county.tell("report")).startswith("1 events of 1 sources in 1 streams")
            assert await county.tell("receipts none") == "ok"
            assert "'sometimes' is not a valid Honesty" in await county.tell("receipts sometimes")
            command = """command 330106 s1 '{"id": "d-1", "type": "drill", "zone": "all", "minutes": 5}'"""
            assert (await county.tell(command)).startswith("refused: ")
            assert (await county.tell("rubbish 330106 s1")).endswith("rubbish receipts and commands sent")
            assert await county.tell("lose-store") == "ok, everything is forgotten"
            await gateway.stop()
            assert await county.tell("quit") == "ok"
            assert await county.end() == 0


async def test_a_slow_broker_and_one_without_power() -> None:
    """The line before the broker has the faults that it lacks: 2 s each way; without power it forgets and comes back."""
    async with campus_sim("broker", "--port", "0") as broker:
        port = port_of(await broker.line())
        gateway = GatewayPlayer(port, "3.1.1")
        await gateway.start()
        assert await broker.tell("fault slow") == "ok"
        begun = time.monotonic()
        await gateway.send(1)
        assert time.monotonic() - begun >= 3.9
        assert await broker.tell("fault none") == "ok"
        assert await broker.tell("power-cycle 0.2") == "ok, back again"
        await gateway.stop()
        again = GatewayPlayer(port, "3.1.1")
        await again.start()
        await again.send(1)
        await again.stop()
        assert await broker.tell("quit") == "ok"
        assert await broker.end() == 0


async def test_it_goes_on_without_input_until_it_is_told_to_end() -> None:
    """Standard input at its end (a service, a background job) is no reason to leave; SIGTERM is, and gives 0."""
    async with campus_sim("broker", "--port", "0") as broker:
        port = port_of(await broker.line())
        await broker.close_input()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()
        broker.process.send_signal(signal.SIGTERM)
        assert await broker.end() == 0


async def test_a_taken_port_is_one_line_and_1() -> None:
    """What can't be had is said in one line on standard error."""
    taken = ReservedPort()
    with taken.listen():
        async with campus_sim("broker", "--port", str(taken.number)) as broker:
            assert await broker.end() == 1
            assert broker.process.stderr is not None
            told = (await broker.process.stderr.read()).decode()
    taken.release()
    assert told.startswith("campus-sim broker: ")
    assert told.count("\n") == 1


@pytest.mark.parametrize("error", [ValueError("wrong"), OSError("wrong"), TimeoutError("wrong")])
async def test_what_did_not_work_is_answered(error: Exception) -> None:
    """An act that fails is answered with its reason and does not end the steering."""

    async def fail(_words: object) -> str:
        raise error

    steering = Steering([Verb("fail", "always", fail)])
    assert await steering.obey("fail now") == "error: wrong"
    assert await steering.obey("say 'half") == "error: No closing quotation"
    assert await steering.obey("   ") == ""
    assert await steering.obey("quit") == "ok"
    assert steering.has_quit
