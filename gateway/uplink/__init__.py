"""From the outbox to the county and back: MQTT, receipts, commands."""

from gateway.uplink.service import Uplink
from gateway.uplink.view import UplinkView

__all__ = ["Uplink", "UplinkView"]
