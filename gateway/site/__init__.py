"""The site file: read once, checked whole, frozen; what every part is told about the school."""

from gateway.site.directory import Directory
from gateway.site.footage import (
    CameraSettings,
    EvidenceSettings,
    PictureSettings,
    RecordingSettings,
    RetentionSettings,
    UploadSettings,
)
from gateway.site.load import load_site
from gateway.site.models import (
    BrokerSettings,
    ConsoleSettings,
    EscalationSettings,
    JournalSettings,
    MetricsSettings,
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
    "EvidenceSettings",
    "JournalSettings",
    "MetricsSettings",
    "PictureSettings",
    "RecordingSettings",
    "RetentionSettings",
    "Site",
    "SiteSettings",
    "UplinkSettings",
    "UploadSettings",
    "ZoneEntry",
    "ZoneSettings",
    "load_site",
]
