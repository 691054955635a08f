"""Reports on their way from the recorder's threads to the gateway, which nobody waits for."""

import logging
import queue
import threading
from typing import IO

from gateway.recording.protocol import Report, encode_report

logger = logging.getLogger(__name__)

#: Reports that may wait for a gateway that does not read; more are left out, their files stay in the spool.
MAX_WAITING = 10_000


class Outlet:
    """Reports to the gateway, from any thread, without ever waiting for it."""

    def __init__(self, pipe: IO[bytes], stop: threading.Event) -> None:
        self._pipe = pipe
        self._stop = stop
        self._queue: queue.Queue[Report | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="outlet", daemon=True)
        self._thread.start()

    def send(self, report: Report) -> None:
        """Pass the report on; if too many wait it is left out."""
        try:
            self._queue.put_nowait(report)
        except queue.Full:
            logger.warning("the gateway does not listen: %s left out", type(report).__name__)

    def close(self, limit_s: float) -> None:
        """Let what waits go out, for so long at most."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(limit_s)

    def _run(self) -> None:
        while (report := self._queue.get()) is not None:
            try:
                self._pipe.write(encode_report(report))
                self._pipe.flush()
            except OSError:
                self._stop.set()  # the gateway is gone
                return
