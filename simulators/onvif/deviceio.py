"""Digital inputs and relays, which two services answer for (ONVIF Device IO; ONVIF Core for the older half)."""

import asyncio
from functools import partial

from simulators.onvif.device import device_io_capabilities
from simulators.onvif.quirks import Quirk
from simulators.onvif.soap import NAMESPACES, SoapFault, Xml, tag
from simulators.onvif.unit import Answer, Call, Operations, Unit

#: After so long a relay of a camera with MONOSTABLE is off again.
FALL_BACK_SECONDS = 1.0


class DeviceIoService:
    """Answers for one camera."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    @property
    def operations(self) -> Operations:
        """What it can be asked. The relays' operations belong to the device service's namespace in both."""
        return {
            (NAMESPACES["tmd"], "GetServiceCapabilities"): self._capabilities,
            (NAMESPACES["tmd"], "GetDigitalInputs"): self._inputs,
            (NAMESPACES["tmd"], "GetRelayOutputs"): self._relays,
            (NAMESPACES["tds"], "GetRelayOutputs"): self._relays,
            (NAMESPACES["tds"], "SetRelayOutputState"): self._set_relay,
        }

    async def _capabilities(self, _call: Call) -> Answer:
        return Answer(tag("tmd:GetServiceCapabilitiesResponse", device_io_capabilities(self._unit)))

    async def _inputs(self, _call: Call) -> Answer:
        told = (tag("tmd:DigitalInputs", attributes={"token": token}) for token in self._unit.inputs)
        return Answer(tag("tmd:GetDigitalInputsResponse", *told))

    async def _relays(self, _call: Call) -> Answer:
        return Answer(
            tag("tds:GetRelayOutputsResponse", *(_relay(token, self._unit) for token in self._unit.relays))
        )

    async def _set_relay(self, call: Call) -> Answer:
        token, state = call.request.require("RelayOutputToken"), call.request.require("LogicalState")
        if state not in {"active", "inactive"}:
            raise SoapFault(f"no relay state: {state[:40]}", "ter:InvalidArgVal")
        self._unit.set_relay(token, active=state == "active")
        if state == "active" and self._unit.has(Quirk.MONOSTABLE):
            loop = asyncio.get_running_loop()
            loop.call_later(FALL_BACK_SECONDS, partial(self._unit.set_relay, token, active=False))
        return Answer(tag("tds:SetRelayOutputStateResponse"))


def _relay(token: str, unit: Unit) -> Xml:
    falls_back = unit.has(Quirk.MONOSTABLE)
    settings = tag(
        "tt:Properties",
        tag("tt:Mode", "Monostable" if falls_back else "Bistable"),
        tag("tt:DelayTime", f"PT{FALL_BACK_SECONDS:g}S" if falls_back else "PT0S"),
        tag("tt:IdleState", "open"),
    )
    return tag("tds:RelayOutputs", settings, attributes={"token": token})
