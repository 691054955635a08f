"""gateway.health.notify against real datagram sockets, as a service manager opens them."""

import logging
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.health.notify import STATUS_LIMIT, Notifier


class Manager:
    """The service manager's end."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(5)
        self._socket.bind(address)

    def heard(self) -> str:
        """The next datagram."""
        return self._socket.recv(8192).decode()

    def has_heard_nothing(self) -> bool:
        """Whether none waits."""
        self._socket.settimeout(0)
        try:
            self._socket.recv(8192)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    opened = Manager(str(tmp_path / "notify"))
    yield opened
    opened.close()


@pytest.fixture
def notifier(tmp_path: Path, manager: Manager) -> Notifier:
    del manager
    return Notifier.from_environment({"NOTIFY_SOCKET": str(tmp_path / "notify")})


def test_each_word_is_one_datagram(manager: Manager, notifier: Notifier) -> None:
    """READY, STATUS, WATCHDOG and STOPPING arrive as sd_notify(3) words them."""
    notifier.ready("serving 3 connections")
    notifier.status("警情接收正常")
    notifier.watchdog()
    notifier.stopping()

    assert [manager.heard() for _ in range(4)] == [
        "READY=1\nSTATUS=serving 3 connections",
        "STATUS=警情接收正常",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


def test_an_abstract_socket_is_reached() -> None:
    """A leading @ means Linux's abstract name space."""
    name = f"campus-gateway-test-{uuid.uuid4()}"
    manager = Manager(f"\0{name}")
    try:
        Notifier.from_environment({"NOTIFY_SOCKET": f"@{name}"}).watchdog()

        assert manager.heard() == "WATCHDOG=1"
    finally:
        manager.close()


def test_a_status_is_one_line_and_short(manager: Manager, notifier: Notifier) -> None:
    """A status with a line break can't smuggle in another assignment, a long one is cut, an empty one is not sent."""
    notifier.status("journal: disk failed\nWATCHDOG=1\n")
    notifier.status("x" * 5000)
    notifier.status(" \n ")

    assert manager.heard() == "STATUS=journal: disk failed WATCHDOG=1"
    assert manager.heard() == "STATUS=" + "x" * STATUS_LIMIT
    assert manager.has_heard_nothing()


def test_nothing_is_said_where_nobody_asked(manager: Manager) -> None:
    """Without $NOTIFY_SOCKET (a shell, a container) every word is silently nothing."""
    notifier = Notifier.from_environment({})
    notifier.ready()
    notifier.watchdog()
    notifier.stopping()

    assert notifier.watchdog_s is None
    assert manager.has_heard_nothing()


def test_a_manager_that_is_gone_is_logged_once(
    manager: Manager, notifier: Notifier, caplog: pytest.LogCaptureFixture
) -> None:
    """A service manager that does not listen costs one line of log and nothing else."""
    manager.close()
    with caplog.at_level(logging.WARNING):
        notifier.watchdog()
        notifier.watchdog()

    assert len(caplog.records) == 1


def test_a_manager_that_does_not_read_is_not_waited_for(notifier: Notifier) -> None:
    """A full socket never blocks the daemon: what finds no room is dropped."""
    for _ in range(2000):
        notifier.watchdog()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
    ],
)
def test_how_often_the_manager_wants_to_hear(environment: dict[str, str], expected: float | None) -> None:
    """$WATCHDOG_USEC counts for the process that $WATCHDOG_PID names; nonsense is as if it were not there."""
    assert Notifier.from_environment(environment).watchdog_s == expected
