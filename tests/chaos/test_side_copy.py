"""A box whose journal is gone starts all the same: alarms and guards are known from the side copy on another medium."""

from pathlib import Path

import httpx
import pytest

from gateway.store import side
from tests.chaos.namespace import namespace
from tests.chaos.stage import WITHIN_S, school
from tests.wait import until

PASSWORD = "correct horse"


@pytest.mark.timeout(180)
async def test_a_start_without_the_journals_disk_shows_open_alarms_and_lets_guards_in(tmp_path: Path) -> None:
    """Disk taken away under the daemon, SIGKILL, started without it: the console has every open alarm and every guard.

    The alarms of before the disk went and of after it, by the ids that the county knows; the next press is heard.
    """
    copy = tmp_path / "side" / "side.json"
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    async with (
        school(tmp_path, tmp_path / "disk", site_keys=f'side_dir = "{copy.parent}"') as here,
        namespace(tmp_path / "disk", 12) as disk,
    ):
        await disk.gateway(f"users {here.site} add zhang --password-file {secret}")
        await disk.start_daemon(here.site)
        on_disk = await here.press_and_hold(0)
        assert on_disk.data["durable"]
        await disk.take_away()
        in_memory = await here.press_and_hold(1)
        assert not in_memory.data["durable"]
        alarms = {str(event.data["alarm"]) for event in (on_disk, in_memory)}
        await until(lambda: alarms <= set(kept_in(copy)), WITHIN_S)

        await disk.kill_daemon()
        await disk.run(f"test ! -e {disk.disk}/journal.db")
        await disk.start_daemon(here.site)
        await here.log_has("console http://", times=2)

        async with httpx.AsyncClient(base_url=here.console(), timeout=WITHIN_S, trust_env=False) as guard:
            refused = await guard.post("/api/session", json={"name": "zhang", "password": "wrong"})
            assert refused.status_code == 401
            answer = await guard.post("/api/session", json={"name": "zhang", "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            shown = (await guard.get("/api/alarms")).json()["alarms"]
        assert {alarm["subject"]: alarm["id"] for alarm in shown if alarm["id"] in alarms} == {
            "button-0": on_disk.data["alarm"],
            "button-1": in_memory.data["alarm"],
        }
        assert not await here.press(2)


def kept_in(copy: Path) -> list[str]:
    """The ids of the alarms in the side copy."""
    mirror = side.read(copy)
    return [] if mirror is None else list(mirror.open_alarms)
