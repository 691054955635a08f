"""systemd/: the unit is right and hardened, the daemon lives under it, and the files beside it do what they say."""

import asyncio
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.health.clockwatch import kernel_synchronised
from simulators.camera import CameraSimulator
from tests.recording.world import camera, site_of
from tests.sandbox import Rules, arguments, expand
from tests.wait import until

FOLDER = Path(__file__).parents[1] / "systemd"
UNIT = FOLDER / "campus-gateway.service"
TEXT = UNIT.read_text(encoding="utf-8")

#: systemd's own measure, in tenths: 19 is reached; more than this is a step back.
EXPOSURE_LIMIT = 20


def tool(name: str) -> str:
    """A tool of systemd's. Where it is missing the test is skipped, in CI it fails."""
    found = shutil.which(name)
    if found is None:
        missing = f"{name} is not installed (Debian: systemd, udev)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def settings(key: str) -> list[str]:
    """The values of a key of the unit, in order."""
    return re.findall(rf"^{key}=(.*)$", TEXT, re.MULTILINE)


# ---- what systemd says of it


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine on which the gateway is installed, as far as the unit is concerned."""
    machine = tmp_path / "root"
    units = machine / "etc/systemd/system"
    units.mkdir(parents=True)
    shutil.copy(UNIT, units)
    for place in ("/lib/systemd/system", "/usr/lib/systemd/system"):
        if Path(place).is_dir() and not (machine / place[1:]).exists():
            shutil.copytree(place, machine / place[1:], symlinks=True)
    program = machine / "opt/campus-gateway/bin/campus-gateway"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    return machine


def test_the_unit_has_no_mistake(root: Path) -> None:
    """`systemd-analyze verify` says nothing at all: it exits 0 on unknown keys, so its words count."""
    done = run(tool("systemd-analyze"), "verify", f"--root={root}", "--man=no", UNIT.name)

    assert done.stderr == ""
    assert done.returncode == 0


def test_verify_would_notice(root: Path) -> None:
    """The check above is not blind: a misspelt key makes it speak."""
    unit = root / "etc/systemd/system" / UNIT.name
    unit.write_text(TEXT.replace("WatchdogSec=", "WatchdogSecs="), encoding="utf-8")
    done = run(tool("systemd-analyze"), "verify", f"--root={root}", "--man=no", UNIT.name)

    assert "WatchdogSecs" in done.stderr


def test_the_unit_is_hardened() -> None:
    """The exposure that systemd itself measures stays below the limit."""
    done = run(
        tool("systemd-analyze"),
        "security",
        "--offline=true",
        f"--threshold={EXPOSURE_LIMIT}",
        "--no-pager",
        str(UNIT),
    )

    assert done.returncode == 0, done.stdout[-2000:]


# ---- what we say of it


def test_it_runs_what_there_is() -> None:
    """The command is the daemon's own, ready is told by notification, and a watchdog is expected to be fed."""
    assert settings("ExecStart") == [
        "/opt/campus-gateway/bin/campus-gateway run /etc/campus-gateway/site.toml"
    ]
    assert settings("Type") == ["notify"]
    assert settings("Restart") == ["always"]
    assert settings("StartLimitIntervalSec") == ["0"]
    assert int(settings("WatchdogSec")[0]) >= 30, "four looks must fit, each with a slow disk"


def test_reading_the_clock_is_allowed() -> None:
    """`clock = "ntp"` rests on adjtimex(2), which ProtectClock= and @clock would forbid: nothing would ever be trusted."""
    tool("systemd-analyze")
    allowed = expand(settings("SystemCallFilter"))

    assert {"adjtimex", "clock_adjtime"} <= set(allowed)
    assert not settings("ProtectClock")
    assert not {"settimeofday", "clock_settime", "mount", "ptrace", "setuid", "init_module"} & set(allowed)


# ---- the daemon under it


class Manager:
    """The service manager's end of `$NOTIFY_SOCKET`."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(0)
        self.heard: list[str] = []

    def has_heard(self, word: str, times: int = 1) -> bool:
        """Whether it has been told this so often."""
        while True:
            try:
                self.heard += self._socket.recv(8192).decode().split("\n")
            except BlockingIOError:
                return self.heard.count(word) >= times

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


@pytest.fixture
async def gate() -> AsyncIterator[CameraSimulator]:
    simulator = camera()
    await simulator.start()
    yield simulator
    await simulator.stop()


@asynccontextmanager
async def confined(folder: Path, site: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, Path]]:
    """The daemon with what the unit allows and no more, its watchdog's interval 4 s; and its log."""
    rules = Rules(
        calls=expand(settings("SystemCallFilter")),
        families=settings("RestrictAddressFamilies")[0].split(),
        open_files=int(settings("LimitNOFILE")[0]),
    )
    log = folder / "log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *arguments(rules, sys.executable, "-m", "gateway", "run", str(site)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={
                "PATH": os.environ["PATH"],
                "NOTIFY_SOCKET": str(folder / "notify"),
                "WATCHDOG_USEC": "4000000",
                "STATE_DIRECTORY": str(folder / "state"),
                "PYTHONFAULTHANDLER": "1",
            },
        )
    try:
        yield process, log
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_the_daemon_lives_under_it(tmp_path: Path, gate: CameraSimulator) -> None:
    """With the unit's system calls, families and capabilities alone it starts, feeds the watchdog, records, and stops.

    A call that the filter forbids fails with EPERM: whatever needs it would not get so far.
    """
    tool("systemd-analyze")
    site = site_of(
        tmp_path, {"cam-1": gate.url}, recording="min_free_gb = 0\n[console]\nport = 0\n[metrics]\nport = 0"
    )
    manager = Manager(tmp_path / "notify")
    async with confined(tmp_path, site.path) as (process, log):

        def said() -> str:
            return log.read_text(encoding="utf-8", errors="replace")

        await until(lambda: manager.has_heard("READY=1") or process.returncode is not None, 60)
        assert process.returncode is None, said()
        await until(lambda: manager.has_heard("WATCHDOG=1", times=3), 60)
        spool = tmp_path / "footage"
        await until(lambda: any(path.stat().st_size > 10_000 for path in spool.rglob("*.mp4")), 60)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 30) == 0, said()
        assert manager.has_heard("STOPPING=1")
        assert "Operation not permitted" not in said()
    manager.close()


def test_the_sandbox_confines() -> None:
    """What the test above rests on: in it a forbidden call, family or memory mapping does fail."""
    tool("systemd-analyze")
    rules = Rules(calls=expand(settings("SystemCallFilter")), families=["AF_UNIX", "AF_INET"], open_files=100)
    script = (
        "import mmap, os, resource, socket\n"
        "def refused(act):\n"
        "    try:\n        act()\n    except OSError:\n        return True\n    return False\n"
        "print(refused(lambda: os.chroot('/')), refused(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),\n"
        "      refused(lambda: socket.socket(socket.AF_INET6)), refused(lambda: os.setuid(1)),\n"
        "      refused(lambda: socket.socket(socket.AF_INET).close()), resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    done = run(*arguments(rules, sys.executable, "-c", script))

    assert done.stdout == "True True True True False (100, 100)\n", done.stderr
    clock = "from gateway.health.clockwatch import kernel_synchronised; print(kernel_synchronised())"
    done = run(*arguments(rules, sys.executable, "-c", clock))
    assert done.stdout == f"{kernel_synchronised()}\n", done.stderr


# ---- beside it


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """A machine on which systemd has made the user."""
    (tmp_path / "etc").mkdir()
    made = run(tool("systemd-sysusers"), f"--root={tmp_path}", str(FOLDER / "sysusers.d/campus-gateway.conf"))
    assert made.returncode == 0, made.stderr
    return tmp_path


def test_sysusers(users: Path) -> None:
    """The user and its group for serial lines come out as systemd's tool reads them."""
    passwd = (users / "etc/passwd").read_text(encoding="utf-8")
    groups = (users / "etc/group").read_text(encoding="utf-8")
    assert re.search(r"^campus-gateway:.*:/var/lib/campus-gateway:/usr/sbin/nologin$", passwd, re.MULTILINE)
    assert re.search(r"^dialout:.*:campus-gateway$", groups, re.MULTILINE)
    assert settings("User") == ["campus-gateway"]
    assert settings("SupplementaryGroups") == ["dialout"]


def test_tmpfiles(users: Path) -> None:
    """The directories come out with their modes and owners. Root alone can give them away: else skipped, in CI failed."""
    if os.geteuid() != 0:
        missing = "directories of other users are made by root alone: run this test as root"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    passwd = (users / "etc/passwd").read_text(encoding="utf-8")
    service = re.search(r"^campus-gateway:[^:]*:(\d+):(\d+):", passwd, re.MULTILINE)
    assert service is not None
    made = run(
        tool("systemd-tmpfiles"),
        "--create",
        f"--root={users}",
        str(FOLDER / "tmpfiles.d/campus-gateway.conf"),
    )
    assert made.returncode == 0, made.stderr

    def of(name: str) -> tuple[int, int, int]:
        found = (users / name).stat()
        return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid

    assert of("etc/campus-gateway") == (0o755, 0, 0)
    assert of("etc/campus-gateway/secrets") == (0o700, 0, 0)
    assert of("srv/campus-recordings") == (0o750, int(service[1]), int(service[2]))


def test_udev_rules_are_rules() -> None:
    """Each rule matches with == and sets with = or +=, in words that udev(7) has; lines that show how are rules too."""
    text = (FOLDER / "udev/70-campus-gateway.rules").read_text(encoding="utf-8")
    rules = [line.removeprefix("#") for line in text.splitlines() if line and not line.startswith("# ")]
    token = re.compile(
        r'(ACTION|SUBSYSTEMS?|KERNEL|DRIVER|ENV\{\w+\}|ATTR\{\w+\}|GROUP|MODE|SYMLINK)(==|=|\+=)"([^"]+)"'
    )

    assert len(rules) == 4
    for rule in rules:
        parts = [token.fullmatch(part) for part in rule.split(", ")]
        assert all(parts), rule
        operators = [part[2] for part in parts if part]
        assert operators == sorted(operators, key=lambda operator: operator != "=="), "matches first"
        assert operators[0] == "=="
        assert operators[-1] != "=="


def test_the_readme_names_every_file() -> None:
    """Whoever installs it finds each file and where it goes."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")

    for path in FOLDER.rglob("*"):
        if path.is_file() and path.name != "README.md":
            assert str(path.relative_to(FOLDER)) in readme
