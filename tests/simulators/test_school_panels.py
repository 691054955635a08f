"""A school's panels, outputs and lines alone: what each can be told, and what is refused."""

import shutil
from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.errors import SiteFileError
from gateway.site import Site, load_site
from simulators.fault import Fault
from simulators.modbus import Table
from simulators.school import School
from simulators.school_verbs import school_verbs
from simulators.steer import Steering
from simulators.wiring import Input
from tests.simulators.test_campus_sim import campus_sim

ROOT = Path(__file__).parents[2]

HEAD = """
[site]
id = "school-1"
name = "实验小学"
county = "330106"
state_dir = "/nowhere/state"
[[zone]]
id = "gate"
name = "校门"
"""

DC09 = """
[[device]]
id = "ip"
zone = "gate"
driver = "dc09"
account = "1234"
port = 9000
{more}
[[device.point]]
id = "ip-button"
kind = "panic"
address = {address}
[[device.point]]
id = "ip-damp"
kind = "humidity"
address = 9
"""

CALLER = """
[[bus]]
id = "receiver"
driver = "contact_id"
serial = "{link}"
[[device]]
id = "caller"
zone = "gate"
bus = "receiver"
account = "20B1"
receiver = 3
line = {line}
[[device.point]]
id = "call-gas"
kind = "gas"
address = 5
"""

FIRE = """
[[bus]]
id = "fire"
driver = "gb26875"
serial = "{link}"
[[device]]
id = "panel"
zone = "gate"
bus = "fire"
panel = 889
[[device.point]]
id = "heat"
name = "三楼东侧走廊尽头配电间感温火灾探测器"
kind = "heat"
address = "1.3"
"""


def site_of(folder: Path, *tables: str) -> Site:
    path = folder / "site.toml"
    path.write_text(HEAD + "".join(tables), encoding="utf-8")
    return load_site(path, DRIVERS)


def demo_school(folder: Path) -> School:
    shutil.copy(ROOT / "config/demo.toml", folder / "demo.toml")
    (folder / "demo-camera.password").write_text("rehearsal", encoding="utf-8")
    return School(load_site(folder / "demo.toml", DRIVERS))


@pytest.mark.parametrize("table", [CALLER, FIRE])
async def test_no_real_line_is_covered(tmp_path: Path, table: str) -> None:
    """A device, a link to one, a file, a missing folder: refused with the path; a link left by a simulator is not."""
    (tmp_path / "file").write_text("mine", encoding="ascii")
    (tmp_path / "by-id").symlink_to("/dev/null")
    (tmp_path / "left").symlink_to("/dev/pts/987654")
    for name, why in [
        ("/dev/null", "it is a real device"),
        (tmp_path / "by-id", "it is a real device"),
        (tmp_path / "file", "it is no pty of ours"),
        (tmp_path / "no" / "line", "there is no folder"),
    ]:
        school = School(site_of(tmp_path, table.format(link=name, line=1)))
        with pytest.raises(OSError, match=f"can't be simulated at {name}: {why}"):
            await school.start()
    assert (tmp_path / "by-id").readlink() == Path("/dev/null")

    school = School(site_of(tmp_path, table.format(link=tmp_path / "left", line=1)))
    await school.start()
    assert (tmp_path / "left").resolve().is_char_device()
    await school.stop()
    assert not (tmp_path / "left").is_symlink()


def test_what_a_panel_can_t_say_is_refused(tmp_path: Path) -> None:
    """In words, with the id: a value at a panel's zone, what SIA has no code for, a line that the format has not."""
    over_sia = School(site_of(tmp_path, DC09.format(more="", address='"1F"')))
    over_sia.press("ip-button")
    with pytest.raises(ValueError, match="SIA has no code for it"):
        over_sia.press("ip-damp")
    with pytest.raises(ValueError, match="SIA has no code for it"):
        over_sia.reset("ip")
    over_cid = School(site_of(tmp_path, DC09.format(more="", address="3")))
    over_cid.press("ip-damp")
    with pytest.raises(ValueError, match="ip-damp measures nothing"):
        over_cid.set_value("ip-damp", 80.0)
    with pytest.raises(ValueError, match="ADM-CID wants 1, 3 or 6"):
        over_cid.code("ip", "PA", 1)
    with pytest.raises(ValueError, match=r"ip has no guard to be asked for; these have: none"):
        over_cid.answer("ip")
    with pytest.raises(ValueError, match="caller: no simulated receiver has a line 20"):
        School(site_of(tmp_path, CALLER.format(link=tmp_path / "line", line=20)))


def test_a_panels_key_is_the_site_files(tmp_path: Path) -> None:
    """Read where the gateway reads it; one that is missing or no key is said with the device, without its digits."""
    table = DC09.format(more='key_file = "ip.key"', address="3")
    (tmp_path / "ip.key").write_text("00" * 16 + "\n", encoding="ascii")
    School(site_of(tmp_path, table))
    (tmp_path / "ip.key").write_text("1234ABCD", encoding="ascii")
    with pytest.raises((ValueError, SiteFileError), match="ip") as refused:
        School(site_of(tmp_path, table))
    assert "1234ABCD" not in str(refused.value)
    (tmp_path / "ip.key").unlink()
    with pytest.raises(SiteFileError, match=r"ip\.key"):
        School(site_of(tmp_path, table))


async def test_a_panel_behind_a_receiver_is_silent_at_most(tmp_path: Path) -> None:
    """All else is the line's: its id takes every fault."""
    school = School(site_of(tmp_path, CALLER.format(link=tmp_path / "line", line=1)))
    assert school.devices == ("receiver", "caller")
    await school.misbehave("caller", Fault.SILENT)
    await school.misbehave("receiver", Fault.SLOW)
    with pytest.raises(ValueError, match="only be silent"):
        await school.misbehave("caller", Fault.SLOW)


async def test_outputs_are_listed_with_their_times(tmp_path: Path) -> None:
    """What a master writes is seen, each change with its time; what a panel keeps is counted."""
    school = demo_school(tmp_path)
    steering = Steering(school_verbs(school))
    assert await steering.obey("outputs") == "gate-sounder  off"
    button = school.points["gate-button"]
    assert isinstance(button, Input)  # on the module where the sounder hangs
    for value in (1, 1, 0, 1):
        button.slave.write(Table.COILS, 0, [value])
    lines = (await steering.obey("outputs")).splitlines()
    assert lines[0] == "gate-sounder  on"
    assert [line.split()[0] for line in lines[1:]] == ["on", "off", "on"]

    school.press("stage-smoke")
    told = (await steering.obey("list")).splitlines()
    assert "stage-smoke  smoke" in told
    assert "gate-sounder  on" in told
    assert told[-1] == "not acknowledged: fire-panel 1"


async def test_campus_sim_steers_panels(tmp_path: Path) -> None:
    """The command line has the panels' verbs, by their ids."""
    site = site_of(tmp_path, FIRE.format(link=tmp_path / "fire"))
    async with campus_sim("school", str(site.path)) as sim:
        assert await sim.line() == "school-1: fire, panel"
        assert (await sim.tell("press heat")).startswith("pressed at ")
        assert await sim.tell("value heat 61.5") == "ok"
        assert await sim.tell("mains panel off") == "ok"
        assert await sim.tell("battery panel off") == "ok"
        assert await sim.tell("reset panel 7") == "ok"
        assert await sim.tell("answer panel 7") == "error: nobody has asked for the guard"
        assert (await sim.tell("code panel 1120 1")).startswith("error: panel has no event codes")
        assert await sim.tell("fault fire silent") == "ok"
        assert (tmp_path / "fire").is_symlink()
        assert await sim.tell("outputs") == "there are no outputs"
        assert await sim.tell("quit") == "ok"
        assert await sim.end() == 0
        assert not (tmp_path / "fire").is_symlink()
