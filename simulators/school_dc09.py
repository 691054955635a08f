"""A DC-09 listener of the site file: one panel for each device, which dials to it."""

from typing import cast

from drivers.dc09.settings import Dc09Connection, Dc09Device
from simulators.dc09 import Carrier, Dc09PanelSimulator, Format, Habits
from simulators.fault import Fault
from simulators.school_codes import Alphabet, CodePanel, Zone
from simulators.school_parts import (
    REDIAL_S,
    AnyConnection,
    Context,
    Served,
    call_every,
    dialled,
    in_time,
    on_bus,
)

#: Without an answer for so long a panel repeats its message; seconds.
ACK_S = 3.0


def serve_dc09(connection: AnyConnection, _context: Context) -> Served:
    """Raises ValueError for a key that is none, SiteFileError for a key file that can't be read."""
    dc09 = cast("Dc09Connection", connection)
    keys = dc09.settings
    panels = {device.id: IpPanel(_panel(dc09, device), _alphabet(device)) for device in dc09.devices}
    points = {
        point.id: Zone(panels[device.id], point.id, point.kind, point.settings.address)
        for device in dc09.devices
        for point in device.points
    }
    return Served(
        id=connection.id,
        where=f"{dialled(keys.host)}:{keys.port}",
        simulators=tuple(panel.simulator for panel in panels.values()),
        devices=on_bus(connection, panels),
        points=points,
    )


class IpPanel(CodePanel):
    """A panel that dials by itself."""

    def __init__(self, simulator: Dc09PanelSimulator, alphabet: Alphabet) -> None:
        self.simulator = simulator
        self.alphabet = alphabet

    @property
    def waiting(self) -> int:
        """Events in its memory."""
        return len(self.simulator.waiting)

    def send(self, code: str, zone: int | str) -> None:
        """Queue it; text is what SIA calls a zone that is no number."""
        if isinstance(zone, int):
            self.simulator.send(code, zone)
        else:
            self.simulator.send_data(f"N{self.simulator.known_code(code)}{zone.upper()}")

    async def misbehave(self, fault: Fault) -> None:
        """Of this panel alone."""
        await self.simulator.misbehave(fault)

    async def power_off(self) -> None:
        """Its memory stays."""
        await self.simulator.power_off()

    async def power_on(self) -> None:
        """Its sequence begins anew."""
        await self.simulator.power_on()


def _alphabet(device: Dc09Device) -> Alphabet:
    """Contact ID has numbers only."""
    text = any(isinstance(point.settings.address, str) for point in device.points)
    return Alphabet.SIA if text else Alphabet.CID


def _panel(connection: Dc09Connection, device: Dc09Device) -> Dc09PanelSimulator:
    keys, own = connection.settings, device.settings
    plain = own.key_file is None or own.encrypts == "never"
    try:
        return Dc09PanelSimulator(
            dialled(keys.host),
            keys.port,
            account=own.account,
            key=None if plain else connection.secret(own.key_file).strip(),
            form=Format.SIA if _alphabet(device) is Alphabet.SIA else Format.CID,
            carrier=Carrier.UDP if keys.transport == "udp" else Carrier.TCP,
            habits=Habits(
                supervise_s=call_every(own.lost_after_s),
                ack_timeout_s=in_time(ACK_S, own.lost_after_s),
                redial_s=REDIAL_S,
            ),
        )
    except ValueError as error:
        raise ValueError(f"{device.id}: {error}") from error
