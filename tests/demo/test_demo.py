"""The demo as a person or a machine runs it: a process, its lines, its timeline, and nothing left behind."""

import asyncio
import fcntl
import json
import os
import pty
import re
import signal
import struct
import sys
import tempfile
import termios
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from drivers import DRIVERS
from gateway.__main__ import main
from gateway.demo import sitefile
from gateway.demo.command import Options, run_demo
from gateway.demo.stage import Stage
from simulators.port import ReservedPort
from tests.wait import until

#: Clocks of three processes are read one after the other; on a loaded machine somebody may be put aside in between.
CLOCK_SLOP = timedelta(milliseconds=200)

#: The scripted day as the county must have it, whatever else comes between: type and subject, in sequence.
DAY = [
    ("gateway.stream-started", "gateway"),
    ("gateway.started", "gateway"),
    # a press, answered
    ("alarm.raised", "gate-button"),
    ("evidence.snapshot", "cam-gate"),
    ("alarm.acknowledged", "gate-button"),
    ("alarm.returned", "gate-button"),
    ("alarm.closed", "gate-button"),
    # the fire panel: silenced, reset, then acknowledged
    ("alarm.raised", "stage-smoke"),
    ("alarm.silenced", "stage-smoke"),
    ("alarm.returned", "stage-smoke"),
    ("alarm.acknowledged", "stage-smoke"),
    ("alarm.closed", "stage-smoke"),
    # the first press's film
    ("evidence.clip", "cam-gate"),
    # while the link is down
    ("alarm.raised", "gate-button"),
    ("alarm.returned", "gate-button"),
    ("alarm.repeated", "gate-button"),
    # the camera
    ("device.offline", "cam-gate"),
    ("alarm.raised", "cam-gate"),
    ("device.online", "cam-gate"),
    ("alarm.returned", "cam-gate"),
    ("alarm.closed", "cam-gate"),
    # SIGKILL, with one alarm open and one press that finds it dead
    ("alarm.raised", "office-button"),
    ("gateway.started", "gateway"),
    ("alarm.raised", "gate-button"),
    ("alarm.closed", "office-button"),
    ("alarm.closed", "gate-button"),
]
PRESSES = [
    "gate-button",
    "stage-smoke",
    "gate-button",
    "gate-button",
    "office-button",
    "hall-smoke",
    "office-button",
    "gate-button",
]


class Demo:
    """A running `campus-gateway demo`, marked so that all its processes can be found, also those that it left."""

    def __init__(self, process: asyncio.subprocess.Process, mark: str, temporary: Path) -> None:
        self.process = process
        self.temporary = temporary
        self.lines: list[str] = []
        self._mark = mark.encode()

    def processes(self) -> list[int]:
        """Every living process of this demo, itself included."""
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):  # it ended while we looked, or is not ours
                if entry.name.isdecimal() and self._mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found

    def directories(self) -> list[Path]:
        """What is left of the demo's directory."""
        return list(self.temporary.glob("campus-demo-*"))

    async def line_with(self, words: str) -> str:
        """Wait for a line of its output; returns it."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            while line := (await self.process.stdout.readline()).decode():
                self.lines.append(line)
                if words in line:
                    return line
        raise AssertionError(f"no {words!r} in {self.lines}")

    async def end(self) -> int:
        """Its exit code, once it has ended; the rest of its lines are there then."""
        assert self.process.stdout is not None
        async with asyncio.timeout(110):
            self.lines += (await self.process.stdout.read()).decode().splitlines()
            return await self.process.wait()


@asynccontextmanager
async def demo(temporary: Path, *arguments: str, language: str = "en_GB.UTF-8") -> AsyncIterator[Demo]:
    mark = f"DEMO_UNDER_TEST={uuid.uuid4()}"
    name, _, value = mark.partition("=")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "demo", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, name: value, "TMPDIR": str(temporary), "LC_ALL": language},
    )
    running = Demo(process, mark, temporary)
    try:
        yield running
    finally:
        for left in running.processes():
            with suppress(ProcessLookupError):
                os.kill(left, signal.SIGKILL)
        await process.communicate()


def moment(event: dict[str, Any], key: str) -> datetime:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event[key]), (key, event)
    return datetime.fromisoformat(event[key])


async def test_the_scripted_day_is_seen_by_the_county(tmp_path: Path) -> None:
    """Headless it exits 0, tells every step, leaves nothing behind; the timeline has every step with all its times."""
    timeline = tmp_path / "timeline.json"
    async with demo(tmp_path, "--headless", "--json", str(timeline)) as day:
        assert await day.end() == 0, "\n".join(day.lines)
        assert not day.processes()
        assert not day.directories()
    text = "\n".join(day.lines)
    assert text.count("✓") == 11
    assert text.index("the sounder is on") < text.index("the sounder is off")
    assert re.search(r"the county has the snapshot \(\d+ kB\), \d+\.\d s after the press", text)
    assert re.search(r"the clip is whole \(\d+ kB\), its SHA-256 is right", text)
    assert "the held segment" in text
    assert "no gap, no violation" in text

    events = json.loads(timeline.read_text(encoding="utf-8"))["events"]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert len({event["id"] for event in events}) == len(events)
    told = iter(
        (event["type"].removeprefix("campus.").removesuffix(".v1"), event["subject"]) for event in events
    )
    assert [step for step in DAY if step not in told] == []
    for event in events:
        times = [moment(event, key) for key in ("committed", "published", "received", "receipted")]
        if event["pressed"] is not None:
            times.insert(0, moment(event, "pressed"))
        assert all(before <= after + CLOCK_SLOP for before, after in pairwise(times)), event
    pressed = [event for event in events if event["pressed"] is not None]
    assert sorted(event["subject"] for event in pressed) == sorted(PRESSES)  # two come in the same instant
    assert {event["type"].split(".")[2] for event in pressed} == {"raised", "repeated"}


def test_a_county_without_receipts_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check can fail: nothing is confirmed, so it exits 1, says what is missing, and keeps what is needed to see why."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    options = Options(headless=True, receipts=False, timeline=tmp_path / "timeline.json")

    assert run_demo(options, DRIVERS) == 1

    told = capsys.readouterr()
    assert "there is no receipt for event 1 (stream begins, gateway)" in told.err
    assert "not done: somebody presses the button in the gatehouse; the county" in told.err
    assert "snapshot: the county has event" in told.err
    assert "not begun: the link to the county is cut" in told.err
    assert "all is well" not in told.out
    [kept] = tmp_path.glob("campus-demo-*")
    assert str(kept) in told.err
    assert (kept / "gateway.log").read_text(encoding="utf-8")
    events = json.loads((tmp_path / "timeline.json").read_text(encoding="utf-8"))["events"]
    assert {event["receipted"] for event in events} == {None}


@pytest.mark.parametrize(
    ("number", "when", "processes"),
    [(signal.SIGINT, "✓ start", 3), (signal.SIGHUP, "console http", 2), (signal.SIGTERM, "setting up", 1)],
)
async def test_a_signal_ends_it_in_order(
    tmp_path: Path, number: signal.Signals, when: str, processes: int
) -> None:
    """Ctrl-C, a lost ssh connection, at any time: no process, no file is left, and nothing is said to have been checked."""
    async with demo(tmp_path, "--headless") as running:
        await running.line_with(when)
        assert len(running.processes()) >= processes  # itself, the gateway, the recorder

        running.process.send_signal(number)

        assert await running.end() == 1
        assert "interrupted" in running.lines[-1]
        assert not running.processes()
        assert not running.directories()


async def test_a_killed_demo_leaves_no_process(tmp_path: Path) -> None:
    """Not even SIGKILL of the demo leaves its gateway or recorder behind."""
    async with demo(tmp_path, "--headless") as running:
        await running.line_with("✓ start")
        running.process.kill()
        await running.process.wait()

        await until(lambda: not running.processes(), seconds=20)


async def test_a_gateway_that_dies_by_itself_is_a_failure(tmp_path: Path) -> None:
    """Nobody in the script killed it: exit 1, and the reason is said; its log is kept."""
    async with demo(tmp_path, "--headless") as running:
        await running.line_with("✓ start")
        [gateway] = [
            process
            for process in running.processes()
            if b"\0gateway\0run\0" in Path(f"/proc/{process}/cmdline").read_bytes()
        ]
        os.kill(gateway, signal.SIGKILL)

        assert await running.end() == 1
        assert any("the gateway ended by itself with exit code -9" in line for line in running.lines)
        [kept] = running.directories()
        assert (kept / "gateway.log").stat().st_size


async def test_without_a_terminal_it_tells_lines_and_ends_by_itself(tmp_path: Path) -> None:
    """Not headless, but in a pipe: plain lines, in Chinese where LANG says so; `--seconds` ends it with 0."""
    async with demo(tmp_path, "--seconds", "8", language="zh_CN.UTF-8") as running:
        line = await running.line_with("控制台 http://127.0.0.1:")
        assert "用户 guard" in line
        assert await running.end() == 0
        assert any("没有终端" in line for line in running.lines)
        assert not running.processes()
        assert not running.directories()


_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A real terminal of 100 by 30, as tmux or ssh would be."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        os.set_blocking(self.ours, False)
        self.shown = ""

    def sees(self, words: str) -> bool:
        """Whether that has been on the screen."""
        with suppress(BlockingIOError, OSError):
            while data := os.read(self.ours, 65536):
                self.shown += data.decode(errors="replace")
        return words in _ESCAPES.sub("", self.shown)

    def close(self) -> None:
        """Let go."""
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    found = Terminal()
    yield found
    found.close()


async def test_on_a_terminal_keys_work_the_school(tmp_path: Path, terminal: Terminal) -> None:
    """A live page with the console's address; the first key ends the script, `b` presses, `l` cuts, `q` ends; the terminal is as before."""
    before = termios.tcgetattr(terminal.theirs)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "demo"),
        stdin=terminal.theirs,
        stdout=terminal.theirs,
        stderr=terminal.theirs,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "LC_ALL": "C.UTF-8", "TERM": "xterm"},
    )
    try:
        await until(lambda: terminal.sees("● cam-gate online"), seconds=60)
        assert terminal.sees("console http://127.0.0.1:")
        assert terminal.sees("b press button")
        await until(lambda: terminal.sees("✓ start"), seconds=60)  # no key does anything before
        os.write(terminal.ours, b"l")
        await until(lambda: terminal.sees("● cut"), seconds=30)
        await until(lambda: terminal.sees("the school is yours"), seconds=30)
        os.write(terminal.ours, b"b")
        await until(lambda: terminal.sees(" 1 waiting") or terminal.sees(" 2 waiting"), seconds=30)
        os.write(terminal.ours, b"q")
        await until(lambda: terminal.sees("all is well"), seconds=60)
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert termios.tcgetattr(terminal.theirs) == before
    assert not list(tmp_path.glob("campus-demo-*"))


async def test_a_taken_port_is_avoided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has the console's usual port: the demo takes another one and says which."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    taken = ReservedPort()
    with taken.listen():
        async with Stage(DRIVERS, console_port=taken.number) as stage:
            assert stage.guard.address != f"http://127.0.0.1:{taken.number}"
            assert str(stage.site.console.port) in stage.guard.address
            assert stage.seeded.left == 5
    taken.release()
    assert not list(tmp_path.iterdir())


def test_what_is_in_the_way_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No site file, or a timeline that can't be written: one line with what to do, exit 1, nothing left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sitefile, "PLACES", (tmp_path / "nowhere.toml",))
    assert run_demo(Options(headless=True), DRIVERS) == 1
    assert "can't be set up: there is no" in capsys.readouterr().err

    assert run_demo(Options(headless=True, timeline=tmp_path / "no" / "file.json"), DRIVERS) == 1
    assert capsys.readouterr().err.endswith("file.json: No such file or directory\n")
    assert not list(tmp_path.iterdir())


async def test_without_amqtt_it_says_what_to_install() -> None:
    """The demo's own library is an extra; the daemon does without it, and without any simulator."""
    program = (
        "import sys; sys.modules['amqtt'] = None; from gateway.__main__ import main; "
        "assert not [name for name in sys.modules if name.startswith('simulators')]; "
        "sys.exit(main(['demo', '--headless']))"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C"},
    )
    out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert err.decode() == (
        "the demo needs amqtt as well: pip install 'campus-gateway[demo]', or make demo in a checkout\n"
    )


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan"])
def test_seconds_make_sense(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no length of time is refused by the command line."""
    with pytest.raises(SystemExit) as ended:
        main(["demo", f"--seconds={seconds}"])
    assert ended.value.code == 2
    assert "--seconds" in capsys.readouterr().err
