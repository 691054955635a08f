"""An ONVIF camera: SOAP services, events and discovery before a simulated RTSP stream."""

from simulators.onvif.auth import Algorithm
from simulators.onvif.quirks import Auth, Quirk
from simulators.onvif.simulator import OnvifSimulator

__all__ = ["Algorithm", "Auth", "OnvifSimulator", "Quirk"]
