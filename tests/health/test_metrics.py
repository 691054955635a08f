"""gateway.health.metrics: the page of a gateway with a real journal, read back as Prometheus reads it."""

import asyncio
import logging
import random
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.parser import text_string_to_metric_families

from gateway.clock import SystemClock
from gateway.console import LinkState
from gateway.errors import JournalUnwritable
from gateway.health.clockwatch import CONFIRMED, ClockWatch
from gateway.health.metrics import Metrics
from gateway.health.notify import Notifier
from gateway.health.sources import Connections, Sources
from gateway.health.tracer import MetricsTracer
from gateway.health.watchdog import Problem
from gateway.model import AlarmState, ClockState, Kind, Level, Origin, Presence, Signal
from gateway.policy.outputs import OutputState
from gateway.policy.retention import Forecast
from gateway.recording.cameras import CameraStats
from gateway.recording.stats import RecordingStats
from gateway.services import Basis, Services
from gateway.site import MetricsSettings, Site
from gateway.store import Journal
from gateway.supervisor import ConnectionStats, Supervisor
from tests.clocks import ManualClock
from tests.sites import school
from tests.wait import until

ALERTS = Path(__file__).parents[2] / "config" / "prometheus-alerts.yml"
PRESS = Signal(
    device="buttons", point="gate-button", kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT
)

Labels = tuple[tuple[str, str], ...]


GATE = CameraStats(
    camera="cam-gate",
    recording=True,
    segments=90,
    packets=135_000,
    bytes=9_000_000,
    dropped=4,
    interruptions=2,
)
OUTPUTS = (
    OutputState(id="siren", wanted=True, actual=None, testing=False, reason="no answer"),
    OutputState(id="lamp", wanted=False, actual=False, testing=False),
)

FOOTAGE = RecordingStats(
    cameras=(GATE,),
    paused=True,
    recorder_running=True,
    recorder_deaths=3,
    waiting=5,
    left=6,
    recovered=7,
    unreadable=8,
    deleted=20,
    given_up=10,
    recorded_bytes=3_000_000_000,
    free_bytes=1_000_000,
    forecasts=(Forecast(camera="cam-gate", days=91.5),),
)


class Busy:
    """Connections, destinations and cameras that have something to tell."""

    readings_dropped = 7

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    def stats(self) -> tuple[ConnectionStats, ...]:
        """One connection with history."""
        return (
            ConnectionStats(
                connection="bus-1",
                driver="modbus",
                serving=True,
                attempts=3,
                losses=2,
                faults=1,
                reports=40,
                readings=50,
                malformed={"module": 5, "a name that a device made up": 6},
            ),
        )

    def progress(self) -> dict[str, float]:
        """Silent for 12 s."""
        return {"bus-1": self._clock.monotonic() - 12}

    def links(self) -> tuple[LinkState, ...]:
        """In reach; and one that the site file does not name."""
        return LinkState(name="bureau", connected=True), LinkState(name="stranger", connected=True)

    def cameras(self) -> tuple[CameraStats, ...]:
        """One camera."""
        return FOOTAGE.cameras


@dataclass(frozen=True)
class Gateway:
    """What the tests act upon."""

    journal: Journal
    clock: ManualClock
    tracer: MetricsTracer
    metrics: Metrics
    problems: list[Problem]
    clock_state: list[ClockState]

    async def figures(self) -> dict[str, dict[Labels, float]]:
        """The page's samples by name and labels, read by Prometheus's own parser."""
        found: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families((await self.metrics.page()).decode()):
            for sample in family.samples:
                labels = tuple(sorted(sample.labels.items()))
                assert labels not in found.setdefault(sample.name, {}), "a series twice"
                found[sample.name][labels] = sample.value
        return found

    async def value(self, name: str, **labels: str) -> float:
        """One sample."""
        return (await self.figures())[f"campus_gateway_{name}"][tuple(sorted(labels.items()))]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return school(tmp_path)


@pytest.fixture
async def gateway(site: Site) -> AsyncIterator[Gateway]:
    clock = ManualClock()
    tracer = MetricsTracer(["bureau"])
    journal = await Journal.open(site, clock=clock, tracer=tracer)
    busy = Busy(clock)
    problems: list[Problem] = []
    clock_state = [ClockState.TRUSTED]
    metrics = Metrics(
        Sources(
            site=site,
            journal=journal,
            clock=clock,
            tracer=tracer,
            clock_state=lambda: clock_state[0],
            problems=lambda: problems,
            connections=busy,
            links=busy,
            recording=busy,
            footage=lambda: FOOTAGE,
            outputs=lambda: OUTPUTS,
        )
    )
    yield Gateway(journal, clock, tracer, metrics, problems, clock_state)
    await journal.close()


async def test_open_alarms_by_severity_and_state(gateway: Gateway) -> None:
    """Every severity and open state has its number, also where that is none; an act moves it."""
    await gateway.journal.report(PRESS)
    assert await gateway.value("open_alarms", severity="critical", state="unacknowledged") == 1

    await gateway.journal.acknowledge(next(iter(gateway.journal.open_alarms)), "zhang")

    alarms = (await gateway.figures())["campus_gateway_open_alarms"]
    assert len(alarms) == 4 * 4
    assert {labels for labels, value in alarms.items() if value} == {
        (("severity", "critical"), ("state", "acknowledged"))
    }


async def test_commits_are_counted_and_timed(gateway: Gateway) -> None:
    """Each committed event counts, and its way from the driver to the disk is in the histogram."""
    before = await gateway.value("events_total")
    await gateway.journal.report(PRESS)

    assert await gateway.value("events_total") == before + 1
    assert await gateway.value("commit_seconds_count") == before + 1
    assert await gateway.value("commit_seconds_bucket", le="0.001") == before + 1


async def test_backlog_of_each_destination(gateway: Gateway) -> None:
    """Rows not confirmed, and the age of the oldest; none is an age of 0."""
    await gateway.journal.report(PRESS)
    gateway.clock.advance(90)
    assert await gateway.value("backlog_rows", destination="bureau") == 2
    assert await gateway.value("backlog_age_seconds", destination="bureau") == 90

    await gateway.journal.confirm("bureau", [(gateway.journal.head("bureau").stream, 1, 2)])
    assert await gateway.value("backlog_rows", destination="bureau") == 0
    assert await gateway.value("backlog_age_seconds", destination="bureau") == 0


async def test_presence_of_each_device_of_the_site(gateway: Gateway) -> None:
    """A device is exactly one of online, offline and unknown, and unknown before it was heard of."""

    async def is_now(device: str) -> list[str]:
        figures = (await gateway.figures())["campus_gateway_device_presence"]
        return [
            dict(labels)["presence"] for labels, value in figures.items() if value and device in str(labels)
        ]

    assert await is_now("buttons") == ["unknown"]
    await gateway.journal.presence("buttons", Presence.OFFLINE, "cable")
    assert await is_now("buttons") == ["offline"]
    await gateway.journal.presence("buttons", Presence.ONLINE)
    assert await is_now("buttons") == ["online"]


async def test_health_clock_and_disk(gateway: Gateway, site: Site) -> None:
    """Intake, clock and journal each have their yes or no."""
    names = ("intake_works", "clock_trusted", "journal_durable", "journal_ballast")
    assert [await gateway.value(name) for name in names] == [1, 1, 1, 1]
    assert await gateway.value("boot") == 1

    gateway.problems.append(Problem("journal", "stuck"))
    gateway.clock_state[0] = ClockState.UNTRUSTED
    state = site.site.state_dir
    state.rename(state.with_name("gone"))
    await gateway.journal.report(PRESS)

    assert [await gateway.value(name) for name in names[:3]] == [0, 0, 0]


async def test_connections_destinations_cameras_and_process(gateway: Gateway) -> None:
    """What the services tell is on the page, unreadable input summed up, and the process's memory and time with it."""
    figures = await gateway.figures()

    def of(name: str, label: str) -> dict[str, float]:
        return {dict(labels)[label]: value for labels, value in figures[f"campus_gateway_{name}"].items()}

    expected = {"attempts": 3, "losses": 2, "faults": 1, "reports": 40, "readings": 50, "malformed": 11}
    for name, value in expected.items():
        assert of(f"connection_{name}_total", "connection") == {"bus-1": value}
    assert of("connection_serving", "connection") == {"bus-1": 1}
    assert of("connection_idle_seconds", "connection") == {"bus-1": 12}
    assert of("camera_recording", "camera") == {"cam-gate": 1}
    assert figures["campus_gateway_readings_dropped_total"][()] == 7
    assert figures["process_resident_memory_bytes"][()] > 1_000_000
    assert figures["process_cpu_seconds_total"][()] > 0


async def test_outputs(gateway: Gateway) -> None:
    """Each output of the site file: does something want it on, and could it not be switched."""
    page = (await gateway.metrics.page()).decode()

    for line in (
        'output_wanted{output="siren"} 1.0',
        'output_failing{output="siren"} 1.0',
        'output_wanted{output="lamp"} 0.0',
        'output_failing{output="lamp"} 0.0',
    ):
        assert f"\ncampus_gateway_{line}\n" in page


async def test_recording(gateway: Gateway) -> None:
    """Every figure of the recording service is a line of the page; those of a camera have its name."""
    page = (await gateway.metrics.page()).decode()

    for line in (
        'camera_segments_total{camera="cam-gate"} 90.0',
        'camera_packets_total{camera="cam-gate"} 135000.0',
        'camera_bytes_total{camera="cam-gate"} 9e+06',
        'camera_dropped_packets_total{camera="cam-gate"} 4.0',
        'camera_interruptions_total{camera="cam-gate"} 2.0',
        'camera_forecast_days{camera="cam-gate"} 91.5',
        "recording_paused 1.0",
        "recorder_running 1.0",
        "recorder_deaths_total 3.0",
        "segments_waiting 5.0",
        "segments_left_total 6.0",
        "segments_recovered_total 7.0",
        "segments_unreadable_total 8.0",
        "segments_deleted_total 20.0",
        "segments_given_up_total 10.0",
        "footage_bytes 3e+09",
        "footage_free_bytes 1e+06",
    ):
        assert f"\ncampus_gateway_{line}\n" in page


async def test_before_the_first_round_the_disk_is_not_told_to_be_empty(gateway: Gateway) -> None:
    """What the janitor has not found out is left out; a service that has not started has no figures at all."""
    early = replace(FOOTAGE, recorded_bytes=None, free_bytes=None, forecasts=())
    known: list[RecordingStats | None] = [None, early]
    sources = replace(gateway.metrics._sources, footage=lambda: known.pop(0))

    assert b"recorder_running" not in await Metrics(sources).page()
    page = await Metrics(sources).page()
    assert b"recorder_running" in page
    assert b"footage_" not in page


async def test_no_label_is_made_up_by_others(gateway: Gateway) -> None:
    """Names that a device, the uplink or an old journal bring along make no series: the page can't be made to grow."""
    for number in range(50):
        await gateway.journal.report(replace(PRESS, device="buttons", point=f"buttons:{number}"))
        await gateway.journal.presence(f"nobody-{number}", Presence.ONLINE)
    page = (await gateway.metrics.page()).decode()

    assert "nobody-" not in page
    assert "made up" not in page
    assert "buttons:" not in page
    assert len(page.splitlines()) < 500


async def test_a_journal_that_does_not_answer_takes_nothing_else_away(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the backlog can't be read, the page comes without it and with all the rest."""

    async def unreadable(destination: str) -> None:
        raise JournalUnwritable(f"no answer about {destination}")

    monkeypatch.setattr(gateway.journal, "backlog", unreadable)
    figures = await gateway.figures()

    assert "campus_gateway_backlog_rows" not in figures
    assert figures["campus_gateway_journal_durable"][()] == 1


async def test_the_supervisor_fits(gateway: Gateway, site: Site) -> None:
    """The daemon's own supervisor is what the metrics take; a site without services has no such figures."""
    supervisor: Connections = Supervisor([], {}, gateway.journal, gateway.clock, random.Random(1))
    assert supervisor.stats() == ()
    alone = Metrics(
        Sources(
            site=site,
            journal=gateway.journal,
            clock=gateway.clock,
            tracer=gateway.tracer,
            clock_state=lambda: ClockState.TRUSTED,
            problems=list,
        )
    )

    page = (await alone.page()).decode()
    assert "connection_" not in page
    assert "camera_" not in page


async def test_the_page_over_http(gateway: Gateway, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """The daemon's metrics service sends the content type that prometheus_client gives for what wrote the page."""
    caplog.set_level(logging.INFO, "gateway.health.listener")
    basis = Basis(
        site=replace(site, metrics=MetricsSettings(port=0)),
        drivers={},
        clock=SystemClock(),
        clock_watch=ClockWatch("host", SystemClock(), confirmed_by=site.site.state_dir / CONFIRMED),
        latencies=gateway.tracer,
        tracer=gateway.tracer,
        trace_file=None,
        notifier=Notifier.from_environment(),
    )
    services = Services(basis, gateway.journal, lambda _: None, failing=dict)
    task = asyncio.ensure_future(services.all()["metrics"]())
    await until(lambda: "metrics at" in caplog.text)
    address = re.search(r"metrics at (http://\S+)", caplog.text)
    assert address
    async with httpx.AsyncClient() as client:
        answer = await client.get(address[1])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert answer.headers["content-type"] == CONTENT_TYPE_LATEST
    assert b"campus_gateway_info{" in answer.content


async def test_the_alert_rules_name_metrics_that_exist(gateway: Gateway) -> None:
    """Each metric and each label value in config/prometheus-alerts.yml is on the page."""
    rules = ALERTS.read_text(encoding="utf-8")
    expressions = re.findall(r"^\s+expr: (.+)$", rules, re.MULTILINE)
    page = (await gateway.metrics.page()).decode()
    figures = await gateway.figures()

    named = {
        name
        for expression in expressions
        for name in re.findall(r"\b(?:campus_gateway|process)_\w+", expression)
    }
    assert len(expressions) == rules.count("- alert:") > 5
    assert not {name for name in named if name not in figures}
    for label in re.findall(r'\b(?!job)\w+="[^"]+"', " ".join(expressions)):
        assert label in page, f"no series has {label}"


async def test_a_released_press_that_nobody_acknowledged_is_alerted(gateway: Gateway) -> None:
    """The rule's selector finds the alarm pressed and released, and no longer once a person has acknowledged it."""
    rule = re.search(
        r"GatewayAlarmUnacknowledged.+?expr: ([^\n]+)", ALERTS.read_text(encoding="utf-8"), re.DOTALL
    )
    assert rule
    selected = re.search(r'campus_gateway_open_alarms{severity="(\w+)",state=~"([^"]+)"}', rule[1])
    assert selected
    severity, states = selected.groups()

    async def alerted() -> float:
        alarms = (await gateway.figures())["campus_gateway_open_alarms"]
        return sum(
            value
            for labels, value in alarms.items()
            if dict(labels)["severity"] == severity and re.fullmatch(states, dict(labels)["state"])
        )

    assert await alerted() == 0
    await gateway.journal.report(PRESS)
    assert await alerted() == 1
    await gateway.journal.report(replace(PRESS, level=Level.NORMAL))
    alarm = next(iter(gateway.journal.open_alarms.values()))
    assert alarm.state is AlarmState.RETURNED_UNACKNOWLEDGED
    assert await alerted() == 1
    await gateway.journal.acknowledge(alarm.id, "zhang")
    assert await alerted() == 0


async def test_the_readme_lists_every_metric(gateway: Gateway) -> None:
    """Whoever writes a dashboard finds each name in gateway/health/README.md."""
    readme = (Path(__file__).parents[2] / "gateway" / "health" / "README.md").read_text(encoding="utf-8")
    families = text_string_to_metric_families((await gateway.metrics.page()).decode())
    names = {family.name.removeprefix("campus_gateway_") for family in families if family.type != "unknown"}
    told = set(re.findall(r"`(\w+?)(?:_total)?`", readme))
    told |= {f"connection_{word}" for word in re.findall(r"connection_\{([a-z,]+)\}", readme)[0].split(",")}

    assert not {name for name in names if not name.startswith("process_")} - told
