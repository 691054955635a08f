"""From `[calendar]` and the zones of the site file to the schedules by which zones are armed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.policy.schedule import Calendar, Schedule, Span
from gateway.site.models import SiteFile, SpanSettings, ZoneSettings
from gateway.site.site import ZoneEntry

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

#: The longest holiday, in days.
_LONGEST = 366


@dataclass(frozen=True, slots=True)
class Schedules:
    """Makes the zones' schedules. What is wrong goes into `problems`, which the caller owns."""

    problems: list[str]

    def of(self, file: SiteFile) -> Iterator[ZoneEntry]:
        """How each zone of the file is armed."""
        calendar = self._calendar(file)
        try:
            clock = ZoneInfo(file.site.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            return  # said of `site.timezone`
        for zone in file.zone:
            yield ZoneEntry(
                id=zone.id,
                entry_s=zone.entry_s,
                exit_s=zone.exit_s,
                schedule=_schedule(zone, calendar, clock),
            )

    def _calendar(self, file: SiteFile) -> Calendar:
        holidays = frozenset(self._days("calendar.holidays", file.calendar.holidays))
        workdays = frozenset(self._days("calendar.workdays", file.calendar.workdays))
        for day in sorted(holidays & workdays):
            self.problems.append(f"calendar.workdays: {day} is a holiday too; it can be one of them only")
        return Calendar(holidays, workdays)

    def _days(self, where: str, items: Iterable[str]) -> Iterator[date]:
        for number, item in enumerate(items, 1):
            first, separator, last = item.partition("..")
            try:
                start = date.fromisoformat(first)
                end = date.fromisoformat(last) if separator else start
            except ValueError:
                self._bad(where, number, item, 'must be a day, "2026-12-31", or "2026-10-01..2026-10-07"')
                continue
            length = (end - start).days + 1
            if not 1 <= length <= _LONGEST:
                self._bad(where, number, item, f"ends before it begins, or is longer than {_LONGEST} days")
                continue
            yield from (start + timedelta(days=offset) for offset in range(length))

    def _bad(self, where: str, number: int, item: str, what: str) -> None:
        self.problems.append(f"{where}[{number}]: {what} (it is {item[:40]!r})")


def _schedule(zone: ZoneSettings, calendar: Calendar, clock: ZoneInfo) -> Schedule | None:
    if not zone.armed:
        return None
    return Schedule(tuple(_span(span) for span in zone.armed), calendar, clock)


def _span(span: SpanSettings) -> Span:
    return Span(_days_of(span.days), time.fromisoformat(span.start), time.fromisoformat(span.end))


def _days_of(days: str) -> frozenset[int]:
    """`mon-fri,sun` as numbers; a range may go over the week's end."""
    found: set[int] = set()
    for part in days.split(","):
        first, _, last = part.partition("-")
        start = _WEEKDAYS.index(first)
        length = (_WEEKDAYS.index(last or first) - start) % len(_WEEKDAYS) + 1
        found.update((start + offset) % len(_WEEKDAYS) for offset in range(length))
    return frozenset(found)
