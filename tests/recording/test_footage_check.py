"""`fsck` finds each way in which library and shelf can disagree (I6, I7), and nothing where they agree."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import to_ms
from gateway.recording.check import check_footage
from gateway.recording.shelf import Shelf
from gateway.store.database import connect, prepare_journal
from gateway.store.library import Library

START = datetime(2026, 3, 12, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOW_MS = to_ms(START + timedelta(days=1))

#: A minute that is on the shelf, one that is condemned, and the day's folder.
KEPT, DOOMED, DAY = 1, 2, "cam-1/2026-03-12"


class Footage:
    """Three minutes of one camera, the third of them condemned; a journal beside it."""

    def __init__(self, folder: Path) -> None:
        self.directory = folder / "footage"
        self.journal = folder / "journal.db"
        self.shelf = Shelf(self.directory)

    async def record(self) -> None:
        """As recorder and placer do it."""
        library = Library(self.directory)
        await library.open(stamp="1")
        segments = []
        for number in range(3):
            start = START + number * MINUTE
            spooled = self.shelf.spool / "cam-1" / f"{to_ms(start)}.mp4"
            spooled.parent.mkdir(parents=True, exist_ok=True)
            spooled.write_bytes(b"x" * (100 + number))
            segments.append(self.shelf.place(spooled, "cam-1", start, start + MINUTE, trusted=True))
        await library.add_segments(segments)
        rows = await library.segments("cam-1", START, START + 3 * MINUTE)
        await library.condemn([rows[DOOMED].id], at=START + 10 * MINUTE)
        await library.close()
        journal = connect(self.journal)
        prepare_journal(journal)
        journal.close()

    def path(self, number: int) -> str:
        """A minute's path below the shelf."""
        start = START + number * MINUTE
        return f"{DAY}/{to_ms(start)}-{to_ms(start + MINUTE)}.mp4"

    def file(self, number: int) -> Path:
        """A minute's file."""
        return self.shelf.path(self.path(number))

    def change(self, script: str) -> None:
        """Damage the library."""
        with sqlite3.connect(self.directory / "library.db") as db:
            db.executescript(script)
        db.close()

    def hold(
        self, start: datetime, end: datetime, *, camera: str = "cam-1", expires: int | None = None
    ) -> None:
        """Have the journal hold an interval."""
        with sqlite3.connect(self.journal) as db:
            db.execute(
                "insert into hold (camera, from_ms, to_ms, reason, placed_by, placed_ms, expires_ms)"
                " values (?,?,?,'panic','gateway',0,?)",
                (camera, to_ms(start), to_ms(end), expires),
            )
        db.close()

    def findings(self) -> list[str]:
        """What fsck says."""
        return [str(found) for found in check_footage(self.directory, self.journal, NOW_MS)]


@pytest.fixture
async def footage(tmp_path: Path) -> Footage:
    made = Footage(tmp_path)
    await made.record()
    return made


def orphan(footage: Footage) -> str:
    """A file that no row owns."""
    stranger = footage.shelf.path(f"{DAY}/stranger.mp4")
    stranger.write_bytes(b"x")
    return f"I6: {DAY}/stranger.mp4 is on the shelf and no row owns it"


def row_without_file(footage: Footage) -> str:
    """A row whose file is gone."""
    footage.file(KEPT).unlink()
    return f"I6: {footage.path(KEPT)} has a row, and is not on the shelf"


def wrong_size(footage: Footage) -> str:
    """A file that was cut short."""
    footage.file(KEPT).write_bytes(b"x" * 7)
    return f"I6: {footage.path(KEPT)} has 7 bytes, its row says 101"


def two_owners(footage: Footage) -> str:
    """A file that is a segment and garbage, the trigger against it gone."""
    footage.change(
        "drop trigger garbage_owns_alone;"
        "insert into garbage (camera, start_ms, end_ms, bytes, path, condemned_ms)"
        f" select camera, start_ms, end_ms, bytes, path, 0 from segment where path = '{footage.path(KEPT)}'"
    )
    return f"I6: {footage.path(KEPT)} is both segment and garbage"


def held_garbage(footage: Footage) -> str:
    """A hold touches what is condemned: its last second is enough."""
    footage.hold(START - MINUTE, START + DOOMED * MINUTE + timedelta(seconds=1))
    return f"I7: {footage.path(DOOMED)} is condemned, though it is held"


def no_library(footage: Footage) -> str:
    """Footage without its library."""
    (footage.directory / "library.db").unlink()
    return "I6: there is footage, but no library at "


def no_database(footage: Footage) -> str:
    """Something else in the library's place."""
    (footage.directory / "library.db").write_bytes(b"x" * 5000)
    return "the library "


def unreadable_journal(footage: Footage) -> str:
    """A journal that does not tell what is held."""
    footage.journal.write_bytes(b"x" * 5000)
    return "I7: which footage is held can't be said: "


@pytest.mark.parametrize(
    "damage",
    [
        orphan,
        row_without_file,
        wrong_size,
        two_owners,
        held_garbage,
        no_library,
        no_database,
        unreadable_journal,
    ],
)
def test_every_kind_of_damage_is_found(footage: Footage, damage: Callable[[Footage], str]) -> None:
    """I6, I7: each is one finding, and the only one."""
    expected = damage(footage)

    assert [text[: len(expected)] for text in footage.findings()] == [expected]


def test_sound_footage_has_no_findings(footage: Footage) -> None:
    """Nothing is found where nothing is wrong; nor is garbage that other holds, or ended ones, touch."""
    footage.hold(START, START + 2 * MINUTE)
    footage.hold(START, START + 9 * MINUTE, camera="cam-2")
    footage.hold(START, START + 9 * MINUTE, expires=NOW_MS)

    assert footage.findings() == []


def test_no_footage_at_all_is_no_finding(tmp_path: Path) -> None:
    """A site without cameras has no library and needs none."""
    assert check_footage(tmp_path / "footage", tmp_path / "journal.db", NOW_MS) == []
