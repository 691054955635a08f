"""A broker with counties and gateways at it, all stopped at the end of a test."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from simulators.county import County, CountyStore
from simulators.county.broker import EmbeddedBroker
from tests.simulators.gateway_player import GatewayPlayer

Protocol = Literal["5", "3.1.1"]


@dataclass
class Scene:
    """A broker, and everything at it, stopped at the end of the test in reverse order."""

    port: int
    protocol: Protocol
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def county(self, store: CountyStore | None = None, *, receipts: bool = True) -> County:
        """A county that is quick to ask for what is missing."""
        county = County("127.0.0.1", self.port, protocol=self.protocol, store=store, receipts=receipts)
        county.clerk.patience, county.clerk.again = 0.4, 0.6
        await county.start()
        self.stack.push_async_callback(county.stop)
        return county

    async def gateway(self, site: str = "s1") -> GatewayPlayer:
        """A gateway of county 330106."""
        player = GatewayPlayer(self.port, self.protocol, site)
        await player.start()
        self.stack.push_async_callback(player.stop)
        return player


@asynccontextmanager
async def embedded() -> AsyncIterator[EmbeddedBroker]:
    broker = EmbeddedBroker()
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()
