"""The command line as a technician types it: what it prints, and its exit codes (CONTRACT, "Command line")."""

import asyncio
import json
import os
import sqlite3
import string
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.sitefile import last_good_path
from gateway.cli.words import _WORDS
from tests.daemon import DaemonProcess, daemon
from tests.wait import until

SITE = """
[site]
id = "school-1"
name = "实验小学"
county = "330106"
state_dir = "{state}"
clock = "host"
[journal]
ballast_mb = 1
[console]
port = 0
[metrics]
port = 0
[[zone]]
id = "gate"
name = "校门"
[[device]]
id = "buttons"
zone = "gate"
driver = "modbus"
host = "127.0.0.1"
port = 9
slave = 1
[[device.point]]
id = "gate-button"
kind = "panic"
function = "discrete"
address = 0
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(SITE.format(state=tmp_path / "state"), encoding="utf-8")
    return path


def gateway(*arguments: str | Path, language: str = "C.UTF-8") -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", *map(str, arguments)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # no terminal to ask on
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "LANG": language, "LC_ALL": language},
    )


def test_check_says_what_the_site_has_and_what_to_mind(site: Path) -> None:
    """A good file: 0, a summary, and advice; for machines the same as JSON."""
    found = gateway("check", site)
    assert found.returncode == 0, found.stderr
    assert "zones: 1, devices: 1, points: 1" in found.stdout
    assert "cut" in found.stdout  # a normally open panic button is not supervised
    assert "no [[uplink]]" in found.stdout
    assert json.loads(gateway("check", "--json", site).stdout)["ok"] is True


def test_check_names_every_problem_and_does_nothing_else(site: Path) -> None:
    """A bad file: 2, each problem with its table and key, in the language of the environment; no file is made."""
    site.write_text(site.read_text() + "\n[retention]\nkeep_days = 5\ndelete_after = 9\n[site2]\nx = 1\n")
    found = gateway("check", site, language="zh_CN.UTF-8")
    assert found.returncode == 2
    assert "retention.keep_days" in found.stderr
    assert "retention.delete_after: unknown key" in found.stderr
    assert "site2" in found.stderr
    assert "有 3 处问题" in found.stderr
    assert [path.name for path in site.parent.iterdir()] == ["site.toml"]


def test_run_refuses_a_bad_site_file_that_was_never_good(site: Path) -> None:
    """2, with the problems and what to do next; nothing is started."""
    site.write_text("this is not TOML")
    found = gateway("run", site)
    assert found.returncode == 2
    assert "not valid TOML" in found.stderr
    assert "campus-gateway check" in found.stderr


async def test_run_goes_on_with_the_last_good_site_file(site: Path) -> None:
    """A file gone bad at a restart: the school is guarded by the last good one, and a critical alarm says so."""
    async with daemon(site) as first:
        assert await first.stop() == 0
    good = site.read_bytes()
    site.write_text("[site]\nid = 7\n")
    async with daemon(site) as second:
        journal = site.parent / "state" / "journal.db"

        def told() -> bool:
            with sqlite3.connect(journal) as db:
                return db.execute("select severity from alarm where kind = 'site-file'").fetchall() == [
                    ("critical",)
                ]

        await until(told)
        assert "site.id" in second.text()
    assert last_good_path(site).read_bytes() == good


async def test_sigterm_ends_the_daemon_with_0_and_a_second_daemon_is_refused(site: Path) -> None:
    """One daemon for a state directory: the second says so and exits 1; SIGTERM ends the first in good order."""
    async with daemon(site) as first:
        second = await asyncio.to_thread(gateway, "run", site)
        assert second.returncode == 1
        assert "another gateway is using" in second.stderr
        assert await first.stop() == 0


async def test_accounts_can_be_made_beside_a_running_daemon(site: Path) -> None:
    """`users add` works before the first start and beside the daemon; list, passwd, disable; refusals exit 1."""
    secret = site.parent / "secret"
    secret.write_text("correct horse\n")
    assert gateway("users", site, "add", "zhang", "--password-file", secret).returncode == 0
    async with daemon(site):
        added = await asyncio.to_thread(
            gateway,
            "users",
            site,
            "add",
            "li",
            "--role",
            "admin",
            "--display",
            "李",
            "--password-file",
            secret,
        )
        assert added.returncode == 0, added.stderr
    listed = gateway("users", site, "list").stdout
    assert [line.split("\t")[0] for line in listed.splitlines()] == ["li", "zhang"]
    assert gateway("users", site, "disable", "zhang").returncode == 0
    assert "disabled" in gateway("users", site, "list").stdout
    assert gateway("users", site, "passwd", "zhang", "--password-file", secret).returncode == 0
    again = gateway("users", site, "add", "zhang", "--password-file", secret)
    assert (again.returncode, "exists" in again.stderr) == (1, True)
    assert gateway("users", site, "disable", "wang").returncode == 1
    secret.write_text("short")
    assert gateway("users", site, "passwd", "zhang", "--password-file", secret).returncode == 1


def test_users_without_a_password_says_so_in_one_line(site: Path) -> None:
    """No terminal to ask on, a password file that is missing, a directory, or no text: one line, 1, no account."""
    binary = site.parent / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for more in ((), *(("--password-file", path) for path in (site.parent / "none", site.parent, binary))):
        refused = gateway("users", site, "add", "zhang", *more)
        assert refused.returncode == 1
        assert len(refused.stderr.splitlines()) == 1, refused.stderr
        assert "password" in refused.stderr
    assert "no accounts" in gateway("users", site, "list").stdout


def test_fsck_before_the_first_run_says_what_to_do(site: Path) -> None:
    """There is no journal yet: 1, and the next step, in both languages."""
    found = gateway("fsck", site)
    assert found.returncode == 1
    assert f"run the gateway once: campus-gateway run {site}" in found.stdout
    assert "先运行一次网关" in gateway("fsck", site, language="zh_CN.UTF-8").stdout


def test_each_line_of_check_begins_with_the_path(site: Path) -> None:
    """One problem a line, each with the file's path once, even if a key holds a line break."""
    site.write_text('[site]\nid = 7\n"a\\nb" = 1\n', encoding="utf-8")
    found = gateway("check", site)
    assert found.returncode == 2
    lines = found.stderr.splitlines()
    assert len(lines) > 3
    assert all(line.startswith(f"{site}: ") and line.count(str(site)) == 1 for line in lines)


async def test_fsck_is_clean_after_a_run_and_finds_what_was_broken(site: Path) -> None:
    """0 after a daemon's life; 1 and the invariant's number for a broken journal."""
    async with daemon(site) as running:
        await running.stop()
    clean = gateway("fsck", site)
    assert (clean.returncode, clean.stdout.strip()) == (0, "nothing is wrong")
    with sqlite3.connect(site.parent / "state" / "journal.db") as db:
        db.execute("update event set body = x'00'")
    db.close()
    broken = gateway("fsck", site, "--json")
    assert broken.returncode == 1
    assert {finding["invariant"] for finding in json.loads(broken.stdout)} == {12}


def tangle_index(journal: Path, name: str, of: str) -> None:
    """Give an index the entries of one on `of`: its own rows are missing from it, as after a lost write."""
    with sqlite3.connect(journal) as db:
        right = db.execute("select sql from sqlite_schema where name = ?", (name,)).fetchone()[0]
        for sql in (f"create index {name} on {of}", right):
            db.execute("pragma writable_schema = on")
            db.execute("update sqlite_schema set sql = ? where name = ?", (sql, name))
            db.commit()
            db.execute("pragma writable_schema = reset")
            if sql != right:
                db.execute(f"reindex {name}")
    db.close()


async def test_fsck_repairs_an_index(site: Path) -> None:
    """A damaged index is found; with `--repair` it is built anew, and nothing is wrong any more."""
    async with daemon(site) as running:
        await running.stop()
    tangle_index(site.parent / "state" / "journal.db", "event_by_time", of="event (id)")
    broken = gateway("fsck", site)
    assert broken.returncode == 1, broken.stdout
    assert "missing from index event_by_time" in broken.stdout
    repaired = gateway("fsck", "--repair", site)
    assert repaired.returncode == 0, repaired.stdout
    assert "the journal's indexes" in repaired.stderr
    assert "nothing is wrong" in repaired.stdout


def test_fsck_says_what_it_cannot_repair(site: Path) -> None:
    """What is no journal stays as it is: 1, with the reason, and no word of a repair."""
    journal = site.parent / "state" / "journal.db"
    journal.parent.mkdir()
    journal.write_bytes(b"x" * 5000)
    refused = gateway("fsck", "--repair", site)
    assert refused.returncode == 1
    assert "not a database" in refused.stderr
    assert "indexes" not in refused.stdout
    assert journal.read_bytes() == b"x" * 5000


async def test_a_daemon_on_a_serial_port_that_is_not_there_goes_on_trying(site: Path) -> None:
    """World errors never stop the start: the device is lost, and the console says so."""
    site.write_text(
        site.read_text().replace('host = "127.0.0.1"\nport = 9\n', 'serial = "/dev/no-such-port"\n'),
        encoding="utf-8",
    )
    running = DaemonProcess(site)
    try:
        await running.start()
        assert await running.stop() == 0
    finally:
        await running.kill()
    assert "no-such-port" in running.text()


def test_every_sentence_has_both_languages_with_the_same_values() -> None:
    """The catalogue is complete: Chinese and English name the same placeholders."""
    for key, sentences in _WORDS.items():
        assert set(sentences) == {"zh", "en"}, key
        names = [
            {field for _, field, _, _ in string.Formatter().parse(text) if field}
            for text in sentences.values()
        ]
        assert names[0] == names[1], key
