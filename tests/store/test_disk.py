"""The journal over a failing disk: EIO, a file taken away, damage; memory mode and the way back."""

import asyncio
import contextlib
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import Clock, SystemClock
from gateway.errors import JournalUnwritable
from gateway.model import Alarm, Durability, EventType, Kind, Level, Origin, Presence, Signal, Verdict
from gateway.site import Site
from gateway.store import Account, Journal
from gateway.store.check import check_journal
from tests.clocks import ManualClock
from tests.sites import put_account, said, school
from tests.wait import until

PRESS = Signal(
    device="buttons", point="gate-button", kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT
)
SMOKE = replace(PRESS, point="hall-smoke", kind=Kind.SMOKE)
Opener = Callable[[Site, Clock], Awaitable[Journal]]

GUARD = Account(name="zhang", display="张", hash="$argon2id$…", role="guard")


def break_writes(path: Path) -> None:
    """Every write and fsync to the open journal's files now fails with EIO, as on a dying flash card.

    /proc/self/mem at an address that is not mapped answers pwrite with EIO.
    """
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue
        if target in {str(path), f"{path}-wal"}:
            broken = os.open("/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)
            os.dup2(broken, int(entry.name), inheritable=False)
            os.close(broken)


def take_away(journal: Journal) -> Path:
    """The journal's directory is no longer at its path."""
    state = journal.path.parent
    gone = state.with_name("gone")
    state.rename(gone)
    state.write_text("not a directory", encoding="utf-8")
    return gone


def bring_back(journal: Journal, gone: Path) -> None:
    """The directory returns with what it had."""
    journal.path.parent.unlink()
    gone.rename(journal.path.parent)


@pytest.fixture
async def opened() -> AsyncIterator[Opener]:
    """Opens journals that are closed at the end, also of a test that fails."""
    journals: list[Journal] = []

    async def open_one(site: Site, clock: Clock) -> Journal:
        journals.append(await Journal.open(site, clock=clock))
        return journals[-1]

    yield open_one
    for journal in journals:
        await journal.close()


def of_points(journal: Journal) -> dict[str, Alarm]:
    """The open alarms but for the one that tells of the disk."""
    return {key: alarm for key, alarm in journal.open_alarms.items() if alarm.source.kind is not Kind.DISK}


def tells_of_disk(journal: Journal) -> bool:
    """The failing disk is an alarm that has not returned."""
    return any(
        alarm.source.kind is Kind.DISK and alarm.returned_at is None for alarm in journal.open_alarms.values()
    )


async def payloads(journal: Journal) -> list[dict[str, object]]:
    """All waiting events of the destination, stream by stream."""
    rows = await journal.waiting("bureau", 1) + await journal.waiting("bureau", 3)
    age = list(await journal.streams("bureau"))
    return [
        json.loads(row.payload) for row in sorted(rows, key=lambda row: (age.index(row.stream), row.sequence))
    ]


async def test_a_passing_write_error_is_survived_on_disk(tmp_path: Path, opened: Opener) -> None:
    """EIO at the journal's files: it is opened anew, the batch is written again, nobody notices, no number is lost."""
    journal = await opened(school(tmp_path), ManualClock())
    await journal.report(PRESS)
    break_writes(journal.path)

    assert await journal.report(SMOKE) is Durability.DISK
    assert await journal.report(PRESS) is Durability.DISK
    assert [row.sequence for row in await journal.waiting("bureau", 1)] == [2, 3, 4]
    assert [event["data"]["durable"] for event in await payloads(journal)] == [True] * 4  # type: ignore[index]


async def test_a_disk_that_is_gone_means_memory_mode_and_everything_is_merged_on_its_return(
    tmp_path: Path,
    opened: Opener,
) -> None:
    """Alarms, acts and accounts go on in memory, marked not durable, in a new stream; the disk returns and has all."""
    journal = await opened(school(tmp_path, state=tmp_path / "state"), SystemClock())
    await put_account(journal, GUARD)
    await journal.report(PRESS)
    (panic,) = journal.open_alarms
    old = journal.head("bureau")
    gone = take_away(journal)

    assert await journal.report(SMOKE) is Durability.MEMORY
    new = journal.head("bureau")
    assert (new.reason, new.previous_stream, new.previous_sequence) == (
        "memory-mode",
        old.stream,
        old.last_sequence,
    )
    await journal.acknowledge(panic, "zhang")
    await journal.report(replace(PRESS, level=Level.NORMAL))
    await journal.close_alarm(panic, "zhang", Verdict.FALSE)
    assert journal.account("zhang") == GUARD
    await until(lambda: tells_of_disk(journal))
    waiting = await payloads(journal)
    assert {event["data"]["durable"] for event in waiting if event["stream"] == new.stream} == {False}  # type: ignore[index]
    assert [event["sequence"] for event in waiting if event["stream"] == old.stream] == ["1", "2"]
    with pytest.raises(JournalUnwritable, match="delete nothing"):
        await journal.live_holds()

    bring_back(journal, gone)
    await until(lambda: journal.status.durability is Durability.DISK)
    assert await journal.report(PRESS) is Durability.DISK
    events = await payloads(journal)
    numbers = [(event["stream"], event["sequence"]) for event in events]
    assert numbers[:2] == [(old.stream, "1"), (old.stream, "2")]
    assert numbers[2:] == [(new.stream, str(number)) for number in range(1, len(events) - 1)]
    assert {alarm.source.kind for alarm in of_points(journal).values()} == {Kind.SMOKE, Kind.PANIC}
    await until(lambda: not tells_of_disk(journal))
    assert [hold.alarm_id == panic for hold in await journal.live_holds()] == [
        False
    ]  # the false alarm's has ended
    await journal.close()

    journal = await opened(school(tmp_path, state=tmp_path / "state"), SystemClock())
    assert journal.head("bureau").stream == new.stream
    assert len(of_points(journal)) == 2


async def test_a_start_without_a_disk_knows_alarms_and_guards_from_the_side_copy(
    tmp_path: Path, opened: Opener
) -> None:
    """The daemon starts in memory mode when its journal's place is gone, with what the side copy has."""
    site = school(tmp_path, state=tmp_path / "state", site_keys=f'side_dir = "{tmp_path / "side"}"')
    journal = await opened(site, SystemClock())
    await put_account(journal, GUARD)
    await journal.report(PRESS)
    alarms = dict(journal.open_alarms)
    await journal.close()
    gone = take_away(journal)

    journal = await opened(site, SystemClock())
    assert journal.status.durability is Durability.MEMORY
    assert of_points(journal) == alarms
    assert journal.account("zhang") == GUARD
    assert await journal.report(PRESS) is Durability.MEMORY
    assert [alarm.repeats for alarm in of_points(journal).values()] == [1]

    bring_back(journal, gone)
    await until(lambda: journal.status.durability is Durability.DISK)
    assert [alarm.repeats for alarm in of_points(journal).values()] == [1]


async def test_a_damaged_journal_is_salvaged_set_aside_and_told(tmp_path: Path, opened: Opener) -> None:
    """Overwritten pages: what is readable is kept, the file is set aside, a new stream says `journal-salvaged`."""
    site = school(tmp_path)
    journal = await opened(site, ManualClock())
    await put_account(journal, GUARD)
    for _ in range(200):
        await journal.report(PRESS)
    await journal.report(SMOKE)
    alarms = dict(journal.open_alarms)
    stream = journal.head("bureau").stream
    await journal.close()
    with journal.path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(size // 2 // 4096 * 4096)
        file.write(os.urandom(4096 * 3))

    journal = await opened(site, ManualClock())
    head = journal.head("bureau")
    assert (head.reason, head.previous_stream) == ("journal-salvaged", stream)
    assert of_points(journal) == alarms
    assert journal.account("zhang") == GUARD
    await until(lambda: tells_of_disk(journal))
    assert "set aside" in journal.status.reason
    assert len(list(journal.path.parent.glob("journal.damaged-*.db"))) == 1
    assert len(await journal.waiting("bureau", 1, limit=500)) > 20
    with sqlite3.connect(journal.path) as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
    db.close()


async def test_a_journal_that_is_no_database_at_all_is_set_aside(tmp_path: Path, opened: Opener) -> None:
    """Rubbish where the journal was: the gateway starts all the same, with the alarms of the side copy."""
    site = school(tmp_path)
    journal = await opened(site, ManualClock())
    await journal.report(PRESS)
    alarms = dict(journal.open_alarms)
    await journal.close()
    journal.path.write_bytes(os.urandom(100_000))

    journal = await opened(site, ManualClock())
    assert journal.status.durability is Durability.DISK
    assert of_points(journal) == alarms
    assert journal.head("bureau").reason == "journal-salvaged"


async def test_i1_in_memory_mode_a_message_is_acknowledged_only_when_a_destination_has_it(
    tmp_path: Path,
    opened: Opener,
) -> None:
    """With a destination in reach, `report` of a device's message returns on its confirmation, not before."""
    journal = await opened(school(tmp_path, state=tmp_path / "state"), SystemClock())
    take_away(journal)
    journal.reach("bureau", connected=True)
    message = said(b"one", PRESS)

    report = asyncio.create_task(journal.receive(message))
    await until(lambda: len(of_points(journal)) == 1)
    assert not report.done()
    head = journal.head("bureau")
    await journal.confirm("bureau", [(head.stream, 1, head.last_sequence)])
    assert await report is Durability.MEMORY


async def test_i1_in_memory_mode_without_a_destination_the_second_repetition_is_acknowledged(
    tmp_path: Path,
    opened: Opener,
) -> None:
    """Nobody in reach: the head of a panel's queue must not block the fire behind it for ever."""
    journal = await opened(school(tmp_path, state=tmp_path / "state"), SystemClock())
    take_away(journal)
    message = said(b"one", PRESS)

    first = asyncio.create_task(journal.receive(message))
    await until(lambda: len(of_points(journal)) == 1)
    second = asyncio.create_task(journal.receive(message))
    await until(lambda: journal._unconfirmed.repetitions() == [1])
    assert not first.done()
    assert not second.done()

    assert await journal.receive(message) is Durability.MEMORY
    assert [alarm.repeats for alarm in of_points(journal).values()] == [0]
    assert [await first, await second] == [Durability.MEMORY] * 2


async def test_memory_mode_sends_what_still_waited_on_a_readable_disk(tmp_path: Path, opened: Opener) -> None:
    """A disk that can be read but not written: what waited is delivered from memory, numbers unchanged."""
    journal = await opened(school(tmp_path, state=tmp_path / "state"), SystemClock())
    await journal.report(PRESS)
    old = journal.head("bureau").stream
    await journal._writer.exchange(
        lambda _: journal._disk.recover(journal._writer._hand, sqlite3.OperationalError("EIO"), 1)
    )
    journal._disk.ballast.release()

    (row, *_) = await journal.waiting("bureau", 1)
    assert (row.stream, row.sequence) == (old, 2)
    assert await journal.confirm("bureau", [(old, 1, 2)]) == 2
    await until(lambda: journal.status.durability is Durability.DISK)
    assert {row.stream for row in await journal.waiting("bureau", 1)} == {journal.head("bureau").stream}
    assert (await journal.waiting("bureau", 3))[0].type is EventType.STREAM_STARTED


async def test_a_journal_deleted_under_the_daemon_loses_nothing_that_waited(
    tmp_path: Path, opened: Opener
) -> None:
    """Somebody removes the file: what waited goes out from memory with its numbers, a fresh journal takes it all over."""
    site = school(tmp_path, state=tmp_path / "state")
    journal = await opened(site, SystemClock())
    await journal.report(PRESS)
    old = journal.head("bureau")
    for file in journal.path.parent.glob("journal.db*"):
        file.unlink()

    await journal.report(SMOKE)
    await until(lambda: journal.status.durability is Durability.DISK)

    waiting = await payloads(journal)
    assert [(event["stream"], event["sequence"]) for event in waiting][:2] == [
        (old.stream, "1"),
        (old.stream, "2"),
    ]
    numbers = [(event["stream"], event["sequence"]) for event in waiting]
    assert len(numbers) == len(set(numbers))
    assert {alarm.source.subject for alarm in of_points(journal).values()} == {"gate-button", "hall-smoke"}
    await journal.close()

    again = await opened(site, SystemClock())
    assert {event["id"] for event in waiting} <= {event["id"] for event in await payloads(again)}
    assert {alarm.source.subject for alarm in of_points(again).values()} == {"gate-button", "hall-smoke"}
    await again.report(PRESS)
    numbers = [(event["stream"], event["sequence"]) for event in await payloads(again)]
    assert len(numbers) == len(set(numbers))
    assert check_journal(again.path) == []


async def test_an_older_copy_put_in_the_journals_place_loses_nothing_that_waited(
    tmp_path: Path, opened: Opener
) -> None:
    """Somebody plays a backup in under the daemon: what waited is sent, no number is used twice, fsck is content."""
    journal = await opened(school(tmp_path, state=tmp_path / "state"), SystemClock())
    await journal.report(PRESS)
    backup = tmp_path / "backup.db"
    with (
        contextlib.closing(sqlite3.connect(journal.path)) as now,
        contextlib.closing(sqlite3.connect(backup)) as then,
    ):
        now.backup(then)
    await journal.report(SMOKE)
    before = [event["id"] for event in await payloads(journal)]
    for file in journal.path.parent.glob("journal.db-*"):
        file.unlink()
    backup.rename(journal.path)

    await journal.report(PRESS)
    await until(lambda: journal.status.durability is Durability.DISK)

    waiting = await payloads(journal)
    assert [event["id"] for event in waiting][: len(before)] == before
    numbers = [(event["stream"], event["sequence"]) for event in waiting]
    assert len(numbers) == len(set(numbers))
    await journal.close()
    assert check_journal(journal.path) == []


async def test_one_error_in_memory_mode_costs_one_write(tmp_path: Path, opened: Opener) -> None:
    """Memory mode without memory for a moment: that report is refused, and what memory has stays where it is."""
    journal = await opened(school(tmp_path, state=tmp_path / "state"), SystemClock())
    take_away(journal)
    await journal.report(PRESS)
    known = [event["id"] for event in await payloads(journal)]
    before_commit, short = journal._writer._before_commit, [True]

    def failing(db: sqlite3.Connection, batch: str) -> None:
        if short:
            error = sqlite3.OperationalError("out of memory")
            error.sqlite_errorcode = sqlite3.SQLITE_NOMEM
            raise error
        before_commit(db, batch)

    journal._writer._before_commit = failing
    with pytest.raises(JournalUnwritable, match="even memory"):
        await journal.report(SMOKE)
    short.clear()
    assert await journal.report(SMOKE) is Durability.MEMORY
    ids = [event["id"] for event in await payloads(journal)]
    assert ids[: len(known)] == known


async def test_an_empty_disk_in_the_old_ones_place_confuses_nobody(tmp_path: Path, opened: Opener) -> None:
    """Somebody mounts a fresh disk: looking at it changes nothing of the streams that memory mode is numbering."""
    journal = await opened(school(tmp_path, state=tmp_path / "state"), SystemClock())
    gone = take_away(journal)
    await journal.report(PRESS)
    head = journal.head("bureau")
    journal.path.parent.unlink()
    journal.path.parent.mkdir()

    assert await asyncio.to_thread(journal._disk.probe)
    assert journal.head("bureau").stream == head.stream
    await journal.report(SMOKE)
    await until(lambda: journal.status.durability is Durability.DISK)
    assert len(of_points(journal)) == 2
    numbers = [(event["stream"], event["sequence"]) for event in await payloads(journal)]
    assert len(numbers) == len(set(numbers))
    assert gone.is_dir()


async def test_a_reserve_that_is_missing_is_an_alarm_until_it_is_there(
    tmp_path: Path, opened: Opener
) -> None:
    """The disk space for alarms was given up, or could not be taken: `disk` stays raised, and returns with it."""
    journal = await opened(school(tmp_path, ballast_mb=1), SystemClock())
    assert not tells_of_disk(journal)
    ensure = journal._disk.ballast.ensure
    journal._disk.ballast.ensure = lambda: False  # type: ignore[method-assign]  # the disk stays full
    assert journal._disk.ballast.release()
    journal._disk_has_changed()
    await until(lambda: tells_of_disk(journal))
    assert "reserved for alarms" in journal.status.reason
    journal._disk.ballast.ensure = ensure  # type: ignore[method-assign]  # there is room again
    await until(lambda: not tells_of_disk(journal))
    assert journal.status.reason == ""


async def test_a_place_with_any_name_is_written_read_and_returned_to(tmp_path: Path, opened: Opener) -> None:
    """`#`, `?` and `%` in a path are not part of SQLite's own way to name a file."""
    journal = await opened(school(tmp_path, state=tmp_path / "a#b?c%41"), SystemClock())
    await journal.report(PRESS)
    assert len(await payloads(journal)) == 2
    gone = take_away(journal)
    assert await journal.report(SMOKE) is Durability.MEMORY
    bring_back(journal, gone)
    await until(lambda: journal.status.durability is Durability.DISK)
    assert {alarm.source.subject for alarm in of_points(journal).values()} == {"gate-button", "hall-smoke"}
    assert check_journal(journal.path) == []


async def test_an_alarm_about_the_disk_returns_after_a_restart_on_a_sound_one(
    tmp_path: Path, opened: Opener
) -> None:
    """The daemon ended while the disk failed and starts on a good one: the alarm is over, and a person can close it."""
    site = school(tmp_path)
    journal = await opened(site, ManualClock())
    await journal.raise_own(Kind.DISK, detail="EIO")
    await journal.close()
    journal = await opened(site, ManualClock())
    assert [alarm.source.kind for alarm in journal.open_alarms.values()] == [Kind.DISK]
    await until(lambda: not tells_of_disk(journal))


@pytest.mark.parametrize(
    "flip",
    [
        'update presence set identity = \'{"model": "X\'',
        "update alarm set source = replace(source, 'panic', 'pamic') where subject = 'gate-button'",
        "update point_level set kind = 'pamic' where point = 'gate-button'",
    ],
)
async def test_a_bit_that_flipped_within_a_value_is_damage(tmp_path: Path, opened: Opener, flip: str) -> None:
    """SQLite's pages have no checksums: what no program of ours wrote is salvaged around, and the daemon starts."""
    site = school(tmp_path, state=tmp_path / "state")
    journal = await opened(site, SystemClock())
    await journal.presence("buttons", Presence.ONLINE, identity={"model": "X"})
    await journal.report(PRESS)
    await journal.close()
    with contextlib.closing(sqlite3.connect(journal.path)) as db:
        db.execute(flip)
        db.commit()

    journal = await opened(site, SystemClock())

    assert journal.status.durability is Durability.DISK
    assert journal.status.reason.startswith("the journal was damaged")
    assert await journal.report(PRESS) is Durability.DISK
    assert len(of_points(journal)) == 1
    assert check_journal(journal.path) == []


async def test_a_gap_and_an_identity_outlive_memory_mode(tmp_path: Path, opened: Opener) -> None:
    """A camera that is recorded again while the journal is in memory: its gap, open on the disk, has an end then."""
    journal = await opened(school(tmp_path, state=tmp_path / "state"), SystemClock())
    began = SystemClock().now()
    await journal.open_gap("cam-gate", "network", began)
    await journal.presence("buttons", Presence.ONLINE, identity={"model": "X"})
    # as after a hang: the disk showed nothing
    await journal._writer.exchange(
        lambda _: journal._disk._to_memory(journal._writer._hand, "the disk does not answer", None)
    )
    await journal.close_gap("cam-gate", began + timedelta(seconds=5))
    await until(lambda: journal.status.durability is Durability.DISK)

    (gap,) = await journal.gaps("cam-gate", began - timedelta(days=1), began + timedelta(days=1))
    assert gap.end is not None
    assert abs(gap.end - began - timedelta(seconds=5)) < timedelta(seconds=0.01)
    assert journal.presences["buttons"].identity == {"model": "X"}


async def test_nothing_is_open_after_the_end(tmp_path: Path, opened: Opener) -> None:
    """Also where somebody is just about to read: the log of the journal is taken in, no descriptor stays."""
    journal = await opened(school(tmp_path, state=tmp_path / "state"), SystemClock())
    await journal.report(PRESS)
    reading = asyncio.create_task(journal.waiting("bureau", 1))
    await asyncio.sleep(0)
    await journal.close()
    await asyncio.gather(reading, return_exceptions=True)

    def is_open() -> bool:
        targets = []
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                targets.append(str(entry.readlink()))
        return any(target.startswith(str(journal.path)) for target in targets)

    await until(lambda: not is_open())
    assert not journal.path.with_name("journal.db-wal").exists()
