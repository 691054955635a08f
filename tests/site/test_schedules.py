"""gateway.site.schedules: zones' spans and the calendar as the file has them, and what is said of wrong ones."""

from datetime import date, time
from pathlib import Path

import pytest

from gateway.policy.schedule import Span
from tests.site.files import SITE, changed, load, refused

HALL = 'id = "hall"\n'


def with_zone(keys: str) -> str:
    """SITE whose hall has more keys."""
    return changed(HALL + 'name = "礼堂"\n', HALL + 'name = "礼堂"\n' + keys + "\n")


def test_a_zone_without_keys_has_no_schedule(tmp_path: Path) -> None:
    """No delay, no schedule: armed and disarmed by people alone. Its place and people are as they were."""
    site = load(tmp_path, SITE)

    assert [(entry.id, entry.entry_s, entry.exit_s, entry.schedule) for entry in site.zone_entries] == [
        ("gate", 0, 0, None),
        ("hall", 0, 0, None),
    ]
    assert site.zones[0].cameras == ("cam",)


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("sat,sun", {5, 6}),
        ("sat-mon", {5, 6, 0}),
        ("mon-wed,fri", {0, 1, 2, 4}),
        ("sun", {6}),
    ],
)
def test_spans(tmp_path: Path, days: str, found: set[int]) -> None:
    """Days one by one or from one to another, over the week's end too; times by the site's clock."""
    site = load(
        tmp_path,
        with_zone(
            f'entry_s = 30\nexit_s = 60\narmed = [ {{days = "{days}", from = "22:00", to = "06:00"}} ]'
        ),
    )
    entry = site.zone_entries[1]

    assert entry.schedule is not None
    assert entry.schedule.spans == (Span(frozenset(found), time(22), time(6)),)
    assert (entry.schedule.zone.key, entry.entry_s, entry.exit_s) == ("Asia/Shanghai", 30, 60)


def test_the_calendar(tmp_path: Path) -> None:
    """Single days and whole holidays, with both ends."""
    text = with_zone('armed = [ {days = "sun", from = "00:00", to = "00:00"} ]') + (
        '[calendar]\nholidays = ["2026-10-01..2026-10-07", "2026-12-31"]\nworkdays = ["2026-10-10"]\n'
    )
    schedule = load(tmp_path, text).zone_entries[1].schedule

    assert schedule is not None
    assert schedule.calendar.holidays == {*(date(2026, 10, day) for day in range(1, 8)), date(2026, 12, 31)}
    assert schedule.calendar.workdays == {date(2026, 10, 10)}


SPAN = '{days = "mon", from = "22:00", to = "06:00"}'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (with_zone("entry_s = 601"), "zone[2].entry_s: must be at most 600 (it is 601)"),
        (
            with_zone(f"armed = [ {SPAN.replace('mon', 'monday')} ]"),
            "zone[2].armed[1].days: must be days or ranges",
        ),
        (
            with_zone(f"armed = [ {SPAN.replace('22:00', '24:00')} ]"),
            "zone[2].armed[1].from: must be a time of day",
        ),
        (with_zone('armed = [ {days = "mon", from = "22:00"} ]'), "zone[2].armed[1].to: is missing; add it"),
        (
            with_zone(f"armed = [ {SPAN.replace('to =', 'till =')} ]"),
            "zone[2].armed[1].till: unknown key; known here: days, from, to",
        ),
        (
            SITE + '[calendar]\nholidays = ["2026-02-30"]\n',
            'calendar.holidays[1]: must be a day, "2026-12-31", or "2026-10-01..2026-10-07" (it is \'2026-02-30\')',
        ),
        (SITE + '[calendar]\nholidays = ["x..y"]\n', "calendar.holidays[1]: must be a day"),
        (
            SITE + '[calendar]\nholidays = ["2026-10-07..2026-10-01"]\n',
            "calendar.holidays[1]: ends before it begins",
        ),
        (
            SITE + '[calendar]\nholidays = ["2026-10-01..2026-10-07"]\nworkdays = ["2026-10-03"]\n',
            "calendar.workdays: 2026-10-03 is a holiday too; it can be one of them only",
        ),
        (
            changed('id = "smoke"\n', 'id = "smoke"\nentry = true\n'),
            "device[3].point[1].entry: only an intrusion or door point is on the way in; this one is of kind smoke",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, problem: str) -> None:
    """Where, what, and what would be right."""
    assert any(said.startswith(problem) for said in refused(tmp_path, text))
