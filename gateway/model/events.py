"""The `type` of every event on the wire."""

from enum import StrEnum


class EventType(StrEnum):
    """The `type` of every event on the wire (CONTRACT, MQTT). A new one is added here and in the contract."""

    ALARM_RAISED = "campus.alarm.raised.v1"
    ALARM_REPEATED = "campus.alarm.repeated.v1"
    ALARM_ACKNOWLEDGED = "campus.alarm.acknowledged.v1"
    ALARM_SILENCED = "campus.alarm.silenced.v1"
    ALARM_ESCALATED = "campus.alarm.escalated.v1"
    ALARM_RETURNED = "campus.alarm.returned.v1"
    ALARM_CLOSED = "campus.alarm.closed.v1"
    ALARM_SHELVED = "campus.alarm.shelved.v1"
    ALARM_UNSHELVED = "campus.alarm.unshelved.v1"
    DEVICE_ONLINE = "campus.device.online.v1"
    DEVICE_OFFLINE = "campus.device.offline.v1"
    DEVICE_FAULT = "campus.device.fault.v1"
    DEVICE_RESTORED = "campus.device.restored.v1"
    DEVICE_REPORTED = "campus.device.reported.v1"
    DEVICE_COMMANDED = "campus.device.commanded.v1"
    OUTPUT_TESTED = "campus.output.tested.v1"
    ZONE_ARMED = "campus.zone.armed.v1"
    ZONE_DISARMED = "campus.zone.disarmed.v1"
    POINT_BYPASSED = "campus.point.bypassed.v1"
    POINT_RESTORED = "campus.point.restored.v1"
    STREAM_STARTED = "campus.gateway.stream-started.v1"
    GATEWAY_STARTED = "campus.gateway.started.v1"
    CLOCK_STEPPED = "campus.gateway.clock-stepped.v1"
    DEGRADED = "campus.gateway.degraded.v1"
    RECOVERED = "campus.gateway.recovered.v1"
    SNAPSHOT = "campus.evidence.snapshot.v1"
    CLIP = "campus.evidence.clip.v1"
    DAILY_REPORT = "campus.report.daily.v1"

    @property
    def topic(self) -> str:
        """The event's topic below the destination's root: `event/alarm`, and so on."""
        family = self.value.split(".")[1]
        return f"event/{family if family in {'alarm', 'evidence', 'report'} else 'device'}"
