"""Tells the service manager how the daemon is (sd_notify(3)); says nothing where nobody asked to be told."""

import logging
import os
import socket
from collections.abc import Mapping

logger = logging.getLogger(__name__)

#: A status longer than this is cut: a datagram must fit whole.
STATUS_LIMIT = 500

_MICROSECONDS = 1_000_000


class Notifier:
    """Datagrams to `$NOTIFY_SOCKET`: a path, or with a leading `@` an abstract name.

    Never waits and never fails: a manager that can't be told is logged once. `watchdog_s` is within how many seconds
    it wants to hear from us (`$WATCHDOG_USEC`, for this process by `$WATCHDOG_PID`); None if it does not watch.
    """

    def __init__(self, address: str = "", *, watchdog_s: float | None = None) -> None:
        self.watchdog_s = watchdog_s
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._failed = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Notifier":
        """What the service manager has told us by environment variables."""
        given = os.environ if environment is None else environment
        return cls(given.get("NOTIFY_SOCKET", ""), watchdog_s=_watchdog_s(given))

    def ready(self, status: str = "") -> None:
        """The daemon is up: alarms are taken in."""
        self._send(["READY=1", *_status(status)])

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(_status(status))

    def watchdog(self) -> None:
        """Alive. To be said only while alarm intake really works (gateway.health.watchdog)."""
        self._send(["WATCHDOG=1"])

    def stopping(self) -> None:
        """The end has begun."""
        self._send(["STOPPING=1"])

    def _send(self, assignments: list[str]) -> None:
        if not self._address or not assignments:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(0)
                sender.sendto("\n".join(assignments).encode(), self._address)
        except OSError as error:
            if not self._failed:
                logger.warning("the service manager can't be told at %r: %s", self._address, error)
            self._failed = True
        else:
            self._failed = False


def _status(text: str) -> list[str]:
    """At most one line, for a second one would be an assignment of its own."""
    line = " ".join(text.split())[:STATUS_LIMIT]
    return [f"STATUS={line}"] if line else []


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    microseconds = environment.get("WATCHDOG_USEC", "")
    whose = environment.get("WATCHDOG_PID", "")
    if not microseconds.isascii() or not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    if whose and whose != str(os.getpid()):
        return None
    return int(microseconds) / _MICROSECONDS
