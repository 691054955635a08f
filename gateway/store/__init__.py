"""The journal and the library: what is kept, by whom it is written, how it is checked."""

from gateway.store.core import JournalStatus
from gateway.store.feed import Change, Subscription
from gateway.store.journal import Journal
from gateway.store.outputs import OutputTest
from gateway.store.rows import (
    AccessRow,
    Account,
    Backlog,
    Committed,
    Delivery,
    GapRow,
    HoldRow,
    Session,
    StoredEvent,
    StreamHead,
)

__all__ = [
    "AccessRow",
    "Account",
    "Backlog",
    "Change",
    "Committed",
    "Delivery",
    "GapRow",
    "HoldRow",
    "Journal",
    "JournalStatus",
    "OutputTest",
    "Session",
    "StoredEvent",
    "StreamHead",
    "Subscription",
]
