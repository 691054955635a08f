"""The event service: pull points made, pulled, renewed, ended (ONVIF Core, event handling; WS-BaseNotification)."""

import asyncio
from datetime import timedelta

from simulators.onvif.device import event_capabilities
from simulators.onvif.properties import CONCRETE_SET, Notice, topic_set, write
from simulators.onvif.pullpoint import DEFAULT_LIFE, PullPoint, duration, filtered, life_until
from simulators.onvif.quirks import Quirk
from simulators.onvif.server import HungUp
from simulators.onvif.soap import NAMESPACES, SoapFault, Xml, local, tag, utc
from simulators.onvif.unit import EVENTS, SUBSCRIPTION, Answer, Call, Operations, Unit

#: Pull points of a camera that is not short of them, and what one pull may ask for (ONVIF Core: at least one minute).
MOST_PULL_POINTS = 20
MOST_TIMEOUT = timedelta(minutes=1)
MOST_MESSAGES = 100
#: The same of a camera with SMALL_PULLS.
SMALL_TIMEOUT, SMALL_LIMIT = timedelta(seconds=2), 5


class EventService:
    """Answers for one camera."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    @property
    def operations(self) -> Operations:
        """What it can be asked."""
        return {
            (NAMESPACES["tev"], "GetServiceCapabilities"): self._capabilities,
            (NAMESPACES["tev"], "GetEventProperties"): self._event_properties,
            (NAMESPACES["tev"], "CreatePullPointSubscription"): self._create,
            (NAMESPACES["tev"], "PullMessages"): self._pull,
            (NAMESPACES["tev"], "SetSynchronizationPoint"): self._synchronise,
            (NAMESPACES["wsnt"], "Renew"): self._renew,
            (NAMESPACES["wsnt"], "Unsubscribe"): self._unsubscribe,
        }

    async def _capabilities(self, _call: Call) -> Answer:
        return Answer(tag("tev:GetServiceCapabilitiesResponse", event_capabilities()))

    async def _event_properties(self, _call: Call) -> Answer:
        return Answer(
            tag(
                "tev:GetEventPropertiesResponse",
                tag("tev:TopicNamespaceLocation", "http://www.onvif.org/onvif/ver10/topics/topicns.xml"),
                tag("wsnt:FixedTopicSet", "true"),
                topic_set(self._unit.properties.states(), self._unit.quirks),
                tag(
                    "wsnt:TopicExpressionDialect",
                    "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete",
                ),
                tag("wsnt:TopicExpressionDialect", CONCRETE_SET),
                tag(
                    "tev:MessageContentFilterDialect",
                    "http://www.onvif.org/ver10/tev/messageContentFilter/ItemFilter",
                ),
                tag("tev:MessageContentSchemaLocation", "http://www.onvif.org/onvif/ver10/schema/onvif.xsd"),
            )
        )

    async def _create(self, call: Call) -> Answer:
        wish = call.request.text("InitialTerminationTime")
        if not wish and self._unit.has(Quirk.NEEDS_INITIAL_TERMINATION):
            raise SoapFault(
                "InitialTerminationTime is missing", "wsnt:UnacceptableInitialTerminationTimeFault"
            )
        topics = filtered(
            [one.text or "" for one in call.request.body.iter() if local(one) == "TopicExpression"]
        )
        most = self._unit.pull_point_limit if self._unit.has(Quirk.LIMITED_PULL_POINTS) else MOST_PULL_POINTS
        point = self._unit.pull_points.create(self._life(wish), topics, most)
        for notice in self._unit.properties.states():
            point.put(notice)
        return Answer(
            tag(
                "tev:CreatePullPointSubscriptionResponse",
                tag("tev:SubscriptionReference", *self._reference(point)),
                *self._times("wsnt", point),
            )
        )

    def _reference(self, point: PullPoint) -> tuple[Xml, ...]:
        unit = self._unit
        if unit.has(Quirk.SUBSCRIPTION_ID):
            parameters = tag("wsa:ReferenceParameters", tag("dom0:SubscriptionId", point.id))
            return tag("wsa:Address", unit.address(EVENTS)), parameters
        address = unit.address(f"{SUBSCRIPTION}/{point.id}")
        if unit.has(Quirk.PORT_DOUBLED):
            port = f":{unit.port}/"
            address = address.replace(port, f":{unit.port}{port}", 1)
        return (tag("wsa:Address", address),)

    async def _pull(self, call: Call) -> Answer:
        point = self._addressed(call)
        timeout = duration(call.request.require("Timeout"))
        limit = _limit(call.request.require("MessageLimit"))
        if self._unit.has(Quirk.FEW_PULLS):
            raise SoapFault("busy", "ter:Action", code="Receiver", status=500)
        small = self._unit.has(Quirk.SMALL_PULLS)
        longest, most = (SMALL_TIMEOUT, SMALL_LIMIT) if small else (MOST_TIMEOUT, MOST_MESSAGES)
        if timeout > longest or (small and limit > most):
            detail = tag(
                "tev:PullMessagesFaultResponse",
                tag("tev:MaxTimeout", f"PT{longest.seconds}S"),
                tag("tev:MaxMessageLimit", str(most)),
            )
            raise SoapFault("the timeout is too long", "ter:InvalidArgVal", detail=detail)
        notices = await self._wait(point, timeout, min(limit, MOST_MESSAGES))
        self._unit.pulled += len(notices)
        written = (write(notice, self._unit.quirks) for notice in notices)
        return Answer(tag("tev:PullMessagesResponse", *self._times("tev", point), *written))

    async def _wait(self, point: PullPoint, wish: timedelta, limit: int) -> list[Notice]:
        if self._unit.has(Quirk.HASTY_PULLS):
            wish = timedelta()
        if not self._unit.has(Quirk.CLOSES_PULL_AFTER):
            return await point.pull(wish, limit)
        patience = self._unit.close_pull_seconds
        try:
            async with asyncio.timeout(patience if wish.total_seconds() > patience else None):
                return await point.pull(wish, limit)
        except TimeoutError:
            raise HungUp from None

    async def _synchronise(self, call: Call) -> Answer:
        if self._unit.has(Quirk.NO_SYNC):
            raise SoapFault("not implemented", "ter:ActionNotSupported", code="Receiver", status=500)
        point = self._addressed(call)
        for notice in self._unit.properties.states():
            point.put(notice)
        return Answer(tag("tev:SetSynchronizationPointResponse"))

    async def _renew(self, call: Call) -> Answer:
        if self._unit.has(Quirk.RENEW_HANGS_UP):
            raise HungUp
        point = self._addressed(call)
        life = self._life(call.request.text("TerminationTime"))
        point.ends_at += (life - point.left).total_seconds()
        termination, current = reversed(self._times("wsnt", point))
        return Answer(tag("wsnt:RenewResponse", termination, current))

    async def _unsubscribe(self, call: Call) -> Answer:
        point = self._addressed(call)
        if self._unit.has(Quirk.UNSUBSCRIBE_KILLS_ALL):
            self._unit.pull_points.close_all()
        self._unit.pull_points.close(point)
        return Answer(tag("wsnt:UnsubscribeResponse"))

    def _addressed(self, call: Call) -> PullPoint:
        """The subscription that a call is for. Raises SoapFault."""
        if self._unit.has(Quirk.SUBSCRIPTION_ID):
            echoed = call.request.header("SubscriptionId")
            return self._unit.pull_points.find(None if echoed is None else (echoed.text or "").strip())
        return self._unit.pull_points.find(call.path.removeprefix(f"{SUBSCRIPTION}/"))

    def _life(self, wish: str | None) -> timedelta:
        if not wish:
            return DEFAULT_LIFE
        return life_until(wish, self._unit.now(), relative=not self._unit.has(Quirk.NO_RELATIVE_TIME))

    def _times(self, prefix: str, point: PullPoint) -> tuple[Xml, Xml]:
        now = self._unit.now()
        return (
            tag(f"{prefix}:CurrentTime", utc(now)),
            tag(f"{prefix}:TerminationTime", utc(now + point.left)),
        )


def _limit(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise SoapFault(f"no message limit: {text[:40]}", "ter:InvalidArgVal")
    return int(text)
