"""Fuzzes what reads a camera's answers: python -m tests.fuzz.fuzz_onvif -max_total_time=300 (atheris does the rest)."""

import sys
from datetime import UTC, datetime

from drivers.onvif.addresses import port_of, rewritten, rewritten_picture, rewritten_stream
from drivers.onvif.answers import (
    Answer,
    Fault,
    Garbled,
    LoginRefused,
    NoService,
    capabilities_of,
    identity_of,
    read_answer,
    services_of,
)
from drivers.onvif.codec import happening, notifications
from drivers.onvif.digest import Digest
from drivers.onvif.markup import DEEPEST, MOST_ELEMENTS, Element, NotXml, read
from drivers.onvif.pullpoint import limits_of
from drivers.onvif.settings import DeviceKeys, OnvifDevice, PointKeys
from drivers.onvif.skew import skew_of
from drivers.onvif.tracking import Tracker
from gateway.driver import ConnectedDevice, ConnectedPoint
from gateway.errors import DeviceUnavailable
from gateway.model import ID_PATTERN, Kind

NOW = datetime(2026, 9, 1, tzinfo=UTC)
CAMERA: OnvifDevice = ConnectedDevice(
    id="cam",
    settings=DeviceKeys(),
    points=(
        ConnectedPoint(id="button", kind=Kind.PANIC, returns=True, settings=PointKeys(input="DI_1")),
        ConnectedPoint(id="covered", kind=Kind.TAMPER, returns=True, settings=PointKeys(event="tamper")),
    ),
)

_BEGIN = (
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:t="t"><s:Body><t:PullMessagesResponse>'
    b"<t:NotificationMessage><t:Topic>tns1:"
)
_MIDDLE = b'</t:Topic><t:Message><t:Message UtcTime="'
_END = b"</t:Message></t:Message></t:NotificationMessage></t:PullMessagesResponse></s:Body></s:Envelope>"

#: Longest words of a signal, in letters.
MOST_WORDS = 300


def one_input(data: bytes) -> None:
    """The first byte chooses the status; the rest is an answer, a notification's parts, a header, an address."""
    if not data:
        return
    status, rest = (200, 400, 401, 404, 500)[data[0] % 5], data[1:]
    try_answer(status, rest)
    topic, time, items = [*rest.split(b"\0", 2), b"", b""][:3]
    try_answer(200, _BEGIN + topic + _MIDDLE + time + b'">' + items + _END)
    text = rest.decode("latin-1")
    try_text(text)


def try_answer(status: int, data: bytes) -> None:
    """It is read, or is one of four errors; what is read of it is bounded and can be carried on."""
    try:
        root = read(data)
    except NotXml:
        pass
    else:
        assert_bounded(root)
    try:
        answer = read_answer("PullMessages", status, data)
    except Fault as fault:
        limits_of(fault)
    except (Garbled, LoginRefused, NoService, DeviceUnavailable):
        pass
    else:
        try_parts(answer)


def try_parts(answer: Answer) -> None:
    """All that the driver reads of any answer."""
    assert all(len(words) <= 100 for words in identity_of(answer).values())
    services_of(answer)
    capabilities_of(answer)
    skew = skew_of(answer.body, NOW, NOW)
    skew.words(5)
    skew.theirs(NOW)
    tracker = Tracker(CAMERA)
    for told in notifications(answer.body, answer.data):
        assert len(told.xml) <= 4096
        meant = happening(told)
        if meant is None:
            continue
        for signal in tracker.signals(told, meant, skew, NOW):
            assert ID_PATTERN.match(signal.point.partition(":")[2] or signal.point), signal.point
            assert len(signal.detail) <= MOST_WORDS
            assert signal.detail.isprintable()


def try_text(text: str) -> None:
    """A header that asks for a login, and an address of the camera's own."""
    digest = Digest("user", "secret")
    if digest.learn("http://cam", [text, f"Digest {text}"]):
        proof = digest.proof("http://cam", "POST", "/")
        assert proof is not None
        assert proof.isprintable()
        assert "secret" not in proof.replace(text, "") or "secret" in text
    try:
        for address in (
            rewritten(text, "cam", 80),
            rewritten_stream(text, "cam"),
            rewritten_picture(text, "cam", 80, 81),
        ):
            assert address.split("/")[2].startswith("cam"), address
        port_of(text)
    except ValueError:
        pass


def assert_bounded(root: Element) -> None:
    """No more elements, and no deeper, than said."""
    level, depth, count = [root], 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        level = [child for one in level for child in one.children]
    assert depth <= DEEPEST
    assert count <= MOST_ELEMENTS


def main() -> None:
    """Run until told to stop."""
    import atheris  # noqa: PLC0415 - not needed to import this module, and not there everywhere

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
