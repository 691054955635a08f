"""What a destination finds retained under the root: `state`, `alarms/open` and the presence of each device."""

from collections.abc import Callable

from gateway.clock import Clock
from gateway.model import ClockState, DevicePresence, Durability
from gateway.site import Site
from gateway.store import Journal
from gateway.uplink.documents import OpenAlarmsDocument, StateFacts, presence_document, state_document
from gateway.uplink.gauge import BacklogGauge
from gateway.uplink.latest import Latest, Slot
from gateway.uplink.messages import Message
from gateway.wire import Quality

#: `state` and `alarms/open` are published at most so often.
CHANGES_EVERY_S = 1.0


class Retained:
    """Builds each document at the moment it is sent, from the journal's views: exact as of the last commit.

    `since` is when the present connection was begun (UTC).
    """

    def __init__(
        self,
        journal: Journal,
        site: Site,
        destination: str,
        *,
        root: str,
        clock: Clock,
        clock_state: Callable[[], ClockState],
        gauge: BacklogGauge,
        reasons: Callable[[], tuple[str, ...]],
    ) -> None:
        self.status = Latest()
        self.presences = Latest()
        self.since = clock.now()
        self.state_topic = f"{root}/state"
        self.alarms_topic = f"{root}/alarms/open"
        self._root = root
        self._journal = journal
        self._destination = destination
        self._clock = clock
        self._clock_state = clock_state
        self._gauge = gauge
        self._reasons = reasons
        self._presences_sent: dict[str, DevicePresence] = {}
        self._open_alarms = OpenAlarmsDocument()
        self._devices = frozenset(device.id for device in site.devices)
        self.status.add(Slot(topic=self.state_topic, build=self._state, interval_s=CHANGES_EVERY_S))
        self.status.add(Slot(topic=self.alarms_topic, build=self._alarms, interval_s=CHANGES_EVERY_S))

    def begin_connection(self) -> None:
        """The broker may know nothing, or what was true before."""
        for device in self._journal.presences:
            self._know_device(device)
        self.status.changed_all()
        self.presences.changed_all()

    def state_changed(self) -> None:
        """Publish `state` soon."""
        self.status.changed(self.state_topic)

    def alarms_changed(self) -> None:
        """Publish `alarms/open` soon, and `state` with it: both name the last number, for a journal that goes back."""
        self.status.changed(self.alarms_topic)
        self.state_changed()

    def presence_changed(self, device: str) -> None:
        """Publish a device's presence soon, if the site file has the device."""
        if self._know_device(device):
            self.presences.changed(self._presence_topic(device))

    def all_may_have_changed(self) -> None:
        """Changes were missed: publish what is not as it was sent last."""
        self.state_changed()
        self.alarms_changed()
        for device, presence in self._journal.presences.items():
            if self._presences_sent.get(device) != presence:
                self.presence_changed(device)

    def absence(self) -> Message:
        """`state` with `online` false: the will, and the goodbye."""
        payload = state_document(self._facts(), online=False)
        return Message(topic=self.state_topic, payload=payload, retain=True)

    def _know_device(self, device: str) -> bool:
        topic = self._presence_topic(device)
        if device in self._devices and topic not in self.presences:
            self.presences.add(Slot(topic=topic, build=lambda: self._presence(device)))
        return device in self._devices

    def _presence(self, device: str) -> bytes:
        presence = self._presences_sent[device] = self._journal.presences[device]
        return presence_document(presence)

    def _presence_topic(self, device: str) -> str:
        return f"{self._root}/device/{device}"

    def _facts(self) -> StateFacts:
        return StateFacts(
            boot=self._journal.status.boot,
            since=self.since,
            head=self._journal.head(self._destination),
            backlog=self._gauge.value,
            degraded=self._reasons(),
            now=self._clock.now(),
        )

    def _state(self) -> bytes:
        return state_document(self._facts(), online=True)

    def _alarms(self) -> bytes:
        durable = self._journal.status.durability is Durability.DISK
        return self._open_alarms.build(
            self._journal.head(self._destination),
            self._journal.open_alarms,
            Quality(clock=self._clock_state(), durable=durable),
        )
