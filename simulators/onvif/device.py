"""The device service: clock, services, identity, relays, reboot (ONVIF Core, device management)."""

from datetime import UTC, datetime, timedelta

from simulators.onvif.quirks import Quirk
from simulators.onvif.server import HungUp
from simulators.onvif.soap import NAMESPACES, SoapFault, Xml, tag
from simulators.onvif.unit import (
    DEVICE,
    DEVICE_IO,
    EVENTS,
    LOCAL_AHEAD,
    MEDIA,
    MEDIA2,
    SEARCH,
    Answer,
    Call,
    Operations,
    Unit,
)

MANUFACTURER, MODEL, FIRMWARE, HARDWARE = "Campus", "Rehearsal", "4.0", "sim-1"


class DeviceService:
    """Answers for one camera."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    @property
    def operations(self) -> Operations:
        """What it can be asked."""
        named = {
            "GetSystemDateAndTime": self._get_time,
            "SetSystemDateAndTime": self._set_time,
            "GetServices": self._services,
            "GetCapabilities": self._capabilities,
            "GetServiceCapabilities": self._service_capabilities,
            "GetDeviceInformation": self._information,
            "GetScopes": self._scopes,
            "GetHostname": self._hostname,
            "SystemReboot": self._reboot,
        }
        return {(NAMESPACES["tds"], name): operation for name, operation in named.items()}

    async def _get_time(self, _call: Call) -> Answer:
        true = self._unit.now()
        local = true + LOCAL_AHEAD
        said = local if self._unit.has(Quirk.LOCAL_AS_UTC) else true
        return Answer(
            tag(
                "tds:GetSystemDateAndTimeResponse",
                tag(
                    "tds:SystemDateAndTime",
                    tag("tt:DateTimeType", "Manual"),
                    tag("tt:DaylightSavings", "false"),
                    tag("tt:TimeZone", tag("tt:TZ", "CST-8")),
                    _moment("tt:UTCDateTime", said),
                    _moment("tt:LocalDateTime", local),
                ),
            )
        )

    async def _set_time(self, call: Call) -> Answer:
        if self._unit.has(Quirk.CLOCK_HANGS_UP):
            raise HungUp
        request = call.request
        if request.require("DateTimeType") == "Manual":
            if request.find("UTCDateTime") is None:
                raise SoapFault("no UTCDateTime", "ter:InvalidArgVal", "ter:InvalidDateTime")
            names = ("Year", "Month", "Day", "Hour", "Minute", "Second")
            try:
                numbers = [int(request.require(name)) for name in names]
                told = datetime(*numbers[:3], *numbers[3:], tzinfo=UTC)  # type: ignore[arg-type, misc] # six numbers
            except ValueError as error:
                raise SoapFault(str(error), "ter:InvalidArgVal", "ter:InvalidDateTime") from error
            self._unit.clock_offset += told - self._unit.now()
        else:
            self._unit.clock_offset = timedelta()  # from its time server, which is right
        return Answer(tag("tds:SetSystemDateAndTimeResponse"))

    async def _services(self, call: Call) -> Answer:
        unit = self._unit
        with_capabilities = call.request.text("IncludeCapability") == "true"
        offered = {
            "tds": (DEVICE, (24, 6), _device_capabilities()),
            **({"trt": (MEDIA, (20, 6), media_capabilities())} if unit.media1 else {}),
            **({"tr2": (MEDIA2, (24, 6), media2_capabilities())} if unit.media2 else {}),
            "tev": (EVENTS, (22, 6), event_capabilities()),
            "tmd": (DEVICE_IO, (22, 6), device_io_capabilities(unit)),
            "tse": (SEARCH, (22, 6), search_capabilities()),
        }
        return Answer(
            tag(
                "tds:GetServicesResponse",
                *(
                    tag(
                        "tds:Service",
                        tag("tds:Namespace", NAMESPACES[prefix]),
                        tag("tds:XAddr", unit.address(path)),
                        *((tag("tds:Capabilities", able),) if with_capabilities else ()),
                        tag("tds:Version", tag("tt:Major", str(major)), tag("tt:Minor", str(minor))),
                    )
                    for prefix, (path, (major, minor), able) in offered.items()
                ),
            )
        )

    async def _capabilities(self, _call: Call) -> Answer:
        unit = self._unit
        no = [tag("tt:WSPausableSubscriptionManagerInterfaceSupport", "false")]
        media = tag(
            "tt:Media",
            tag("tt:XAddr", unit.address(MEDIA)),
            tag("tt:StreamingCapabilities", tag("tt:RTPMulticast", "false"), tag("tt:RTP_RTSP_TCP", "true")),
        )
        extension = tag(
            "tt:Extension",
            tag(
                "tt:DeviceIO",
                tag("tt:XAddr", unit.address(DEVICE_IO)),
                tag("tt:VideoSources", "1"),
                tag("tt:VideoOutputs", "0"),
                tag("tt:AudioSources", "0"),
                tag("tt:AudioOutputs", "0"),
                tag("tt:RelayOutputs", str(len(unit.relays))),
            ),
            tag("tt:Search", tag("tt:XAddr", unit.address(SEARCH)), tag("tt:MetadataSearch", "false")),
        )
        return Answer(
            tag(
                "tds:GetCapabilitiesResponse",
                tag(
                    "tds:Capabilities",
                    tag("tt:Device", tag("tt:XAddr", unit.address(DEVICE))),
                    tag(
                        "tt:Events",
                        tag("tt:XAddr", unit.address(EVENTS)),
                        tag("tt:WSSubscriptionPolicySupport", "false"),
                        tag("tt:WSPullPointSupport", "true"),
                        *no,
                    ),
                    *((media,) if unit.media1 else ()),
                    extension,
                ),
            )
        )

    async def _service_capabilities(self, _call: Call) -> Answer:
        return Answer(tag("tds:GetServiceCapabilitiesResponse", _device_capabilities()))

    async def _information(self, _call: Call) -> Answer:
        return Answer(
            tag(
                "tds:GetDeviceInformationResponse",
                tag("tds:Manufacturer", MANUFACTURER),
                tag("tds:Model", MODEL),
                tag("tds:FirmwareVersion", FIRMWARE),
                tag("tds:SerialNumber", serial_number(self._unit.name)),
                tag("tds:HardwareId", HARDWARE),
            )
        )

    async def _scopes(self, _call: Call) -> Answer:
        told = (
            tag("tds:Scopes", tag("tt:ScopeDef", "Fixed"), tag("tt:ScopeItem", scope))
            for scope in scopes(self._unit.name)
        )
        return Answer(tag("tds:GetScopesResponse", *told))

    async def _hostname(self, _call: Call) -> Answer:
        told = tag(
            "tds:HostnameInformation", tag("tt:FromDHCP", "false"), tag("tt:Name", _plain(self._unit.name))
        )
        return Answer(tag("tds:GetHostnameResponse", told))

    async def _reboot(self, _call: Call) -> Answer:
        told = tag("tds:SystemRebootResponse", tag("tds:Message", "Rebooting"))
        return Answer(told, then=self._unit.on_reboot)


def scopes(name: str) -> tuple[str, ...]:
    """What a camera says of itself in discovery and GetScopes (ONVIF Core, discovery scopes)."""
    base = "onvif://www.onvif.org"
    return (
        f"{base}/type/video_encoder",
        f"{base}/Profile/Streaming",
        f"{base}/Profile/T",
        f"{base}/name/{_plain(name)}",
        f"{base}/hardware/{HARDWARE}",
    )


def serial_number(name: str) -> str:
    """Of the camera so named; always the same."""
    return f"SIM-{_plain(name)}"


def _plain(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)


def _moment(name: str, moment: datetime) -> Xml:
    clock = ("Hour", moment.hour), ("Minute", moment.minute), ("Second", moment.second)
    date = ("Year", moment.year), ("Month", moment.month), ("Day", moment.day)
    return tag(
        name,
        tag("tt:Time", *(tag(f"tt:{part}", str(number)) for part, number in clock)),
        tag("tt:Date", *(tag(f"tt:{part}", str(number)) for part, number in date)),
    )


def _device_capabilities() -> Xml:
    return tag(
        "tds:Capabilities",
        tag("tds:Network"),
        tag("tds:Security", attributes={"UsernameToken": "true", "HttpDigest": "true"}),
        tag("tds:System", attributes={"DiscoveryBye": "true"}),
    )


def media_capabilities() -> Xml:
    """Of media1."""
    return tag(
        "trt:Capabilities",
        tag("trt:ProfileCapabilities", attributes={"MaximumNumberOfProfiles": "2"}),
        tag("trt:StreamingCapabilities", attributes={"RTP_RTSP_TCP": "true"}),
        attributes={"SnapshotUri": "true"},
    )


def media2_capabilities() -> Xml:
    """Of media2."""
    return tag(
        "tr2:Capabilities",
        tag("tr2:ProfileCapabilities", attributes={"MaximumNumberOfProfiles": "2"}),
        tag("tr2:StreamingCapabilities", attributes={"RTSPStreaming": "true", "RTP_RTSP_TCP": "true"}),
        attributes={"SnapshotUri": "true"},
    )


def event_capabilities() -> Xml:
    """Of the event service."""
    return tag(
        "tev:Capabilities",
        attributes={
            "WSSubscriptionPolicySupport": "false",
            "WSPullPointSupport": "true",
            "MaxNotificationProducers": "10",
        },
    )


def device_io_capabilities(unit: Unit) -> Xml:
    """Of the device I/O service."""
    counts = {"VideoSources": 1, "RelayOutputs": len(unit.relays), "DigitalInputs": len(unit.inputs)}
    return tag("tmd:Capabilities", attributes={name: str(count) for name, count in counts.items()})


def search_capabilities() -> Xml:
    """Of the recording search service."""
    return tag("tse:Capabilities", attributes={"MetadataSearch": "false"})
