"""What Prometheus is told: figures of the journal, of every connection, destination and camera, and of the process.

No label has a value that the site file does not bound, so that nothing a device or the county sends can make series.
"""

import asyncio
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway import __version__
from gateway.errors import JournalUnwritable
from gateway.health.sources import Connections, FootageFigures, Recording, Sources
from gateway.model import AlarmState, ClockState, Durability, Presence, Severity
from gateway.policy.outputs import OutputState
from gateway.store import Backlog

#: How long the page waits for the journal's answer, in seconds; the backlog is left out then.
BACKLOG_LIMIT_S = 2.0

_PREFIX = "campus_gateway_"
_OPEN_STATES: tuple[AlarmState, ...] = tuple(state for state in AlarmState if state is not AlarmState.CLOSED)


class Metrics(Collector):
    """Makes the page, from a registry of its own."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._backlogs: dict[str, Backlog] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    async def page(self) -> bytes:
        """All figures as of now, in the format whose name is prometheus_client's CONTENT_TYPE_LATEST."""
        self._backlogs = await self._ask_backlogs()
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The figures, as the registry asks for them."""
        yield from self._of_gateway()
        yield from self._of_events()
        yield from self._of_destinations()
        yield self._of_devices()
        if self._sources.connections is not None:
            yield from self._of_connections(self._sources.connections)
        if self._sources.outputs is not None:
            yield from self._of_outputs(self._sources.outputs())
        if self._sources.recording is not None:
            yield from self._of_cameras(self._sources.recording)
        footage = self._sources.footage() if self._sources.footage is not None else None
        if footage is not None:
            yield from self._of_footage(footage)

    async def _ask_backlogs(self) -> dict[str, Backlog]:
        """A journal that can't be asked in time must not take the other figures away."""
        found: dict[str, Backlog] = {}
        try:
            async with asyncio.timeout(BACKLOG_LIMIT_S):
                for uplink in self._sources.site.uplinks:
                    found[uplink.name] = await self._sources.journal.backlog(uplink.name)
        except (JournalUnwritable, TimeoutError):
            return found
        return found

    def _of_gateway(self) -> Iterator[Metric]:
        sources = self._sources
        status = sources.journal.status
        settings = sources.site.site
        info = _gauge("info", "Which gateway this is.", "version", "county", "site")
        info.add_metric([__version__, settings.county, settings.id], 1)
        yield info
        yield _value("boot", "How often the daemon has started on this journal.", status.boot)
        yield _value("intake_works", "Whether alarm intake works (healthz).", not sources.problems())
        yield _value(
            "clock_trusted",
            "Whether the wall clock may be believed.",
            sources.clock_state() is ClockState.TRUSTED,
        )
        yield _value(
            "journal_durable",
            "Whether the journal is on its disk, not in memory.",
            status.durability is Durability.DISK,
        )
        yield _value(
            "journal_ballast", "Whether the disk space reserved for alarms is there.", status.ballast
        )

    def _of_events(self) -> Iterator[Metric]:
        counts: dict[tuple[Severity, AlarmState], int] = {
            (severity, state): 0 for severity in Severity for state in _OPEN_STATES
        }
        for alarm in self._sources.journal.open_alarms.values():
            counts[alarm.source.severity, alarm.state] += 1
        alarms = _gauge("open_alarms", "Alarms that no person has closed.", "severity", "state")
        for (severity, state), count in counts.items():
            alarms.add_metric([severity.value, state.value], count)
        yield alarms
        tracer = self._sources.tracer
        yield _counter("events", "Events committed since the start.", value=tracer.events)
        yield HistogramMetricFamily(
            f"{_PREFIX}commit_seconds",
            "From the driver's report to the commit.",
            buckets=tracer.committed.cumulative(),
            sum_value=tracer.committed.total_s,
        )

    def _of_destinations(self) -> Iterator[Metric]:
        delivery = HistogramMetricFamily(
            f"{_PREFIX}delivery_seconds",
            "From the commit to the first publishing, the broker's acknowledgement, the confirmation.",
            labels=["destination", "stage"],
        )
        for (destination, stage), latency in self._sources.tracer.ways.items():
            delivery.add_metric(
                [destination, stage.value], buckets=latency.cumulative(), sum_value=latency.total_s
            )
        yield delivery
        rows = _gauge("backlog_rows", "Events that the destination has not confirmed.", "destination")
        age = _gauge("backlog_age_seconds", "How long the oldest of them has waited.", "destination")
        now = self._sources.clock.now()
        for destination, backlog in self._backlogs.items():
            rows.add_metric([destination], backlog.rows)
            waited = (now - backlog.oldest).total_seconds() if backlog.oldest is not None else 0.0
            age.add_metric([destination], max(waited, 0.0))
        yield from (rows, age)
        if self._sources.links is not None:
            known = {uplink.name for uplink in self._sources.site.uplinks}
            connected = _gauge("destination_connected", "Whether the destination is in reach.", "destination")
            for link in self._sources.links.links():
                if link.name in known:
                    connected.add_metric([link.name], link.connected)
            yield connected

    def _of_devices(self) -> Metric:
        presences = self._sources.journal.presences
        family = _gauge("device_presence", "1 for what the device is just now.", "device", "presence")
        for device in self._sources.site.devices:
            known = presences.get(device.id)
            now = known.presence if known is not None else Presence.UNKNOWN
            for presence in Presence:
                family.add_metric([device.id, presence.value], presence is now)
        return family

    def _of_connections(self, connections: Connections) -> Iterator[Metric]:
        serving = _gauge("connection_serving", "Whether the connection serves its devices.", "connection")
        idle = _gauge("connection_idle_seconds", "Since its last report, poll or attempt.", "connection")
        attempts = _counter("connection_attempts", "Attempts to connect.", "connection")
        losses = _counter("connection_losses", "How often a serving connection went.", "connection")
        faults = _counter("connection_faults", "How often its driver broke.", "connection")
        reports = _counter("connection_reports", "Signals that its driver reported.", "connection")
        readings = _counter("connection_readings", "Values that its driver measured.", "connection")
        messages = _counter("connection_messages", "Messages of devices that call us.", "connection")
        strangers = _counter("connection_strangers", "Calls of whom nobody knows.", "connection")
        malformed = _counter("connection_malformed", "Input that nobody could read.", "connection")
        for figures in connections.stats():
            name = [figures.connection]
            serving.add_metric(name, figures.serving)
            attempts.add_metric(name, figures.attempts)
            losses.add_metric(name, figures.losses)
            faults.add_metric(name, figures.faults)
            reports.add_metric(name, figures.reports)
            readings.add_metric(name, figures.readings)
            messages.add_metric(name, figures.messages)
            strangers.add_metric(name, figures.strangers)
            malformed.add_metric(name, sum(figures.malformed.values()))
        now = self._sources.clock.monotonic()
        for connection, last in connections.progress().items():
            idle.add_metric([connection], max(now - last, 0.0))
        yield from (
            serving, idle, attempts, losses, faults, reports, readings, messages, strangers, malformed,
        )  # fmt: skip
        yield _counter("readings_dropped", "Values that found no room.", value=connections.readings_dropped)

    def _of_outputs(self, states: Sequence[OutputState]) -> Iterator[Metric]:
        wanted = _gauge("output_wanted", "Whether an alarm or a test wants it on.", "output")
        failing = _gauge("output_failing", "Whether it could not be switched the last time.", "output")
        for state in states:
            wanted.add_metric([state.id], state.wanted)
            failing.add_metric([state.id], bool(state.reason))
        yield from (wanted, failing)

    def _of_cameras(self, service: Recording) -> Iterator[Metric]:
        recording = _gauge("camera_recording", "Whether its footage is being written.", "camera")
        segments = _counter("camera_segments", "Files that came onto the shelf.", "camera")
        packets = _counter("camera_packets", "Packets that came from the camera.", "camera")
        size = _counter("camera_bytes", "Bytes of these packets.", "camera")
        dropped = _counter("camera_dropped_packets", "Those that could not be written.", "camera")
        interruptions = _counter("camera_interruptions", "How often it was no longer recorded.", "camera")
        for figures in service.cameras():
            name = [figures.camera]
            recording.add_metric(name, figures.recording)
            segments.add_metric(name, figures.segments)
            packets.add_metric(name, figures.packets)
            size.add_metric(name, figures.bytes)
            dropped.add_metric(name, figures.dropped)
            interruptions.add_metric(name, figures.interruptions)
        yield from (recording, segments, packets, size, dropped, interruptions)

    def _of_footage(self, now: FootageFigures) -> Iterator[Metric]:
        yield _value(
            "recording_paused",
            "Whether the disk is full of footage that must stay: none is made.",
            now.paused,
        )
        yield _value("recorder_running", "Whether there is a recorder process.", now.recorder_running)
        yield _counter("recorder_deaths", "How often it died.", value=now.recorder_deaths)
        yield _value("segments_waiting", "Whole files that are not on the shelf yet.", now.waiting)
        yield _counter("segments_left", "Files that found no room in that queue.", value=now.left)
        yield _counter("segments_recovered", "Files that a crash had left.", value=now.recovered)
        yield _counter("segments_unreadable", "Files that nobody can read.", value=now.unreadable)
        yield _counter("segments_deleted", "Files that were deleted.", value=now.deleted)
        yield _counter("segments_given_up", "Those deleted before their time.", value=now.given_up)
        if now.recorded_bytes is not None:
            yield _value("footage_bytes", "Footage on the shelf.", now.recorded_bytes)
        if now.free_bytes is not None:
            yield _value("footage_free_bytes", "Free on the footage's disk.", now.free_bytes)
        days = _gauge("camera_forecast_days", "Days of its footage that the disk can hold.", "camera")
        for forecast in now.forecasts:
            days.add_metric([forecast.camera], forecast.days)
        yield days


def _gauge(name: str, what: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}{name}", what, labels=labels)


def _value(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}{name}", what, value=float(value))


def _counter(name: str, what: str, *labels: str, value: float | None = None) -> CounterMetricFamily:
    return CounterMetricFamily(f"{_PREFIX}{name}", what, labels=labels or None, value=value)
