"""The county's commands to gateways, and their answers; rubbish among them when it is told to send some."""

import asyncio
import json
import uuid
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pydantic import JsonValue

from gateway.clock import rfc3339
from simulators.county import rubbish
from simulators.county.link import CountyRefused, Link
from simulators.county.wire import CommandResult

#: The newest so many are kept.
KEPT_RESULTS = 1_000


class Commands:
    """Sends on `{root}/command`, matches answers by `id`."""

    def __init__(self, link: Link, reply_topic: str) -> None:
        self.results: deque[CommandResult] = deque(maxlen=KEPT_RESULTS)
        self._link = link
        self._reply_topic = reply_topic
        self._awaited: dict[str, asyncio.Future[CommandResult]] = {}

    async def send(
        self, root: str, command: Mapping[str, JsonValue], *, reply: bool, seconds: float
    ) -> CommandResult:
        """Send, and await the answer. Raises CountyRefused without a connection, TimeoutError without an answer."""
        body = {"id": str(uuid.uuid4()), "issued": rfc3339(datetime.now(UTC)), **command}
        identity = str(body["id"])
        properties = self._reply_properties(identity) if reply else None
        answer: asyncio.Future[CommandResult] = asyncio.get_running_loop().create_future()
        self._awaited[identity] = answer
        try:
            payload = json.dumps(body, ensure_ascii=False).encode()
            if not self._link.publish(f"{root}/command", payload, properties=properties):
                raise CountyRefused(f"command {identity}: not sent, no connection to the broker; try again")
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            raise TimeoutError(f"command {identity}: no answer within {seconds} s") from None
        finally:
            self._awaited.pop(identity, None)

    def note(self, result: CommandResult) -> None:
        """An answer came."""
        self.results.append(result)
        waiting = self._awaited.get(result.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(result)

    def send_rubbish(self, root: str) -> int:
        """Every wrong command once, and one of them retained. How many were sent."""
        wrong = rubbish.commands()
        sent = sum(self._link.publish(f"{root}/command", payload) for payload in wrong)
        sent += self._link.publish(f"{root}/command", wrong[-1], retained=True)
        return sent + self._link.publish(
            f"{root}/command", b"", retained=True
        )  # leaves nothing at the broker

    def _reply_properties(self, identity: str) -> Properties:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.ResponseTopic = self._reply_topic
        properties.CorrelationData = identity.encode()
        return properties
