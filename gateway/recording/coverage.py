"""Asks library and journal how much of a camera's time was recorded."""

from datetime import datetime, timedelta

from gateway.policy.coverage import Coverage, Gap, coverage
from gateway.recording.footage import all_segments
from gateway.recording.needs import RecordingJournal
from gateway.store.library import Library


async def coverage_of(
    library: Library,
    journal: RecordingJournal,
    camera: str,
    *,
    start: datetime,
    end: datetime,
    now: datetime,
    unfinished: timedelta,
) -> Coverage:
    """How much of [start, end) was recorded, and why the rest was not.

    What is being recorded now has no row yet: if no gap is open, up to `unfinished` before `now` is left out of
    account. The answer's own `end` says how far it reaches. Raises LibraryUnusable, GatewayError.
    """
    rows = await journal.gaps(camera, start, end)
    known = [Gap(start=row.start, end=row.end or now, cause=row.cause) for row in rows]
    recorded = [(row.start, row.end) for row in await all_segments(library, camera, start, end)]
    end = min(end, now)
    if all(row.end is not None for row in rows):
        latest = max((finish for _, finish in recorded), default=start)
        if now - unfinished <= latest < end:
            end = latest
    return coverage(recorded, known, start=min(start, end), end=end)
