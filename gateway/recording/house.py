"""The library opened, held against the shelf and kept usable, and the janitor sent round, for as long as the daemon runs."""

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.policy.retention import stretches
from gateway.recording.inventory import Inventory
from gateway.recording.janitor import Janitor, Round
from gateway.recording.needs import RecordingJournal
from gateway.recording.protocol import Cause
from gateway.recording.trouble import Trouble
from gateway.site import Site
from gateway.store.files import FileThread
from gateway.store.library import Library, LibraryUnusable

logger = logging.getLogger(__name__)

#: The janitor goes round so often, and no more often than the second while space is short; seconds.
ROUND_S = 300.0
ROUND_LEAST_S = 5.0

_RETRY_DISK_S = 10.0


class House:
    """Owns the library's life. `ready` is set once the library can be used, `surveyed` while it knows all of the shelf.

    `on_stuck` hears whether recording has to stop: the disk is short and nothing on it may be deleted.
    """

    def __init__(  # noqa: PLR0913 - it joins that many parts
        self,
        site: Site,
        *,
        library: Library,
        inventory: Inventory,
        janitor: Janitor,
        files: FileThread,
        journal: RecordingJournal,
        trouble: Trouble,
        clock: Clock,
        on_stuck: Callable[[bool], None],
    ) -> None:
        self._site = site
        self._library = library
        self._inventory = inventory
        self._janitor = janitor
        self._files = files
        self._journal = journal
        self._trouble = trouble
        self._clock = clock
        self._on_stuck = on_stuck
        self._nudged = asyncio.Event()
        self._refused = False
        self.ready = asyncio.Event()
        self.surveyed = asyncio.Event()
        self.last_round: Round | None = None
        self.deleted = self.given_up = 0

    def nudge(self) -> None:
        """Space may have become short: look before the time."""
        self._nudged.set()

    async def run(self) -> NoReturn:
        """Until cancelled."""
        while True:
            while not self.surveyed.is_set() and not await self._open():
                await self._clock.sleep(_RETRY_DISK_S)
            await self._rest(await self._tidy())

    async def _open(self) -> bool:
        """Open the library and hold it against the shelf; False where the disk does not let us."""
        self.surveyed.clear()  # it may be a fresh one
        try:
            await self._library.open(stamp=self._stamp())
            await self._recognise()
            self.ready.set()
            found = await self._inventory.take()
        except (OSError, LibraryUnusable) as error:
            self._trouble.note("library", f"the footage's disk can't be used: {error}")
            return False
        self._trouble.note("library", "")
        for camera, start, end in stretches(found.lost):
            await self._journal.record_gap(camera, Cause.DISK, start, end)
        if found.lost:
            await self._trouble.tell(
                f"{len(found.lost)} segments are gone from the disk; their gaps are on record"
            )
        self.surveyed.set()
        return True

    async def _recognise(self) -> None:
        """Say so if this is not the library of last time: another disk, one not mounted, or one rebuilt."""
        note = self._site.site.state_dir / "footage-disk"
        known = await self._files.do(
            lambda: note.read_text(encoding="utf-8").strip() if note.exists() else ""
        )
        if known == self._library.identity:
            return
        if known:
            await self._trouble.tell(
                f"{self._site.recording_dir} has another library than before: is the footage's disk mounted?"
            )
        await self._files.do(note.write_text, self._library.identity, encoding="utf-8")

    async def _tidy(self) -> float:
        """One round of the janitor; how many seconds until the next."""
        try:
            last = await self._janitor.round()
        except LibraryUnusable as error:
            self._trouble.note("library", f"the library can't be used: {error}")
            await self._mend(error)
            return _RETRY_DISK_S
        except (GatewayError, OSError) as error:
            if not self._refused:
                logger.warning("nothing is deleted for now: %s", error)
            self._refused = True
            return _RETRY_DISK_S
        self._refused = False
        self._trouble.note("library", "")
        self.last_round = last
        self.deleted += last.deleted
        self.given_up += last.given_up
        self._on_stuck(last.stuck)
        self._trouble.take_over()  # library, files and space have been seen: what is wrong is known now
        if last.unfinished:
            return 0.0
        return _RETRY_DISK_S if last.stuck else ROUND_S

    async def _mend(self, error: LibraryUnusable) -> None:
        """A damaged library is built again from the shelf; one whose disk failed is opened again."""
        if error.damaged:
            try:
                await self._library.set_aside(stamp=self._stamp())
            except OSError as failure:
                logger.warning("the library can't be set aside: %s", failure)
                return
        await self._open()

    async def _rest(self, seconds: float) -> None:
        """Until the next round: earlier where space has become short."""
        if not seconds:
            return
        until = self._clock.monotonic() + seconds
        await self._clock.sleep(min(seconds, ROUND_LEAST_S))
        while (left := until - self._clock.monotonic()) > 0:
            if not await self._nudged_within(left) or await self._is_short():
                break

    async def _nudged_within(self, seconds: float) -> bool:
        waiting = asyncio.create_task(self._nudged.wait())
        sleeping = asyncio.create_task(self._clock.sleep(seconds))
        try:
            done, _ = await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()
            await asyncio.gather(waiting, sleeping, return_exceptions=True)
        self._nudged.clear()
        return waiting in done

    async def _is_short(self) -> bool:
        try:
            return await self._janitor.is_short()
        except (GatewayError, OSError):
            return True  # the round that follows says what is wrong

    def _stamp(self) -> str:
        return f"{self._clock.now():%Y%m%dT%H%M%S}"
