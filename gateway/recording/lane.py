"""One camera in the recorder process: a thread that records it by its latest order, attempt after attempt."""

import random
import threading
from collections.abc import Callable

from gateway.clock import SystemClock
from gateway.policy.backoff import Backoff
from gateway.recording.cutter import Interrupted
from gateway.recording.guard import Guard
from gateway.recording.protocol import CameraTask, Cause, Report, Task
from gateway.recording.remux import Remuxer
from gateway.recording.syncer import Syncer

_REFUSED_WAIT_S = 60.0  # cameras lock an account after a few wrong passwords
_HEALTHY_S = 30.0  # an attempt that lasted so long was no failure


class Lane:
    """Records one camera until it ends; idle while its order is None."""

    def __init__(
        self,
        order: CameraTask,
        task: Task,
        *,
        report: Callable[[Report], None],
        syncer: Syncer,
        guard: Guard,
    ) -> None:
        self._order: CameraTask | None = order
        self._ended = False
        self._changed = threading.Event()  # a new order, or the end: an attempt or a pause is broken off
        self._lock = threading.Lock()
        self._clock = SystemClock()
        self._remuxer = Remuxer(
            order.camera,
            task=task,
            clock=self._clock,
            report=report,
            syncer=syncer,
            guard=guard,
            stop=self._changed,
        )
        self._thread = threading.Thread(target=self._run, name=order.camera, daemon=True)

    def start(self) -> None:
        """Begin to record."""
        if not self._thread.is_alive():
            self._thread.start()

    def order(self, order: CameraTask | None) -> None:
        """Record it so from now on; one that waits for a silent camera notices when that wait is over."""
        with self._lock:
            if order != self._order:
                self._order = order
                self._changed.set()

    def end(self) -> None:
        """Finish the file and stop."""
        with self._lock:
            self._ended = True
            self._changed.set()

    def join(self, limit_s: float) -> None:
        """Wait for its end, so long at most."""
        if self._thread.is_alive():
            self._thread.join(limit_s)

    def _run(self) -> None:
        backoff, failures, known = Backoff(first_s=1.0, longest_s=30.0), 0, None
        while (order := self._next()) is not None:
            failures = failures if order == known else 0
            known, began = order, self._clock.monotonic()
            try:
                self._remuxer.attempt(order, why_stopped=self._why_stopped)
            except Interrupted as interrupted:
                failures = 1 if self._clock.monotonic() - began > _HEALTHY_S else failures + 1
                wait = backoff.delay(failures, random.random())  # noqa: S311 - spreads attempts, guards nothing
                self._changed.wait(max(wait, _REFUSED_WAIT_S if interrupted.refused else 0.0))

    def _next(self) -> CameraTask | None:
        """The order of now; while there is none, wait for it. None at the end."""
        while True:
            with self._lock:
                if self._ended:
                    return None
                self._changed.clear()
                if self._order is not None:
                    return self._order
            self._changed.wait()

    def _why_stopped(self) -> Interrupted:
        if self._ended or self._order is None:
            return Interrupted(Cause.STOPPED, "told to stop")
        return Interrupted(Cause.CAMERA, "it has another address now")
