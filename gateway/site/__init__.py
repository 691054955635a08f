"""The site file: read once, checked whole, frozen; what every part is told about the school."""

from gateway.site.directory import Directory
from gateway.site.load import load_site
from gateway.site.models import (
    BrokerSettings,
    CameraSettings,
    ConsoleSettings,
    EscalationSettings,
    JournalSettings,
    MetricsSettings,
    RecordingSettings,
    RetentionSettings,
    SiteSettings,
    UplinkSettings,
    ZoneSettings,
)
from gateway.site.site import Site, ZoneEntry

__all__ = [
    "BrokerSettings",
    "CameraSettings",
    "ConsoleSettings",
    "Directory",
    "EscalationSettings",
    "JournalSettings",
    "MetricsSettings",
    "RecordingSettings",
    "RetentionSettings",
    "Site",
    "SiteSettings",
    "UplinkSettings",
    "ZoneEntry",
    "ZoneSettings",
    "load_site",
]
