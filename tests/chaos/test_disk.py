"""The running daemon over a disk that fills, is read-only, dies, and is taken away: alarms reach the county all the while."""

import os
import signal
from pathlib import Path

import pytest

from gateway.model import EventType
from tests.chaos import dying_disk
from tests.chaos.namespace import Namespace, namespace
from tests.chaos.stage import WITHIN_S, School, school
from tests.daemon import daemon
from tests.wait import until

DYING = (str(dying_disk.__file__),)

pytestmark = pytest.mark.timeout(180)


async def test_a_full_disk_costs_the_reserve_first_and_no_durability(tmp_path: Path) -> None:
    """Full to the last page: the ballast makes room for the next press, on disk; the guards hear of it; then memory mode.

    Emptied, the journal is on disk again and has everything, the reserve is taken again, and the alarm returns.
    """
    async with school(tmp_path, tmp_path / "disk") as here, namespace(tmp_path / "disk", 12) as disk:
        ballast = f"{disk.disk}/ballast"
        await disk.start_daemon(here.site)
        assert await here.press(0)
        await disk.run(f"test -s {ballast}")

        await disk.fill()
        assert await here.press(1)
        await disk.run(f"test ! -e {ballast}")
        alarm = await here.disk_alarm()
        assert alarm.data["durable"]
        assert "reserve" in str(alarm.data["detail"])
        assert EventType.ALARM_RETURNED not in await steps_of(here, str(alarm.data["alarm"]))
        assert await here.press(1)

        await until_volatile(here, disk)
        assert not await here.press(2)

        await disk.empty()
        await here.until_durable(3)
        await here.returned(alarm)
        await disk.run(f"until test -s {ballast}; do sleep 0.05; done")
        await end(here, disk)


async def test_a_disk_that_is_read_only_at_start_costs_no_alarm(tmp_path: Path) -> None:
    """The daemon starts on a journal that it can't write, alarms all the same, and goes back when it can."""
    async with school(tmp_path, tmp_path / "disk") as here, namespace(tmp_path / "disk", 12) as disk:
        await disk.start_daemon(here.site)
        assert await here.press(0)
        await disk.stop_daemon()
        await disk.run(f"mount -o remount,ro {disk.disk}.kept && mount -o remount,bind,ro {disk.disk}")
        await disk.start_daemon(here.site)
        assert not await here.press(1)
        await here.disk_alarm()
        await disk.run(f"mount -o remount,rw {disk.disk}.kept && mount -o remount,bind,rw {disk.disk}")
        await here.until_durable(2)
        await end(here, disk)


async def test_a_disk_that_becomes_read_only_under_the_daemon_costs_no_alarm(tmp_path: Path) -> None:
    """As ext4 does with `errors=remount-ro`: open files take no write any more, new ones can't be opened to write.

    The kernel remounts no file system read-only while a file of it is open to write (EBUSY), so the two halves are
    made one by one: the place becomes read-only, then the open files take no write.
    """
    async with school(tmp_path, tmp_path / "disk") as here, namespace(tmp_path / "disk", 12) as disk:
        await disk.start_daemon(here.site, program=DYING)
        assert await here.press(0)
        await disk.make_read_only()
        await disk.signal_daemon("USR2")
        await here.log_has("files take no write")
        assert not await here.press(1)
        alarm = await here.disk_alarm()
        assert not await here.press(2)
        await disk.bring_back()
        await disk.signal_daemon("USR2")
        await here.until_durable(3)
        await here.returned(alarm)
        await end(here, disk)


async def test_a_disk_that_is_taken_away_costs_no_alarm(tmp_path: Path) -> None:
    """Unmounted under the running daemon: memory mode within one press; mounted again, everything is on it."""
    async with school(tmp_path, tmp_path / "disk") as here, namespace(tmp_path / "disk", 12) as disk:
        await disk.start_daemon(here.site)
        assert await here.press(0)
        await disk.take_away()
        assert not await here.press(1)
        await here.disk_alarm()
        assert not await here.press(2)
        await disk.bring_back()
        await here.until_durable(3)
        await end(here, disk)


async def test_a_passing_eio_under_the_daemon_costs_nothing_at_all(tmp_path: Path) -> None:
    """EIO until the journal is opened anew: the press is on disk, in the same stream, without an alarm."""
    async with (
        school(tmp_path, tmp_path / "state") as here,
        daemon(here.site, program=DYING) as running,
    ):
        assert await here.press(0)
        os.kill(running.pid, signal.SIGUSR1)
        await here.log_has("files fail")
        assert await here.press(1)
        await here.log_has("disk I/O error (attempt 1)")
        await here.log_has("well again")
        assert await here.press(2)
        assert await running.stop() == 0
        await here.end(tmp_path / "state" / "journal.db")
        assert len(here.county.report().streams) == 1
        assert [event for event in await here.county.events() if event.data.get("kind") == "disk"] == []


async def test_an_eio_that_stays_under_the_daemon_costs_no_alarm(tmp_path: Path) -> None:
    """Opened anew it fails again: memory mode, presses reach the county and say so; the disk heals and has all."""
    async with (
        school(tmp_path, tmp_path / "state") as here,
        daemon(here.site, program=DYING) as running,
    ):
        assert await here.press(0)
        os.kill(running.pid, signal.SIGUSR2)
        await here.log_has("files take no write")
        assert not await here.press(1)
        await here.log_has("disk I/O error")
        alarm = await here.disk_alarm()
        assert not await here.press(2)
        os.kill(running.pid, signal.SIGUSR2)
        await here.until_durable(3)
        await here.returned(alarm)
        assert await running.stop() == 0
        await here.end(tmp_path / "state" / "journal.db")


async def until_volatile(here: School, disk: Namespace) -> None:
    """Press again and again, while rubbish takes whatever is freed, until a press is kept in memory only."""

    async def is_volatile() -> bool:
        await disk.fill()
        return not await here.press(1)

    await until(is_volatile, WITHIN_S)


async def steps_of(here: School, alarm: str) -> set[str]:
    """The types of an alarm's events so far."""
    return {event.type for event in await here.county.events() if event.data.get("alarm") == alarm}


async def end(here: School, disk: Namespace) -> None:
    """Stop the daemon, and compare a copy of its journal with what the county has."""
    await disk.stop_daemon()
    await disk.run(f"cp {disk.disk}/journal.db* {here.site.parent}")
    await here.end(here.site.parent / "journal.db")
