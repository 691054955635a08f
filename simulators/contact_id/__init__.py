"""A receiver of alarm panels that tells a computer over a serial line, and can be told to misbehave."""

from simulators.contact_id.lines import Form
from simulators.contact_id.receiver import ContactIdReceiverSimulator, ReceiverEvent

__all__ = ["ContactIdReceiverSimulator", "Form", "ReceiverEvent"]
