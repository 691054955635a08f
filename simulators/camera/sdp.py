"""What a camera says of a stream before it is watched (RFC 4566; RFC 6184 8.2.1; RFC 7798 7.1)."""

import base64

from simulators.camera import lies, rtp, sound
from simulators.camera.encoder import Codec, ParameterSets
from simulators.camera.lies import Lie
from simulators.camera.viewer import SOUND, VIDEO


def track_name(track: int) -> str:
    """What a track's address ends with."""
    return f"trackID={track}"


def describe(
    sets: ParameterSets, *, codec: Codec, fps: int, tone: sound.Tone | None, lie: Lie = Lie.NONE
) -> str:
    """The description of a stream, true but for the lie."""
    if lie is Lie.ABSURD_SETS:
        sets = ParameterSets(lies.absurd_sequence_set(codec), sets.picture, sets.video)
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=Campus camera simulator",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
    ]
    if lie is not Lie.NO_VIDEO:
        lines += _video(sets, codec, fps)
    if tone is not None:
        lines += _sound(tone)
    return "".join(f"{line}\r\n" for line in lines)


def _video(sets: ParameterSets, codec: Codec, fps: int) -> list[str]:
    kind = rtp.PAYLOAD_TYPE
    name, parameters = ("H265", _h265(sets)) if codec == "h265" else ("H264", _h264(sets))
    return [
        f"m=video 0 RTP/AVP {kind}",
        f"a=rtpmap:{kind} {name}/{rtp.CLOCK_RATE}",
        f"a=fmtp:{kind} {parameters}",
        f"a=framerate:{fps}",
        f"a=control:{track_name(VIDEO)}",
    ]


def _h264(sets: ParameterSets) -> str:
    profile = sets.sequence[1:4].hex().upper()
    sprop = f"{_base64(sets.sequence)},{_base64(sets.picture)}"
    return f"packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sprop}"


def _h265(sets: ParameterSets) -> str:
    return f"sprop-vps={_base64(sets.video)};sprop-sps={_base64(sets.sequence)};sprop-pps={_base64(sets.picture)}"


def _sound(tone: sound.Tone) -> list[str]:
    return [
        f"m=audio 0 RTP/AVP {sound.PAYLOAD_TYPE}",
        f"a=rtpmap:{sound.PAYLOAD_TYPE} PCMA/{sound.RATE}",
        f"a=ptime:{tone.packet_ms}",
        f"a=control:{track_name(SOUND)}",
    ]


def _base64(nal: bytes) -> str:
    return base64.b64encode(nal).decode()
