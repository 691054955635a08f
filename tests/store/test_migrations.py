"""gateway.store.database: a journal of an older version is taken further, and is then as a new one."""

import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.store import Journal
from gateway.store.check import check_journal
from gateway.store.database import SCHEMA_VERSION, apply_script, connect, prepare_journal
from tests.clocks import ManualClock
from tests.sites import school
from tests.store.test_check import PRESS

FIRST = Path(__file__).with_name("journal_v1.sql")


def schema_of(db: sqlite3.Connection) -> dict[str, str]:
    return dict(db.execute("select name, sql from sqlite_schema where sql is not null"))


def test_a_migrated_journal_has_the_newest_schema(tmp_path: Path) -> None:
    """The first schema and all steps give what schema.sql gives, to the letter: `fsck` compares them."""
    with closing(connect(tmp_path / "old.db")) as old, closing(connect(tmp_path / "new.db")) as new:
        apply_script(old, FIRST.read_text(encoding="utf-8"), 1)

        prepare_journal(old)
        prepare_journal(new)

        assert schema_of(old) == schema_of(new)
        assert old.execute("pragma user_version").fetchone() == (SCHEMA_VERSION,)


async def test_a_journal_of_the_first_version_goes_on(tmp_path: Path) -> None:
    """A daemon of today opens it, with what was in it, and records on."""
    site = school(tmp_path)
    path = site.site.state_dir / "journal.db"
    path.parent.mkdir(parents=True)
    with closing(connect(path)) as old:
        apply_script(old, FIRST.read_text(encoding="utf-8"), 1)
        old.execute("insert into journal (one, identity, created_ms, boot) values (1, 'first', 0, 41)")

    journal = await Journal.open(site, clock=ManualClock())
    await journal.report(PRESS)
    await journal.silence("zhang")
    boot = journal.status.boot
    await journal.close()

    assert boot == 42
    assert check_journal(path) == []
