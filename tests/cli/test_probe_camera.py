"""`campus-gateway probe` of a camera at a bare address: what it sends, and why it does not."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.cli import probe_camera
from gateway.driver import Finding
from gateway.site import load_site
from simulators.camera import CameraSimulator
from simulators.camera.lies import Lie
from simulators.fault import Fault

PASSWORD = "pass:word@/ 1"
SITE = """
[site]
id = "school-1"
name = "First School"
county = "330106"
state_dir = "{folder}/state"
[[zone]]
id = "gate"
name = "Gate"
[[device]]
id = "cam-gate"
zone = "gate"
driver = "rtsp"
url = "{url}"
username = "admin"
password_file = "camera.password"
"""


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LANG", "LC_MESSAGES", "LANGUAGE"):
        monkeypatch.setenv(name, "en_GB.UTF-8")


@pytest.fixture
async def camera() -> AsyncIterator[CameraSimulator]:
    simulator = CameraSimulator(password=PASSWORD, width=320, height=192, fps=10)
    await simulator.start()
    yield simulator
    await simulator.stop()


async def probed(folder: Path, url: str, password: str = PASSWORD) -> Finding:
    """What is found there."""
    (folder / "camera.password").write_text(password, encoding="utf-8")
    path = folder / "site.toml"
    path.write_text(SITE.format(folder=folder, url=url), encoding="utf-8")
    site = load_site(path, DRIVERS)
    finding = await probe_camera.probe_camera(site, site.cameras[0])
    assert finding.subject == "cam-gate"
    assert password not in finding.text
    return finding


async def test_what_it_sends(tmp_path: Path, camera: CameraSimulator) -> None:
    """Codec, size, pictures a second, and how long the first one took; the password may have any letters."""
    found = await probed(tmp_path, camera.url)

    assert found.ok, found.text
    assert "H.264, 320 x 192" in found.text
    rate = float(found.text.split(", ")[2].split()[0])
    assert rate == pytest.approx(10, abs=1.5)
    assert found.took_s is not None
    assert 2 < found.took_s < probe_camera.LIMIT_S


async def test_a_wrong_password_is_tried_once(tmp_path: Path, camera: CameraSimulator) -> None:
    """It is called that."""
    found = await probed(tmp_path, camera.url, "another")

    assert not found.ok
    assert "refuses the user name or the password" in found.text


async def test_a_stream_that_it_has_not(tmp_path: Path, camera: CameraSimulator) -> None:
    """The path is what to look at."""
    found = await probed(tmp_path, f"{camera.url}/third")

    assert not found.ok
    assert "has no stream of that address" in found.text


async def test_a_stream_without_video(tmp_path: Path, camera: CameraSimulator) -> None:
    """It answers, and has nothing to look at."""
    camera.lie(Lie.NO_VIDEO)
    found = await probed(tmp_path, camera.url)

    assert not found.ok
    assert "gives no video" in found.text


async def test_rubbish(tmp_path: Path, camera: CameraSimulator) -> None:
    """A server of something else is told from one that is silent."""
    await camera.misbehave(Fault.GARBAGE)
    found = await probed(tmp_path, camera.url)

    assert not found.ok
    assert "does not talk sense" in found.text


async def test_one_that_never_answers(tmp_path: Path, camera: CameraSimulator) -> None:
    """Within the limit it is said that nothing comes."""
    await camera.misbehave(Fault.SILENT)
    began = time.monotonic()
    found = await probed(tmp_path, camera.url)

    assert not found.ok
    assert "does not answer" in found.text
    assert time.monotonic() - began < probe_camera.LIMIT_S


async def test_one_that_sends_no_picture(tmp_path: Path, camera: CameraSimulator) -> None:
    """It answers, and that is all: the process that waits for it is ended at the limit at the latest."""
    camera.lie(Lie.ENDLESS_HEADERS)
    began = time.monotonic()
    found = await probed(tmp_path, camera.url)

    assert not found.ok
    assert "does not" in found.text or "did not" in found.text
    assert time.monotonic() - began < probe_camera.LIMIT_S + 3


async def test_nobody_is_left_behind(tmp_path: Path, camera: CameraSimulator) -> None:
    """Given up in the middle, its process is gone."""
    await camera.misbehave(Fault.SILENT)
    probing = asyncio.create_task(probed(tmp_path, camera.url))
    await asyncio.sleep(0.5)
    probing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await probing

    assert not [
        entry for entry in Path("/proc").glob("[0-9]*/cmdline") if b"gateway.cli.probe_camera" in _read(entry)
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
