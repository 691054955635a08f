"""The console's answers about the picture watch, typed."""

from gateway.console.models import Answer, Stamp
from gateway.model import Kind


class PairView(Answer):
    """Why an alarm of the picture watch was raised: addresses of what the camera should see and of what it showed `at`.

    `before` is null where there was nothing to compare with.
    """

    kind: Kind
    at: Stamp
    before: str | None
    now: str


class WatchAnswer(Answer):
    """The picture watch of a camera: the looks since the start that told something, those that failed, the last pairs.

    `watched` false: by the site file its picture is not looked at. `may_accept`: the caller may say that it is right.
    """

    now: Stamp
    camera: str
    watched: bool
    may_accept: bool
    done: int
    failed: int
    pairs: tuple[PairView, ...]
