"""`campus-gateway probe`: what a technician on site is told, of devices that are there and of one that is not."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulators.modbus import ModbusSlave, ModbusTcpSimulator

SITE = """
[site]
id = "school-1"
name = "First School"
county = "330106"
state_dir = "{folder}/state"

[[zone]]
id = "gate"
name = "Gate"

[[bus]]
id = "net-gate"
driver = "modbus"
host = "127.0.0.1"
port = {port}
timeout_s = 0.2

[[device]]
id = "module-5"
name = "按钮模块"
zone = "gate"
bus = "net-gate"
slave = 5
[[device.point]]
id = "button"
kind = "panic"
function = "discrete"
address = 0

[[device]]
id = "module-3"
zone = "gate"
bus = "net-gate"
slave = 3
[[device.point]]
id = "other-button"
kind = "panic"
function = "discrete"
address = 0

[[device]]
id = "cam-gate"
zone = "gate"
driver = "rtsp"
url = "rtsp://127.0.0.1:9/main"
"""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Path]:
    """A bus of two modules, of which only number 5 is there, and its button is held."""
    slave = ModbusSlave(5)
    slave.press(0)
    simulator = ModbusTcpSimulator("127.0.0.1", 0, [slave])
    await simulator.start()
    path = tmp_path / "site.toml"
    path.write_text(SITE.format(folder=tmp_path, port=simulator.port), encoding="utf-8")
    yield path
    await simulator.stop()


async def probe(*arguments: object) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        "probe",
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        cwd=Path(__file__).parents[2],
    )
    async with asyncio.timeout(100):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_what_is_there_and_what_is_not(site: Path) -> None:
    """Each device is named, the silent one with what to look at, the held button in alarm; so is a camera that is not there."""
    code, out, _ = await probe(site)

    assert code == 1
    lines = out.splitlines()
    (there,) = [line for line in lines if "module-5" in line and line.startswith("ok")][:1]
    assert "按钮模块" in there
    assert any("button" in line and "in alarm" in line for line in lines)
    (silent,) = [line for line in lines if line.startswith("FAIL") and "module-3" in line]
    assert "3" in silent
    (camera,) = [line for line in lines if "cam-gate" in line]
    assert camera.startswith("FAIL")
    assert "127.0.0.1:9 can't be reached (Connection refused)" in camera


async def test_one_device(site: Path) -> None:
    """Only what was asked for, and all is well."""
    code, out, _ = await probe(site, "module-5")

    assert code == 0
    assert "module-3" not in out
    assert "cam-gate" not in out


async def test_for_machines(site: Path) -> None:
    """JSON with every finding."""
    code, out, _ = await probe(site, "--json")

    found = json.loads(out)
    assert code == 1
    assert found["ok"] is False
    assert {finding["ok"] for finding in found["findings"] if finding["subject"] == "module-3"} == {False}
    assert {finding["ok"] for finding in found["findings"] if finding["subject"] == "cam-gate"} == {False}


async def test_a_device_that_the_file_does_not_have(site: Path) -> None:
    """It is said which there are."""
    code, _, err = await probe(site, "module-9")

    assert code == 1
    assert "module-5" in err
