"""The receiving platform: stores every event once, answers with receipts, notices gaps, and can misbehave.

The embedded broker is not imported here: `simulators.county.broker` needs amqtt, the county does not.
"""

from simulators.county.county import County
from simulators.county.link import CountyRefused
from simulators.county.receipts import Honesty
from simulators.county.report import CountyReport, Gap, StreamReport
from simulators.county.store import CountyStore
from simulators.county.wire import CommandResult, Event, OpenAlarms, Receipt, Rule, State, Violation

__all__ = [
    "CommandResult",
    "County",
    "CountyRefused",
    "CountyReport",
    "CountyStore",
    "Event",
    "Gap",
    "Honesty",
    "OpenAlarms",
    "Receipt",
    "Rule",
    "State",
    "StreamReport",
    "Violation",
]
