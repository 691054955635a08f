"""`campus-sim` as a technician meets it: a process, lines in, lines out."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from simulators.__main__ import COMMANDS
from simulators.port import ReservedPort
from simulators.steer import Steering, Verb
from tests.simulators.dc09_receiver import receiving
from tests.simulators.gateway_player import GatewayPlayer
from tests.simulators.test_contact_id import Computer


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


async def test_a_subcommand_loads_its_own_libraries_alone() -> None:
    """No device loads the libraries of camera and county; a panel no site file, a receiver at a line no cryptography."""
    code = "import sys, simulators.{}.command as c; print(*sorted(sys.modules))"
    loaded = {}
    for name in ("dc09", "contact_id", "modbus"):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code.format(name), stdout=asyncio.subprocess.PIPE
        )
        loaded[name] = set((await process.communicate())[0].decode().split())
    for modules in loaded.values():
        assert not modules & {"av", "cv2", "amqtt", "paho"}
    assert not (loaded["dc09"] | loaded["contact_id"]) & {"pydantic", "drivers", "gateway.site"}
    assert "cryptography" in loaded["dc09"]
    assert "cryptography" not in loaded["contact_id"]


async def test_help_names_every_simulator() -> None:
    """Without a device all are listed, each with its line."""
    async with campus_sim("--help") as sim:
        told = (await sim.process.communicate())[0].decode()
    assert sim.process.returncode == 0
    assert [name for name in COMMANDS if f"    {name}" not in told] == []


# Panels


@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_panel_presses_and_ends(tmp_path: Path, encrypted: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """`--press` twice with `--once`: both acknowledgements are told, and it ends with 0."""
    key = bytes(range(32)) if encrypted else None
    options = []
    if key is not None:
        (tmp_path / "key").write_text(f"{key.hex()}\n", encoding="ascii")
        options = ["--key-file", str(tmp_path / "key")]
    async with (
        receiving(key) as receiver,
        campus_sim(
            *["dc09-panel", "--port", str(receiver.port), "--format", "cid", "--once", *options],
            *["--press", "3", "--press", "4"],
        ) as sim,
    ):
        assert await sim.line() == f"panel 1234 dials 127.0.0.1:{receiver.port} over tcp"
        assert (await sim.line()).startswith("acknowledged 1120 00 003 as 0001 at ")
        assert (await sim.line()).startswith("acknowledged 1120 00 004 as 0002 at ")
        assert await sim.end() == 0


async def test_a_panel_that_is_not_acknowledged_ends_with_1() -> None:
    """`--once` waits so long and no longer; what is missing is one line on standard error."""
    async with receiving() as receiver:
        receiver.answer = receiver.silence
        async with campus_sim(
            *["dc09-panel", "--port", str(receiver.port), "--press", "3", "--once", "--timeout", "0.3"]
        ) as sim:
            assert await sim.end() == 1
            assert sim.process.stderr is not None
            told = (await sim.process.stderr.read()).decode()
    assert told == "campus-sim dc09-panel: 1 still to be acknowledged after 0.3 s\n"


async def test_a_panel_is_steered_by_lines() -> None:
    """Presses, restores, codes, faults, clock and power by lines; wrong ones are answered with what would be right."""
    async with (
        receiving(transport="udp") as receiver,
        campus_sim("dc09-panel", "--port", str(receiver.port), "--transport", "udp") as sim,
    ):
        await sim.line()
        assert await sim.tell("fault silent") == "ok"
        assert await sim.tell("press 3") == "queued NPA3"
        assert await sim.tell("press 4 fire") == "queued NFA4"
        assert await sim.tell("restore 4") == "queued NFR4"
        assert await sim.tell("code RP 0") == "queued NRP0"
        assert await sim.tell("list") == "0 acknowledged; 4 waiting: NPA3; NFA4; NFR4; NRP0"
        assert await sim.tell("press x") == "error: zone 'x': give 0 to 999"
        assert (await sim.tell("press 1 flood")).startswith("error: no kind 'flood'; there are: panic,")
        assert (await sim.tell("code 1120 1")).startswith("error: '1120': SIA-DCS wants two letters")
        assert await sim.tell("clock 90") == "ok, until a NAK corrects it"
        assert (await sim.tell("clock inf")).startswith("error: inf s: give ")
        assert await sim.tell("power-cycle 0.01") == "ok, back again"
        assert await sim.tell("fault none") == "ok"
        for word in ("NPA3", "NFA4", "NFR4", "NRP0"):
            assert (await sim.line()).startswith(f"acknowledged {word} as 000")
        assert await sim.tell("quit") == "ok"
        assert await sim.end() == 0


async def test_a_receiver_at_a_line(tmp_path: Path) -> None:
    """`contact-id` lays a pty under the name that it is given, presses, and can be unplugged."""
    link = tmp_path / "receiver"
    async with campus_sim("contact-id", "--serial", str(link), "--press", "3", "--heartbeat", "0.3") as sim:
        assert await sim.line() == f"receiver on {link}"
        computer = Computer(str(link))
        assert (await sim.line()).startswith("acknowledged 5011 181234E12001003 at ")
        computer.close()
        assert await sim.tell("unplug") == "ok"
        assert not link.is_symlink()
        assert await sim.tell("replug") == "ok"
        assert link.is_symlink()
        assert await sim.tell("quit") == "ok"
        assert await sim.end() == 0


# Scenarios


async def test_a_scenario_is_played(tmp_path: Path) -> None:
    """Steps are told at their times and answered beside the keyboard's; with `--once` it ends when all is acknowledged."""
    scenario = tmp_path / "s.toml"
    scenario.write_text(
        """
        [[step]]
        at = 0.2
        do = "fault none"
        [[step]]
        at = 0
        do = "fault silent"
        [[step]]
        at = 0.1
        do = "press 3 duress"
        """,
        encoding="utf-8",
    )
    async with (
        receiving() as receiver,
        campus_sim("dc09-panel", "--port", str(receiver.port), "--scenario", str(scenario), "--once") as sim,
    ):
        await sim.line()
        assert await sim.line() == "0 s  fault silent: ok"
        assert await sim.line() == "0.1 s  press 3 duress: queued NHA3"
        assert await sim.line() == "0.2 s  fault none: ok"
        assert (await sim.line()).startswith("acknowledged NHA3 as 0001")
        assert await sim.end() == 0


async def test_a_scenario_of_a_bus_goes_on_without_once(tmp_path: Path) -> None:
    """Any simulator plays scenarios; without `--once` it serves on; with it a step that fails is exit 1."""
    scenario = tmp_path / "s.toml"
    scenario.write_text('[[step]]\nat = 0\ndo = "press 1/99"\n', encoding="utf-8")
    arguments = ["modbus", "--port", "0", "--scenario", str(scenario)]
    async with campus_sim(*arguments) as sim:
        await sim.line()
        assert (await sim.line()).startswith("0 s  press 1/99: error: ")
        assert await sim.tell("quit") == "ok"
        assert await sim.end() == 0
    async with campus_sim(*arguments, "--once") as sim:
        assert await sim.end() == 1


async def test_a_bad_scenario_starts_nothing(tmp_path: Path) -> None:
    """A step that can't be done is refused with its line and number before the simulator is there."""
    scenario = tmp_path / "s.toml"
    scenario.write_text('[[step]]\nat = 0\ndo = "press 9/0"\n', encoding="utf-8")
    async with campus_sim("modbus", "--port", "0", "--scenario", str(scenario)) as sim:
        assert await sim.line() == ""
        assert await sim.end() == 1
        assert sim.process.stderr is not None
        told = (await sim.process.stderr.read()).decode()
    assert told == f"campus-sim modbus: {scenario} line 1, step 1: no slave 9; there are: 1\n"


async def test_once_wants_something_to_end_after() -> None:
    """`--once` without a scenario is refused where nothing else would end it."""
    async with campus_sim("modbus", "--port", "0", "--once") as sim:
        assert await sim.end() == 1


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
