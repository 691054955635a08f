"""An alarm panel that dials to a receiver and speaks SIA DC-09, and can be told to misbehave."""

from simulators.dc09.composer import Message
from simulators.dc09.events import Format, PanelEvent
from simulators.dc09.link import Carrier
from simulators.dc09.panel import Dc09PanelSimulator, Habits

__all__ = ["Carrier", "Dc09PanelSimulator", "Format", "Habits", "Message", "PanelEvent"]
