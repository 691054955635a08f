"""Pure parts: topics and items, XML, addresses, clocks, keys."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.onvif.addresses import port_of, rewritten, rewritten_picture, rewritten_stream
from drivers.onvif.answers import Fault, Garbled, LoginRefused, NoService, capabilities_of, read_answer
from drivers.onvif.codec import Happening, boolean, happening, local_names, moment, notifications
from drivers.onvif.markup import MOST_ELEMENTS, NotXml, read
from drivers.onvif.settings import BusKeys, PointKeys
from drivers.onvif.skew import Skew, skew_of
from gateway.errors import DeviceUnavailable

#: As in ONVIF Core, example of a PullMessagesResponse, with the topic of ONVIF Device IO.
PULLED = b"""<?xml version="1.0"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"
 xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:tet="http://www.onvif.org/ver10/events/wsdl"
 xmlns:tns1="http://www.onvif.org/ver10/topics" xmlns:tt="http://www.onvif.org/ver10/schema">
<SOAP-ENV:Body><tet:PullMessagesResponse>
<tet:CurrentTime>2026-11-22T08:00:00Z</tet:CurrentTime><tet:TerminationTime>2026-11-22T08:01:00Z</tet:TerminationTime>
<wsnt:NotificationMessage><wsnt:Topic Dialect="d">tns1:Device/Trigger/DigitalInput</wsnt:Topic><wsnt:Message>
<tt:Message UtcTime="2026-11-22T07:59:59.5Z" PropertyOperation="Changed">
<tt:Source><tt:SimpleItem Name="InputToken" Value="DI_1"/></tt:Source>
<tt:Data><tt:SimpleItem Name="LogicalState" Value="true"/></tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>
</tet:PullMessagesResponse></SOAP-ENV:Body></SOAP-ENV:Envelope>"""


def message(topic: str, source: str, data: str) -> bytes:
    def items(text: str) -> str:
        pairs = (one.split("=") for one in text.split() if one)
        return "".join(f'<tt:SimpleItem Name="{key}" Value="{value}"/>' for key, value in pairs)

    return (
        '<a xmlns:tt="t"><NotificationMessage><Topic>' + topic + "</Topic><Message><tt:Message "
        f'PropertyOperation="Changed"><tt:Source>{items(source)}</tt:Source><tt:Data>{items(data)}</tt:Data>'
        "</tt:Message></Message></NotificationMessage></a>"
    ).encode()


def meaning(topic: str, source: str, data: str) -> Happening | None:
    sent = message(topic, source, data)
    (told,) = notifications(read(sent), sent)
    return happening(told)


def test_a_message_of_the_specification() -> None:
    """Topic, items, operation, time, and the bytes that said so."""
    (told,) = notifications(read_answer("PullMessages", 200, PULLED).body, PULLED)

    assert told.topic == ("Device", "Trigger", "DigitalInput")
    assert (told.source, told.data) == ({"InputToken": "DI_1"}, {"LogicalState": "true"})
    assert told.operation == "Changed"
    assert told.at == datetime(2026, 11, 22, 7, 59, 59, 500000, UTC)
    assert told.xml.startswith(b"<wsnt:NotificationMessage>")
    assert told.xml.endswith(b"</wsnt:NotificationMessage>")
    assert happening(told) == Happening(input="DI_1", active=True)


@pytest.mark.parametrize(
    ("topic", "source", "data", "event", "active"),
    [
        ("tns1:RuleEngine/TamperDetector/Tamper", "", "IsTamper=true", "tamper", True),
        ("tns1:VideoSource/GlobalSceneChange/ImagingService", "Source=V", "State=1", "scene-change", True),
        ("tns1:VideoSource/SignalLoss", "Source=V", "State=false", "signal-loss", False),
        ("tns1:Device/HardwareFailure/StorageFailure", "Token=S", "Failed=true", "storage-failure", True),
        ("tns1:VideoSource/ImageTooBlurry/AnalyticsService", "Source=V", "State=true", "blurry", True),
        ("tns1:VideoSource/ImageTooDark/ImagingService", "Source=V", "State=0", "dark", False),
        ("tns1:VideoSource/ImageTooBright/RecordingService", "Source=V", "State=true", "bright", True),
        ("tns1:VideoSource/MotionAlarm", "Source=V", "State=true", "motion", True),
        ("tns1:RuleEngine/CellMotionDetector/Motion", "Rule=R", "IsMotion=false", "motion", False),
    ],
)
def test_topics_of_the_table(topic: str, source: str, data: str, event: str, active: bool) -> None:  # noqa: FBT001 - a parameter of a test
    """Each topic of protocols.md 5.3 is its event."""
    meant = meaning(topic, source, data)

    assert meant is not None
    assert (meant.event, meant.active) == (event, active)


@pytest.mark.parametrize(
    ("topic", "source", "data"),
    [
        ("tns1:Device/Trigger/tnshik:AlarmIn", "AlarmInToken=DI_1", "State=true"),
        ("tns1:VideoSource/tns1:Device/Trigger/DigitalInput", "InputToken=DI_1", "LogicalState=active"),
        ("Device/Trigger/DigitalInput", "Vendor=7 InputToken=DI_1", "Flag=false LogicalState=1"),
    ],
)
def test_inputs_as_vendors_tell_them(topic: str, source: str, data: str) -> None:
    """Other prefixes, another level before, other items first."""
    assert meaning(topic, source, data) == Happening(input="DI_1", active=True)


@pytest.mark.parametrize(
    ("topic", "source", "data"),
    [
        ("tns1:Device/Trigger/DigitalInput", "InputToken=DI_1", "LogicalState=perhaps"),
        ("tns1:Device/Trigger/DigitalInput", "", "LogicalState=true"),
        ("tns1:Device/Trigger/DigitalInputs", "InputToken=DI_1", "LogicalState=true"),
        ("", "InputToken=DI_1", "LogicalState=true"),
    ],
)
def test_what_says_nothing_means_nothing(topic: str, source: str, data: str) -> None:
    """No state is made up from a value, a token or a topic that is not there."""
    assert meaning(topic, source, data) is None


def test_words_of_booleans_and_times() -> None:
    """As cameras write them."""
    assert [boolean(word) for word in ("true", "1", "Active", "false", "0", "inactive", "2")] == [
        True, True, True, False, False, False, None,
    ]  # fmt: skip
    assert local_names(" a:B/c:D/E ") == ("B", "D", "E")
    assert moment("2026-11-22T08:00:00") == moment("2026-11-22T16:00:00+08:00")
    assert moment("yesterday") is None


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    """It gives a tree, or says that it is no XML."""
    with contextlib.suppress(NotXml):
        list(notifications(read(data), data))


@given(st.integers(0, len(PULLED)), st.binary(max_size=8))
def test_damaged_answers_are_judged(at: int, rubbish: bytes) -> None:
    """An answer with something foreign in it is read, refused or unavailable, and nothing else."""
    data = PULLED[:at] + rubbish + PULLED[at:]
    with contextlib.suppress(DeviceUnavailable, Fault, LoginRefused, NoService):
        list(notifications(read_answer("PullMessages", 200, data).body, data))


@pytest.mark.parametrize(
    "document",
    [
        b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>'.encode(
            "utf-16"
        ),
        b"<a>" + b"<b/>" * MOST_ELEMENTS + b"</a>",
        b"<a>" * 100 + b"</a>" * 100,
        b"",
        b"hello",
    ],
)
def test_xml_that_is_refused(document: bytes) -> None:
    """Document types in any encoding, too many elements, too deep, none at all."""
    with pytest.raises(NotXml):
        read(document)


def test_an_undeclared_prefix_is_forgiven() -> None:
    """Some firmware forgets to declare one."""
    assert read(b"<x:a><y:b>1</y:b></x:a>").text_of("b") == "1"


def soap(inner: str) -> bytes:
    return f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>{inner}</s:Body></s:Envelope>'.encode()


def fault(value: str, text: str) -> bytes:
    return soap(
        f"<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>{value}</s:Value></s:Subcode></s:Code>"
        f"<s:Reason><s:Text>{text}</s:Text></s:Reason></s:Fault>"
    )


@pytest.mark.parametrize(
    ("status", "data", "error"),
    [
        (200, b"garbage", Garbled),
        (200, b"<html/>", Garbled),
        (401, b"Unauthorized", LoginRefused),
        (401, b"", LoginRefused),
        (400, fault("ter:NotAuthorized", "Sender not Authorized"), LoginRefused),
        (400, fault("ter:InvalidArgVal", "no such token"), Fault),
        (500, fault("ter:Action", "busy"), Fault),
        (404, b"<html><body>not found</body></html>", NoService),
        (503, b"", DeviceUnavailable),
    ],
)
def test_answers_that_are_none(status: int, data: bytes, error: type[Exception]) -> None:
    """Each is the error that says what to do."""
    with pytest.raises(error):
        read_answer("GetServices", status, data)


def test_a_refusal_about_time_is_told_from_one_of_the_password() -> None:
    """Dahua's words (protocols.md 5.4)."""
    with pytest.raises(LoginRefused) as refused:
        read_answer("X", 400, fault("ter:NotAuthorized", "Wsse authorized time check failed"))

    assert refused.value.about_time


def test_addresses_lead_to_the_configured_host() -> None:
    """Doubled ports, inside hosts, credentials, IPv6."""
    assert rewritten("http://10.0.0.5:8106:8106/onvif/Subscription?Idx=43", "cam", 80) == (
        "http://cam:80/onvif/Subscription?Idx=43"
    )
    assert rewritten("https://u:p@inside/x", "fe80::1", 8080) == "http://[fe80::1]:8080/x"
    assert rewritten_stream("rtsp://u:p@10.0.0.5:8554/main?user=u&password=p&ch=1", "cam") == (
        "rtsp://cam:8554/main?ch=1"
    )
    assert rewritten_stream("rtsp://10.0.0.5/main", "cam") == "rtsp://cam/main"
    assert rewritten_picture("http://10.0.0.5/s.jpg", "cam", 8080, 80) == "http://cam:8080/s.jpg"
    assert rewritten_picture("http://10.0.0.5/s.jpg", "cam", 8899, 8899) == "http://cam:80/s.jpg"
    assert port_of("http://10.0.0.5:8106:8106/") == 8106
    with pytest.raises(ValueError, match="no address"):
        rewritten("/onvif", "cam", 80)


def clock(hour: int, minute: int, second: int) -> bytes:
    return soap(
        f"<r><UTCDateTime><Time><Hour>{hour}</Hour><Minute>{minute}</Minute><Second>{second}</Second></Time>"
        "<Date><Year>2026</Year><Month>11</Month><Day>22</Day></Date></UTCDateTime></r>"
    )


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "seconds", "words"),
    [
        (clock(12, 0, 0), 0, "clock off by 0 s"),
        (clock(12, 1, 40), 100, "clock off by 100 s"),
        (clock(20, 0, 1), 28801, "tells local time as UTC (+08:00)"),
        (clock(6, 30, 0), -19800, "tells local time as UTC (-05:30)"),
        (clock(11, 60, 61), 61, "clock off by 61 s"),
    ],
)
def test_how_far_a_clock_is_off(told: bytes, seconds: float, words: str) -> None:
    """By the middle of our question; whole zones are named; overflowing fields are taken as they are meant."""
    half = timedelta(seconds=0.2)
    skew = skew_of(read(told), NOON - half, NOON + half)

    assert skew.seconds == seconds
    assert words in skew.words(5)
    assert skew.ours(skew.theirs(NOON)) == NOON


@pytest.mark.parametrize("told", [soap("<r/>"), clock(12, 0, 0).replace(b"2026", b"soon")])
def test_a_clock_that_is_not_told(told: bytes) -> None:
    """Is unknown, and not wrong."""
    skew = skew_of(read(told), NOON, NOON)

    assert not skew.known
    assert not skew.is_wrong(5)
    assert Skew(100).is_wrong(5)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"input": "a", "event": "tamper"},
        {"event": "tamper", "active": "false"},
        {"event": "fire"},
        {"input": ""},
    ],
)
def test_a_point_is_one_thing(keys: dict[str, object]) -> None:
    """Input or event, and polarity for inputs alone."""
    with pytest.raises(ValidationError):
        PointKeys.model_validate(keys)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"host": "a", "path": "onvif"},
        {"host": "a", "clock_limit_s": 0.5},
        {"host": "a", "password_file": "x"},
    ],
)
def test_a_connection_has_limits(keys: dict[str, object]) -> None:
    """Host, path, limits, a user for a password."""
    with pytest.raises(ValidationError):
        BusKeys.model_validate(keys)


def test_services_of_older_cameras() -> None:
    """GetCapabilities names what GetServices lists (ONVIF Core, GetCapabilities)."""
    answer = read_answer(
        "GetCapabilities",
        200,
        soap(
            "<r><Capabilities><Device><XAddr>http://c/d</XAddr></Device><Events><XAddr>http://c/e</XAddr></Events>"
            "<Media><XAddr>http://c/m</XAddr></Media><Extension><DeviceIO><XAddr>http://c/io</XAddr></DeviceIO>"
            "</Extension></Capabilities></r>"
        ),
    )

    assert capabilities_of(answer) == {
        "http://www.onvif.org/ver10/media/wsdl": "http://c/m",
        "http://www.onvif.org/ver10/events/wsdl": "http://c/e",
        "http://www.onvif.org/ver10/deviceIO/wsdl": "http://c/io",
    }
