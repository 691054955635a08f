"""The demo's parts alone: its words, its site file, and how presses, events and marks become a timeline."""

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.demo.play import DETECTOR, GATE, OFFICE, PANEL, SMOKE, STEPS
from gateway.demo.seed import SEGMENTS, seed
from gateway.demo.sitefile import PORTS, write_site_file
from gateway.demo.timeline import Timeline, TraceReader
from gateway.demo.words import Words, both, keys
from gateway.model import EventType, Presence
from gateway.site import load_site
from gateway.store.accounts import read_accounts
from gateway.store.check import check_journal
from gateway.trace import Stage
from simulators.county import Event
from simulators.school import School

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
FREE_PORTS = {name: 20000 + number for number, name in enumerate(PORTS)}
CONFIG = Path(__file__).parents[2] / "config"
DEMO = CONFIG.parent / "gateway" / "demo"


def event(number: int, kind: str, subject: str, at: datetime) -> Event:
    return Event(
        root="campus/1/330106/s",
        id=f"id-{number}",
        source="/campus/330106/s",
        type=f"campus.{kind}.v1",
        subject=subject,
        time=at,
        stream="stream",
        sequence=number,
        data={},
        payload=b"",
        received_at=at + timedelta(milliseconds=20),
    )


def seconds(count: float) -> datetime:
    return NOON + timedelta(seconds=count)


# ---- words


def test_both_languages_say_everything() -> None:
    """Every sentence is there in both languages, with the same values in its braces."""
    for key in keys():
        texts = both(key)
        assert set(texts) == {"zh", "en"}, key
        assert sorted(re.findall(r"{(\w+)}", texts["zh"])) == sorted(re.findall(r"{(\w+)}", texts["en"])), key


def test_everything_that_is_named_by_a_rule_has_words() -> None:
    """Steps, event types and presences are looked up by their names; none is without words."""
    named = {
        *(f"step-{step}" for step in STEPS),
        *EventType,
        *(f"presence-{presence}" for presence in Presence),
    }
    assert named <= set(keys())


@pytest.mark.parametrize("path", sorted(DEMO.glob("*.py")), ids=lambda path: path.stem)
def test_every_word_that_is_said_is_there(path: Path) -> None:
    """A key that a module says is in the catalogue."""
    said = re.findall(
        r'(?:words|_words|say|_until)\(\s*(?:\w+, )?"([\w-]+)"', path.read_text(encoding="utf-8")
    )
    assert set(said) <= set(keys())


def test_no_word_is_left_over() -> None:
    """What the catalogue has is said somewhere."""
    sources = "".join(path.read_text(encoding="utf-8") for path in DEMO.glob("*.py") if path.stem != "words")
    by_name = ("step-", "campus.", "presence-", "col-")
    said = set(re.findall(r"""["']([\w-]+)["']""", sources))
    assert [key for key in keys() if key not in said and not key.startswith(by_name)] == []


def test_an_event_of_a_later_gateway_goes_by_its_type() -> None:
    """A type without words is shown as it is."""
    assert Words("zh")("campus.evidence.drawing.v1") == "campus.evidence.drawing.v1"


# ---- the site file


def test_the_demos_site_file_can_be_used_by_hand(tmp_path: Path) -> None:
    """config/demo.toml is a good site file as it is, and `campus-sim school` can play it."""
    shutil.copy(CONFIG / "demo.toml", tmp_path / "demo.toml")
    (tmp_path / "demo-camera.password").write_text("rehearsal", encoding="utf-8")

    site = load_site(tmp_path / "demo.toml", DRIVERS)

    school = School(site)
    assert {GATE, OFFICE, SMOKE, DETECTOR} <= set(school.points)
    assert PANEL in school.devices
    assert set(school.outputs) == {"gate-sounder"}
    assert site.retention.keep_days == site.retention.delete_after_days == 90


def test_every_demo_has_ports_and_a_directory_of_its_own(tmp_path: Path) -> None:
    """All that the file names is replaced, and nothing else is."""
    path = write_site_file(tmp_path, FREE_PORTS, "secret")
    site = load_site(path, DRIVERS)

    assert site.site.state_dir == tmp_path / "state"
    assert site.console.port == FREE_PORTS["console"]
    assert site.metrics.port == FREE_PORTS["metrics"]
    assert site.uplinks[0].broker[0].port == FREE_PORTS["broker"]
    assert f"port = {FREE_PORTS['camera']}\n" in path.read_text(encoding="utf-8")
    assert site.cameras[0].driven
    assert site.secret(site.cameras[0].settings.password_file) == "secret"


async def test_what_is_seeded_is_what_a_gateway_would_find(tmp_path: Path) -> None:
    """Footage of 91 days ago that can be played, rows, a hold and an account, all as the gateway itself keeps them."""
    path = write_site_file(tmp_path, FREE_PORTS, "secret")
    site = load_site(path, DRIVERS)

    seeded = await seed(site, name="guard", display="值班门卫", password="password")

    assert seeded.left == len(seeded.expired) == SEGMENTS - 1
    assert seeded.held.stat().st_size > 10_000
    journal = site.site.state_dir / "journal.db"
    assert [account.name for account in read_accounts(journal)] == ["guard"]
    assert not check_journal(journal)


# ---- the timeline


def mark(path: Path, stage: Stage, at: datetime, *ids: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"stage": stage, "ids": ids, "monotonic": 1.0, "at": at.isoformat()}) + "\n")


def test_a_trace_is_followed_as_it_grows(tmp_path: Path) -> None:
    """Line by line, the first mark of a station counts, half a line waits, and one that a kill cut off harms nothing."""
    path = tmp_path / "trace"
    trace = TraceReader(path)
    trace.read()
    mark(path, Stage.COMMITTED, seconds(1), "a", "b")
    mark(path, Stage.COMMITTED, seconds(2), "a")
    with path.open("a", encoding="utf-8") as file:
        file.write('{"stage": "published", "ids": ["a"]')
    trace.read()
    assert trace.of("a") == {Stage.COMMITTED: seconds(1)}
    assert trace.waiting() == 2

    with path.open("a", encoding="utf-8") as file:  # the next process writes on
        file.write("\n")
    mark(path, Stage.CONFIRMED, seconds(3), "a")
    trace.read()
    assert set(trace.of("a")) == {Stage.COMMITTED, Stage.CONFIRMED}
    assert trace.waiting() == 1


def test_each_press_finds_its_own_event(tmp_path: Path) -> None:
    """By point and time: not the event of another point, not one from before the press, and none twice."""
    timeline = Timeline(TraceReader(tmp_path / "trace"))
    timeline.pressed("gate", seconds(1))
    timeline.pressed("hall", seconds(1.1))
    timeline.pressed("gate", seconds(5))
    for number, kind, subject, at in [
        (1, "alarm.raised", "gate", 1.05),
        (2, "alarm.returned", "gate", 2),
        (3, "alarm.raised", "hall", 1.2),
        (4, "alarm.repeated", "gate", 4),  # of a hand that nobody noted
        (5, "alarm.repeated", "gate", 5.01),
    ]:
        timeline.heard(event(number, kind, subject, seconds(at)))

    events = timeline.document([event(n, "alarm.raised", "gate", NOON) for n in (5, 4, 3, 2, 1)])["events"]
    assert [(entry["sequence"], entry["pressed"] and str(entry["pressed"])[17:]) for entry in events] == [
        (1, "01.000Z"),
        (2, None),
        (3, "01.100Z"),
        (4, None),
        (5, "05.000Z"),
    ]
    assert not timeline.unanswered()


def test_a_panel_tells_whole_seconds(tmp_path: Path) -> None:
    """Its event is that of the press in the same second, though its time is a little before; not of one in the next."""
    timeline = Timeline(TraceReader(tmp_path / "trace"))
    timeline.pressed("stage", seconds(1.4))
    timeline.pressed("stage", seconds(2.1))
    timeline.heard(event(1, "alarm.raised", "stage", seconds(1)))
    assert [row.id for row in timeline.rows] == ["id-1", None]


def test_what_the_console_knows_is_the_countys_event_later(tmp_path: Path) -> None:
    """While the link is down a press is found on the console; the county's event is the same row, and its way goes on."""
    path = tmp_path / "trace"
    timeline = Timeline(TraceReader(path))
    timeline.pressed("gate", seconds(1))
    mark(path, Stage.COMMITTED, seconds(1.01), "id-7")
    timeline.journalled("id-7", EventType.ALARM_RAISED, "gate", seconds(1.005))
    timeline.trace.read()
    [row] = timeline.rows
    assert (timeline.way(row).disk, timeline.way(row).county) == (0.01, None)

    timeline.heard(event(7, "alarm.raised", "gate", seconds(1.005)))
    timeline.journalled("id-7", EventType.ALARM_RAISED, "gate", seconds(1.005))

    assert timeline.rows == [row]
    assert row.sequence == 7
    assert timeline.missing_receipts() == [row]
    mark(path, Stage.CONFIRMED, seconds(2), "id-7")
    timeline.trace.read()
    assert timeline.way(row).receipt == 1.0
    assert not timeline.missing_receipts()
