"""The console's answers about outputs: sounders, strobes, relays, and silencing them."""

from gateway.console.models import Answer, Stamp
from gateway.model import Severity
from gateway.policy.outputs import OutputKind, Until


class SilencedAnswer(Answer):
    """How many alarms have been silenced: those that were silent already do not count."""

    silenced: int


class OutputTestView(Answer):
    """The last test, and whether the output could be switched."""

    at: Stamp
    ok: bool


class OutputView(Answer):
    """An output. `wanted` and `actual` are null where they are not known; `reason` is why it can't be switched.

    `severities`, `zones` (none: all) and `until` say which alarms switch it on; `last_test` is null if there was none.
    """

    id: str
    name: str
    kind: OutputKind
    device: str
    severities: tuple[Severity, ...]
    zones: tuple[str, ...]
    until: Until
    wanted: bool | None
    actual: bool | None
    testing: bool
    reason: str
    test_day: int | None
    last_test: OutputTestView | None


class OutputsAnswer(Answer):
    """All outputs of the site file, in its order."""

    now: Stamp
    outputs: tuple[OutputView, ...]
