"""The camera simulator's pure parts: digest, RTP packets, the clock in the picture."""

import itertools
import struct
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import from_ms, to_ms
from simulators.camera import EncodedLoop, Video, picture, read_clock, rtcp, rtp
from simulators.camera.digest import Authenticator
from tests.simulators.rtsp_client import RtpPacket, depacketise

# RFC 2617 section 3.5.
RFC_NONCE = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
RFC_HEADER = (
    'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", '
    'response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
MUFASA = Authenticator(realm="testrealm@host.com", username="Mufasa", password="Circle Of Life")

NALS = st.lists(
    st.tuples(st.integers(1, 23), st.integers(0, 3), st.binary(max_size=5000)).map(
        lambda parts: bytes([parts[1] << 5 | parts[0]]) + parts[2]
    ),
    max_size=6,
)
unhurried = settings(deadline=None)  # a loaded machine is no fault
MOMENTS = st.integers(0, to_ms(datetime(9999, 12, 31, tzinfo=UTC))).map(from_ms)


def test_digest_of_the_rfc() -> None:
    """The example of RFC 2617 section 3.5 is accepted."""
    assert MUFASA.accepts(RFC_HEADER, "GET", RFC_NONCE)


def test_digest_without_qop() -> None:
    """A client that knows no qop is accepted; the value is RFC 2069's example, as corrected later."""
    header = (
        f'Digest username="Mufasa", realm="testrealm@host.com", nonce="{RFC_NONCE}", '
        'uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea"'
    )
    mufasa = Authenticator(realm="testrealm@host.com", username="Mufasa", password="CircleOfLife")

    assert mufasa.accepts(header, "GET", RFC_NONCE)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic TXVmYXNhOkNpcmNsZSBPZiBMaWZl",
        "Digest",
        RFC_HEADER.replace("Mufasa", "Scar"),
        RFC_HEADER.replace("6629", "6628"),
        RFC_HEADER.replace("/dir/", "/"),
        RFC_HEADER.replace(RFC_NONCE, "00"),
        RFC_HEADER.replace(', cnonce="0a4f113b"', ""),
        RFC_HEADER.replace("response=", "responds="),
    ],
)
def test_digest_refused(header: str) -> None:
    """Another user, hash, address, nonce or scheme, and a header that lacks a part, are refused."""
    assert not MUFASA.accepts(header, "GET", RFC_NONCE)


def test_digest_covers_the_method() -> None:
    """A proof for one method is none for another."""
    assert not MUFASA.accepts(RFC_HEADER, "PUT", RFC_NONCE)


@unhurried
@given(nals=NALS, limit=st.integers(3, 1500))
def test_packetising_loses_nothing(nals: list[bytes], limit: int) -> None:
    """NAL units of any length come back the same from payloads that are never longer than the limit."""
    payloads = rtp.payloads(nals, limit)

    assert depacketise(payloads) == nals
    assert all(len(payload) <= limit for payload in payloads)


@unhurried
@given(
    bodies=st.lists(st.binary(min_size=1, max_size=20).filter(lambda body: b"\0" not in body)), data=st.data()
)
def test_splitting_annex_b(bodies: list[bytes], data: st.DataObject) -> None:
    """Start codes of three and four bytes, with zero bytes before them, separate the NAL units (H.264 annex B)."""
    zeros = data.draw(st.lists(st.integers(2, 5), min_size=len(bodies), max_size=len(bodies)))
    stream = b"".join(bytes(n) + b"\x01" + body for n, body in zip(zeros, bodies, strict=True))

    assert rtp.split_annex_b(stream) == bodies


def test_rtp_header_wraps() -> None:
    """Sequence and timestamp wrap at 16 and 32 bits, and the marker is the payload type's top bit."""
    data = rtp.packet(b"\x41", marker=True, sequence=0x10001, timestamp=2**32 + 5, ssrc=7)

    assert data == bytes.fromhex("80 e0 0001 00000005 00000007 41")
    assert RtpPacket.parse(data) == RtpPacket(
        marker=True, payload_type=96, sequence=1, timestamp=5, ssrc=7, payload=b"\x41"
    )


@unhurried
@given(cname=st.text("abc@.", max_size=12))
def test_sender_report(cname: str) -> None:
    """A report is whole words, states NTP time from 1900 (RFC 5905), and names its source (RFC 3550 6.4.1, 6.5)."""
    totals = rtcp.SenderTotals(ssrc=9, packets=10, octets=11)
    report = rtcp.sender_report(totals, wall_clock=0.5, timestamp=12, cname=cname)
    words = struct.unpack(f">{len(report) // 4}I", report)

    assert words[:7] == (0x80C80006, 9, 2208988800, 0x80000000, 12, 10, 11)
    assert words[7] == 0x81CA0000 | len(words) - 8
    assert report[36:].startswith(bytes([1, len(cname)]) + cname.encode() + b"\0")


@unhurried
@given(moment=MOMENTS)
def test_clock_survives_rendering(moment: datetime) -> None:
    """Any time, to the millisecond, is read back from the luma of a rendered picture."""
    rendered = picture.Renderer(160, 90).render(moment)

    assert read_clock(rendered[:90]) == moment


@pytest.mark.parametrize(("width", "height"), [(160, 90), (352, 288), (640, 360), (1280, 720), (1920, 1080)])
def test_clock_survives_scaling(width: int, height: int) -> None:
    """A colour picture of any size, made smaller or larger and noisy, still tells its time."""
    moment = datetime(2026, 11, 21, 9, 30, 0, 123000, UTC)
    rendered = picture.Renderer(width, height, "gate").render(moment)
    colour = cv2.cvtColor(rendered, cv2.COLOR_YUV2BGR_I420)
    noise = np.random.default_rng(1).integers(0, 40, colour.shape, np.uint8)

    for scale in (0.5, 1.0, 1.7):
        seen = cv2.resize(cv2.add(colour, noise), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        assert read_clock(seen.astype(np.uint8)) == moment


def test_no_clock() -> None:
    """Black, white, tiny and damaged pictures have no time rather than a wrong one."""
    damaged = picture.Renderer(640, 360).render(datetime(2026, 11, 21, tzinfo=UTC))[:360]
    damaged[:20, 600:] = 255 - damaged[:20, 600:]

    for frame in (np.zeros((360, 640), np.uint8), np.full((360, 640, 3), 255, np.uint8), damaged):
        assert read_clock(frame) is None
    assert read_clock(np.zeros((4, 4), np.uint8)) is None


@pytest.mark.parametrize(("width", "height"), [(158, 90), (160, 88), (641, 360), (640, 361)])
def test_impossible_sizes(width: int, height: int) -> None:
    """A size in which the clock could not be read, or that 4:2:0 can't hold, is refused at once."""
    with pytest.raises(ValueError, match=f"{width}x{height}"):
        Video(width=width, height=height)


def test_encoded_loop() -> None:
    """A loop is whole groups of pictures, begins with a key frame, and weighs what its bit rate says."""
    video = Video(width=320, height=180, fps=10, gop_seconds=0.5, bit_rate=1_000_000)
    loop = EncodedLoop.render(video, seconds=3.2, start=datetime(2026, 11, 21, tzinfo=UTC))
    octets = sum(len(payload) for payload in itertools.chain(*(unit.payloads for unit in loop.units)))

    assert [unit.key for unit in loop.units] == [n % 5 == 0 for n in range(35)]
    assert octets * 8 / 3.5 == pytest.approx(video.bit_rate, rel=0.15)
    assert timedelta(seconds=len(loop.units) / video.fps) >= timedelta(seconds=3.2)
