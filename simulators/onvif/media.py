"""Media 1 and Media 2: profiles, stream and snapshot addresses (ONVIF Media, ONVIF Media 2)."""

from simulators.onvif.device import media2_capabilities, media_capabilities
from simulators.onvif.profile import Profile
from simulators.onvif.soap import NAMESPACES, SoapFault, Xml, tag
from simulators.onvif.unit import SNAPSHOT, VIDEO_SOURCE, Answer, Call, Operations, Unit

#: What an encoder is set to; nothing here depends on them.
QUALITY, BITRATE_KBPS = "5", "1024"


class MediaService:
    """Answers for one camera, in both services as far as it has them."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    @property
    def operations(self) -> Operations:
        """What it can be asked."""
        first = {
            "GetServiceCapabilities": self._capabilities,
            "GetProfiles": self._profiles,
            "GetVideoSources": self._video_sources,
            "GetStreamUri": self._stream,
            "GetSnapshotUri": self._snapshot,
        }
        second = {
            "GetServiceCapabilities": self._capabilities2,
            "GetProfiles": self._profiles2,
            "GetStreamUri": self._stream2,
            "GetSnapshotUri": self._snapshot2,
        }
        return {
            **({(NAMESPACES["trt"], name): one for name, one in first.items()} if self._unit.media1 else {}),
            **({(NAMESPACES["tr2"], name): one for name, one in second.items()} if self._unit.media2 else {}),
        }

    async def _capabilities(self, _call: Call) -> Answer:
        return Answer(tag("trt:GetServiceCapabilitiesResponse", media_capabilities()))

    async def _capabilities2(self, _call: Call) -> Answer:
        return Answer(tag("tr2:GetServiceCapabilitiesResponse", media2_capabilities()))

    async def _profiles(self, _call: Call) -> Answer:
        told = (_profile(one, self._unit.profiles()[0]) for one in self._unit.profiles())
        return Answer(tag("trt:GetProfilesResponse", *told))

    async def _profiles2(self, call: Call) -> Answer:
        wanted = call.request.text("Token")
        types = {(one.text or "").strip() for one in call.request.body if one.tag.endswith("}Type")}
        profiles = [self._find(wanted)] if wanted else list(self._unit.profiles())
        return Answer(
            tag(
                "tr2:GetProfilesResponse",
                *(_profile2(one, self._unit.profiles()[0], types) for one in profiles),
            )
        )

    async def _video_sources(self, _call: Call) -> Answer:
        main = self._unit.profiles()[0]
        source = tag(
            "trt:VideoSources",
            tag("tt:Framerate", str(main.fps)),
            _resolution(main),
            attributes={"token": VIDEO_SOURCE},
        )
        return Answer(tag("trt:GetVideoSourcesResponse", source))

    async def _stream(self, call: Call) -> Answer:
        url = self._unit.stream_address(self._find(call.request.require("ProfileToken")).url)
        return Answer(tag("trt:GetStreamUriResponse", _media_uri(url)))

    async def _stream2(self, call: Call) -> Answer:
        url = self._unit.stream_address(self._find(call.request.require("ProfileToken")).url)
        return Answer(tag("tr2:GetStreamUriResponse", tag("tr2:Uri", url)))

    async def _snapshot(self, call: Call) -> Answer:
        return Answer(tag("trt:GetSnapshotUriResponse", _media_uri(self._snapshot_address(call))))

    async def _snapshot2(self, call: Call) -> Answer:
        return Answer(tag("tr2:GetSnapshotUriResponse", tag("tr2:Uri", self._snapshot_address(call))))

    def _snapshot_address(self, call: Call) -> str:
        token = self._find(call.request.require("ProfileToken")).token
        return self._unit.address(f"{SNAPSHOT}?profile={token}")

    def _find(self, token: str) -> Profile:
        for profile in self._unit.profiles():
            if profile.token == token:
                return profile
        raise SoapFault("unknown profile token", "ter:InvalidArgVal", "ter:NoProfile")


def _media_uri(url: str) -> Xml:
    return tag(
        "trt:MediaUri",
        tag("tt:Uri", url),
        tag("tt:InvalidAfterConnect", "false"),
        tag("tt:InvalidAfterReboot", "false"),
        tag("tt:Timeout", "PT0S"),
    )


def _profile(profile: Profile, main: Profile) -> Xml:
    encoder = tag(
        "tt:VideoEncoderConfiguration",
        tag("tt:Name", f"{profile.name} encoder"),
        tag("tt:UseCount", "1"),
        tag("tt:Encoding", "H264"),  # the only one of ours that Media 1 has a word for
        _resolution(profile),
        tag("tt:Quality", QUALITY),
        tag(
            "tt:RateControl",
            tag("tt:FrameRateLimit", str(profile.fps)),
            tag("tt:EncodingInterval", "1"),
            tag("tt:BitrateLimit", BITRATE_KBPS),
        ),
        tag("tt:H264", tag("tt:GovLength", str(profile.group)), tag("tt:H264Profile", "Main")),
        _multicast(),
        tag("tt:SessionTimeout", "PT60S"),
        attributes={"token": f"Encoder_{profile.token}"},
    )
    return tag(
        "trt:Profiles",
        tag("tt:Name", profile.name),
        _source("tt:VideoSourceConfiguration", main),
        encoder,
        attributes={"token": profile.token, "fixed": "true"},
    )


def _profile2(profile: Profile, main: Profile, types: set[str]) -> Xml:
    encoder = tag(
        "tr2:VideoEncoder",
        tag("tt:Name", f"{profile.name} encoder"),
        tag("tt:UseCount", "1"),
        tag("tt:Encoding", profile.encoding),
        _resolution(profile),
        tag(
            "tt:RateControl",
            tag("tt:FrameRateLimit", str(profile.fps)),
            tag("tt:BitrateLimit", BITRATE_KBPS),
        ),
        tag("tt:Quality", QUALITY),
        attributes={
            "token": f"Encoder_{profile.token}",
            "GovLength": str(profile.group),
            "Profile": "Main",
        },
    )
    parts = {"VideoSource": _source("tr2:VideoSource", main), "VideoEncoder": encoder}
    shown = [one for name, one in parts.items() if types & {name, "All"}]
    return tag(
        "tr2:Profiles",
        tag("tr2:Name", profile.name),
        *((tag("tr2:Configurations", *shown),) if shown else ()),
        attributes={"token": profile.token, "fixed": "true"},
    )


def _source(name: str, profile: Profile) -> Xml:
    bounds = {"x": "0", "y": "0", "width": str(profile.width), "height": str(profile.height)}
    return tag(
        name,
        tag("tt:Name", "Video source"),
        tag("tt:UseCount", "2"),
        tag("tt:SourceToken", VIDEO_SOURCE),
        tag("tt:Bounds", attributes=bounds),
        attributes={"token": "VideoSourceConfig_1"},
    )


def _resolution(profile: Profile) -> Xml:
    return tag("tt:Resolution", tag("tt:Width", str(profile.width)), tag("tt:Height", str(profile.height)))


def _multicast() -> Xml:
    return tag(
        "tt:Multicast",
        tag("tt:Address", tag("tt:Type", "IPv4"), tag("tt:IPv4Address", "0.0.0.0")),  # noqa: S104 - none
        tag("tt:Port", "0"),
        tag("tt:TTL", "1"),
        tag("tt:AutoStart", "false"),
    )
