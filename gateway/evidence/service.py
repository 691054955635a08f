"""Evidence as a service of the daemon: its works put together, what others read of it, and the shelf of snapshots to send."""

import asyncio
from collections.abc import Callable
from typing import NoReturn

from gateway.clock import Clock
from gateway.evidence.announcer import Announcer
from gateway.evidence.clips import Clips
from gateway.evidence.folder import Folder
from gateway.evidence.follower import Follower, rules_of
from gateway.evidence.inventory import Inventory
from gateway.evidence.keeper import Keeper
from gateway.evidence.needs import Common, Media, Picture, Work
from gateway.evidence.snapshots import Snapshots
from gateway.evidence.stats import EvidenceStats
from gateway.evidence.upload import Upload, address_of, nowhere
from gateway.footage import Footage
from gateway.model import ClockState
from gateway.site import Site
from gateway.store import Journal
from gateway.store.evidence_rows import EvidenceRow
from gateway.store.files import FileThread
from gateway.store.library import Library, LibraryUnusable

#: So many snapshots are taken at once, each of another camera.
_SNAPSHOTS = tuple(f"snapshots {number}" for number in range(1, 5))


class EvidenceService:
    """One for a daemon; `run` once. Every reading method raises LibraryUnusable while there is no library.

    `library` gives the one that the recording service has open just now, or None. `picture` is a camera's own picture.
    """

    def __init__(
        self,
        site: Site,
        journal: Journal,
        clock: Clock,
        *,
        clock_state: Callable[[], ClockState],
        footage: Footage,
        media: Media,
        picture: Picture,
        library: Callable[[], Library | None],
    ) -> None:
        self.stats = EvidenceStats()
        self._library_now = library
        self._files = FileThread("evidence")
        self._upload_files = FileThread("evidence-upload")  # reads at the pace of the line
        self._folder = Folder(site.recording_dir)
        destinations = tuple(uplink.name for uplink in site.uplinks)
        self._inventory = Inventory(self._folder, self._files, destinations)
        self._checked = ""  # the library that was held against the files
        self._checking = asyncio.Lock()
        rules = rules_of(site)
        common = Common(
            library=self._library,
            folder=self._folder,
            files=self._files,
            clock=clock,
            clock_state=clock_state,
            stats=self.stats,
        )
        follower = Follower(
            journal=journal,
            library=self._library,
            clock=clock,
            rules=rules,
            cameras=frozenset(camera.id for camera in site.cameras),
            asked=lambda: self._wake(*_SNAPSHOTS, "clips"),
        )
        snapshots = Snapshots(
            common,
            footage=footage,
            media=media,
            picture=picture,
            destinations=destinations,
            made=lambda: self._wake("announcer"),
        )
        clips = Clips(
            common,
            footage=footage,
            media=media,
            gaps=journal,
            segment_s=site.recording.segment_s,
            recorded=frozenset(camera.id for camera in site.cameras if camera.settings.record),
            made=lambda: self._wake("announcer", "keeper"),
        )
        announcer = Announcer(
            journal=journal,
            library=self._library,
            address=address_of(site),
            told=lambda: self._wake("upload"),
        )
        keeper = Keeper(
            common,
            journal=journal,
            rules=rules,
            most_bytes=round(site.evidence.max_gb * 1e9),
            destinations=destinations,
            room=lambda: self._wake("clips"),
        )
        rounds = {
            "presses": follower.round,
            **dict.fromkeys(_SNAPSHOTS, snapshots.round),
            "clips": clips.round,
            "announcer": announcer.round,
            "keeper": keeper.round,
            "upload": nowhere(journal),
        }
        if site.evidence.upload is not None:
            upload = Upload(
                site.evidence.upload,
                site,
                journal=journal,
                library=self._library,
                files=self._upload_files,
                clock=clock,
                stats=self.stats,
            )
            rounds["upload"] = upload.round
        self._follower = follower
        self._works = {name: Work(name, round_, clock) for name, round_ in rounds.items()}

    async def run(self) -> NoReturn:
        """Until cancelled. What was begun is taken up by the next start."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follower.listen(self._works["presses"].wake), name="evidence-journal")
                for name, work in self._works.items():
                    group.create_task(work.run(), name=f"evidence-{name}")
            raise AssertionError("none of these ends by itself")
        finally:
            self._files.close()
            self._upload_files.close()

    def _wake(self, *names: str) -> None:
        for name in names:
            if name in self._works:
                self._works[name].wake()

    # ---- for the console

    async def of_alarm(self, alarm_id: str) -> list[EvidenceRow]:
        """All evidence of an alarm, first asked for first."""
        return await (await self._library()).evidence_of(alarm_id)

    async def recent(self, limit: int, before: str | None = None) -> list[EvidenceRow]:
        """Newest first; those asked for before the piece of that id."""
        return await (await self._library()).recent_evidence(limit, before)

    async def find(self, evidence_id: str) -> EvidenceRow | None:
        """By id."""
        return await (await self._library()).find_evidence(evidence_id)

    # ---- for the uplinks (gateway.uplink.snapshots.SnapshotShelf)

    async def next(self, destination: str) -> tuple[str, bytes] | None:
        """The oldest snapshot that the destination has not taken: its id and the JPEG. Raises LibraryUnusable, OSError."""
        library = await self._library()
        while (row := await library.next_snapshot(destination)) is not None:
            try:
                return row.id, await self._files.do(row.path.read_bytes)
            except FileNotFoundError:  # someone has taken it away: the next start tells
                await library.snapshot_sent(destination, row.id)
                self.stats.unsent += 1
        return None

    async def sent(self, destination: str, evidence_id: str) -> None:
        """The destination has it. Raises LibraryUnusable."""
        await (await self._library()).snapshot_sent(destination, evidence_id)

    # ---- the library

    async def _library(self) -> Library:
        """The library, once its evidence has been held against the files. Raises LibraryUnusable, OSError."""
        library = self._library_now()
        if library is None or not library.identity:
            raise LibraryUnusable("the library is not open")
        if library.identity != self._checked:
            async with self._checking:
                if library.identity != self._checked:
                    await self._inventory.take(library)
                    self._checked = library.identity
        return library
