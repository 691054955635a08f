"""Deletes footage as the site file says: plan, condemn, read the holds again, unlink, forget (I7, I8, I10)."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from gateway.clock import Clock, from_ms, rfc3339
from gateway.model import ClockState, EventType, Kind
from gateway.policy.retention import (
    Disk,
    Forecast,
    Held,
    Hold,
    Plan,
    Rules,
    Segment,
    forecast,
    plan,
    stretches,
)
from gateway.recording.needs import RecordingJournal
from gateway.recording.protocol import Cause
from gateway.recording.shelf import Shelf
from gateway.site import Site
from gateway.store.ballast import Ballast
from gateway.store.files import FileThread
from gateway.store.library import Library, LibraryUnusable
from gateway.store.library_rows import StoredSegment

logger = logging.getLogger(__name__)

#: Segments of each camera that one round looks at, and files that it deletes, at most.
LOOK_LIMIT = 500
DELETE_LIMIT = 500

#: Kept free for the library's own rows: without room for them nothing could be deleted from a full disk.
RESERVE_BYTES = 256 * 1024

_GB = 1_000_000_000
# Not even min_free_gb = 0 lets the disk be filled to the last byte.
_LEAST_FREE_SHARE = 0.02
_LEAST_FREE_MOST = 64_000_000
_LOOK_AHEAD_EVERY_S = 600.0
_LOAD_OVER = timedelta(days=1)
_LOAD_AT_LEAST_S = 600.0
#: A forecast has to be this much better than the promise before the alarm about it returns.
_RELIEF = 1.05
#: Recording that was stopped for want of space begins again when there is this share of the disk to spare.
_RESUME_SHARE = 0.01
_RESUME_MOST = 1 * _GB


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round did. `unfinished`: there is more to do at once. `stuck`: space is short and nothing may go."""

    deleted: int
    freed_bytes: int
    given_up: int
    restored: int
    unfinished: bool
    stuck: bool
    disk: Disk
    forecasts: tuple[Forecast, ...]


class Janitor:
    """One round at a time. Raises OSError, LibraryUnusable and GatewayError: nothing was deleted that may not be."""

    def __init__(
        self,
        site: Site,
        *,
        library: Library,
        shelf: Shelf,
        files: FileThread,
        journal: RecordingJournal,
        clock: Clock,
        clock_state: Callable[[], ClockState],
    ) -> None:
        self._site = site
        self._library = library
        self._shelf = shelf
        self._files = files
        self._journal = journal
        self._clock = clock
        self._clock_state = clock_state
        self._rules = rules_of(site)
        self._reserve = Ballast(site.recording_dir / "reserve", RESERVE_BYTES)
        self._stuck = False
        self._at_risk: set[str] = set()
        self._told: dict[str, date] = {}
        self._forecasts: tuple[Forecast, ...] = ()
        self._next_look = clock.monotonic()

    async def round(self) -> Round:
        """Finish garbage, decide, delete, look ahead."""
        restored = await self._finish_garbage()
        disk = await self._disk()
        if self._clock.monotonic() >= self._next_look:
            self._forecasts = await self._look_ahead(disk)
            self._next_look = self._clock.monotonic() + _LOOK_AHEAD_EVERY_S
        decided = await self._decide(disk)
        doomed = decided.delete[:DELETE_LIMIT]
        before_time = {segment.id for segment in decided.given_up}
        given_up = [segment for segment in doomed if segment.id in before_time]
        if given_up:
            await self._put_on_record(given_up)
        if doomed:
            await self._condemn(doomed)
            restored += await self._finish_garbage()
            logger.info("%d segments deleted, %d of them before their time", len(doomed), len(given_up))
        await self._files.do(self._reserve.ensure)
        unfinished = decided.partial or len(decided.delete) > len(doomed)
        after = disk.without(sum(segment.bytes for segment in doomed))
        self._stuck = not unfinished and (decided.shortfall > 0 or not self._may_resume(decided, after))
        return Round(
            deleted=len(doomed),
            freed_bytes=sum(segment.bytes for segment in doomed),
            given_up=len(given_up),
            restored=restored,
            unfinished=unfinished,
            stuck=self._stuck,
            disk=disk,
            forecasts=self._forecasts,
        )

    async def _condemn(self, doomed: Sequence[Segment]) -> None:
        """Rows first. On a disk so full that not even they can be written, the reserve makes room for them."""
        ids = [segment.id for segment in doomed]
        try:
            await self._library.condemn(ids, at=self._clock.now())
        except LibraryUnusable:
            if not await self._files.do(self._reserve.release):
                raise
            await self._library.condemn(ids, at=self._clock.now())

    async def is_short(self) -> bool:
        """Whether there is less space than there has to be. Reads two figures."""
        return (await self._disk()).shortage > 0

    def _may_resume(self, decided: Plan, disk: Disk) -> bool:
        """Recording that had to stop goes on where old footage can make way for it, or there is some room to spare."""
        if not self._stuck or decided.has_more:
            return True
        return disk.room >= min(int(disk.capacity * _RESUME_SHARE), _RESUME_MOST)

    async def _disk(self) -> Disk:
        space = await self._files.do(self._shelf.space)
        totals = await self._library.totals()
        keys = self._site.recording
        least = max(int(keys.min_free_gb * _GB), min(int(space.size * _LEAST_FREE_SHARE), _LEAST_FREE_MOST))
        return Disk(
            recorded_bytes=sum(total.bytes for total in totals.values()),
            free_bytes=space.free,
            max_bytes=None if keys.max_gb is None else int(keys.max_gb * _GB),
            min_free_bytes=least,
        )

    async def _decide(self, disk: Disk) -> Plan:
        trusted = self._clock_state() is ClockState.TRUSTED
        holds = await self._live_holds()
        held = Held(holds)
        candidates: list[Segment] = []
        truncated: set[str] = set()
        for camera in await self._library.totals():
            segments, more = await self._library.oldest(camera, LOOK_LIMIT, held)
            if more:
                truncated.add(camera)
                if trusted:
                    segments += await self._overdue(camera, held, known={segment.id for segment in segments})
            candidates += segments
        return plan(
            candidates,
            holds,
            now=self._clock.now(),
            clock_trusted=trusted,
            rules=self._rules,
            disk=disk,
            truncated=frozenset(truncated),
        )

    async def _overdue(self, camera: str, held: Held, *, known: set[int]) -> list[StoredSegment]:
        """What is beyond the privacy limit and got its row late, behind more than a round looks at."""
        if self._rules.delete_after is None:
            return []
        limit = self._clock.now() - self._rules.delete_after
        found = await self._library.ended_by(camera, limit, LOOK_LIMIT, held)
        return [segment for segment in found if segment.id not in known]

    async def _live_holds(self, camera: str | None = None) -> Sequence[Hold]:
        # An untrusted clock may have run ahead: then no hold counts as ended.
        trusted = self._clock_state() is ClockState.TRUSTED
        return await self._journal.live_holds(camera, at=self._clock.now() if trusted else from_ms(0))

    async def _finish_garbage(self) -> int:
        """Unlink what is condemned, bounded; what a hold wants becomes a segment again. How many did."""
        kept: list[int] = []
        gone: list[StoredSegment] = []
        try:
            for segment in await self._library.garbage(DELETE_LIMIT):
                if await self._unlink_unless_held(segment):
                    gone.append(segment)
                else:
                    kept.append(segment.id)
        finally:
            if gone:
                await self._files.do(self._shelf.settle, [segment.path for segment in gone])
                await self._library.forget([segment.id for segment in gone])
            if kept:
                await self._library.restore(kept)
        return len(kept)

    async def _unlink_unless_held(self, segment: StoredSegment) -> bool:
        """The holds are read when the file thread is ours: a hold must not lose its file while the unlink queues."""

        def unlink(holds: Sequence[Hold]) -> bool:
            if Held(holds).touches(segment.camera, segment.start, segment.end):
                return False
            self._shelf.unlink(segment.path)
            return True

        return await self._files.decide(lambda: self._live_holds(segment.camera), unlink)

    async def _put_on_record(self, given_up: Sequence[Segment]) -> None:
        """Before anything of the promise goes: an alarm, a gap for each stretch, and once a day an event (I8)."""
        for camera, start, end in stretches(await self._unrecorded(given_up)):
            await self._journal.record_gap(camera, Cause.GIVEN_UP, start, end)
        for camera, start, end in stretches(given_up):
            detail = f"given up for want of space: {rfc3339(start)} to {rfc3339(end)}"
            await self._journal.raise_own(Kind.RETENTION_RISK, camera, detail)
            self._at_risk.add(camera)
            today = self._clock.now().date()
            if self._told.get(camera) != today:
                await self._journal.emit(
                    EventType.DEGRADED,
                    camera,
                    {"reason": "footage-given-up", "from": rfc3339(start), "to": rfc3339(end)},
                )
                self._told[camera] = today

    async def _unrecorded(self, given_up: Sequence[Segment]) -> list[Segment]:
        """Those without a gap yet: a round that failed after its record was written is not recorded twice."""
        fresh = list(given_up)
        for camera, start, end in stretches(given_up):
            for gap in await self._journal.gaps(camera, start, end):
                if gap.cause == Cause.GIVEN_UP and gap.end is not None:
                    known = (camera, gap.start, gap.end)
                    fresh = [segment for segment in fresh if not _is_within(segment, *known)]
        return fresh

    async def _look_ahead(self, disk: Disk) -> tuple[Forecast, ...]:
        """Will the promise hold with what the cameras make now; a camera that can't is an alarm before it happens."""
        now = self._clock.now()
        held = Held(await self._live_holds())
        cameras = [camera.id for camera in self._site.cameras if camera.settings.record]
        loads = [
            load
            for camera in cameras
            if (load := await self._library.load(camera, now - _LOAD_OVER, at_least_s=_LOAD_AT_LEAST_S))
            is not None
        ]
        overdue = [await self._library.held_bytes(camera, held, now - self._rules.keep) for camera in cameras]
        forecasts = forecast(loads, capacity_bytes=disk.capacity - sum(overdue), rules=self._rules)
        for expected in forecasts:
            await self._warn(expected)
        return forecasts

    async def _warn(self, expected: Forecast) -> None:
        promise = self._rules.keep / timedelta(days=1)
        if expected.days < promise:
            if expected.camera not in self._at_risk:
                logger.warning(
                    "%s: %.1f days fit, %.0f are promised", expected.camera, expected.days, promise
                )
            self._at_risk.add(expected.camera)
            await self._journal.raise_own(
                Kind.RETENTION_RISK,
                expected.camera,
                f"{expected.days:.1f} days of footage fit on the disk, {promise:.0f} are promised",
            )
        elif expected.days >= promise * _RELIEF:
            self._at_risk.discard(expected.camera)
            await self._journal.return_own(Kind.RETENTION_RISK, expected.camera)


def _is_within(segment: Segment, camera: str, start: datetime, end: datetime) -> bool:
    return segment.camera == camera and start <= segment.start and segment.end <= end


def rules_of(site: Site) -> Rules:
    """`[retention]` and the cameras' `sacrifice` as the policy takes them."""
    keys = site.retention
    return Rules(
        keep=timedelta(days=keys.keep_days),
        delete_after=None if keys.delete_after_days is None else timedelta(days=keys.delete_after_days),
        when_full=keys.when_full,
        sacrifice={camera.id: camera.settings.sacrifice for camera in site.cameras},
    )
