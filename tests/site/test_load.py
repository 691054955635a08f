"""gateway.site.load: whatever is wrong with a site file is said with file, table, key and what would be right."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers import DRIVERS
from gateway.errors import SiteFileError
from gateway.model import Kind, Level, Origin, Signal
from gateway.site import Directory, load_site
from gateway.site.read import MAX_BYTES
from tests.site.files import SITE, UPLINK, changed, load, refused
from tests.sites import school

# ---- a right one


def test_a_right_file_is_resolved(tmp_path: Path) -> None:
    """Connections, devices, points and cameras come out with every reference resolved and every default filled in."""
    site = load(tmp_path, SITE + UPLINK.format(name="bureau"))

    assert [(c.id, c.shared, [d.id for d in c.devices]) for c in site.connections] == [
        ("bus-1", True, ["module"]),
        ("alone", False, ["alone"]),
    ]
    assert [camera.id for camera in site.cameras] == ["cam"]
    points = {point.id: point for device in site.devices for point in device.points}
    assert (points["button"].zone, points["button"].cameras, points["button"].name) == (
        "gate",
        ("cam",),
        "button",
    )
    assert (points["smoke"].zone, points["smoke"].cameras) == ("hall", ())
    assert site.root_of(site.uplinks[0]) == "campus/1/330106/school-1"
    assert site.source == "/campus/330106/school-1"
    assert site.recording_dir == Path("/var/lib/campus-gateway/recordings")


def test_a_points_own_zone_and_cameras_go_first(tmp_path: Path) -> None:
    """A point may be elsewhere than its device, and may be seen by no camera at all."""
    own = changed('kind = "panic"', 'kind = "panic"\nzone = "hall"\ncameras = []')
    other = changed('kind = "panic"', 'kind = "panic"\nzone = "hall"\ncameras = ["cam"]')

    assert load(tmp_path, own).devices[1].points[0].cameras == ()
    assert load(tmp_path, other).devices[1].points[0].cameras == ("cam",)
    assert load(tmp_path, other).devices[1].points[0].zone == "hall"


def test_an_address_that_no_point_names_is_in_its_devices_zone(tmp_path: Path) -> None:
    """`{device}:{address}` still raises an alarm, where the device is (CONTRACT, "Kinds of point")."""
    directory = Directory(load(tmp_path, SITE))
    source = directory.of_signal(
        Signal(device="module", point="module:7", kind=Kind.FIRE, level=Level.ACTIVE, origin=Origin.EVENT)
    )

    assert source.zone is not None
    assert (source.zone.id, source.cameras, source.name, source.returns) == (
        "gate",
        ("cam",),
        "module:7",
        False,
    )


@pytest.mark.parametrize("text", [b"\xef\xbb\xbf" + SITE.encode(), SITE.replace("\n", "\r\n").encode()])
def test_what_an_editor_on_windows_makes_of_it_is_read(tmp_path: Path, text: bytes) -> None:
    """A byte order mark and line ends of two bytes are no reason to refuse a file."""
    assert load(tmp_path, text).site.name == "实验小学"


# ---- the file itself


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """No such file, and things that are no file: each is said, and none is waited for."""
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("nothing.toml", "does not exist"), ("pipe", "is no file"), (".", "is no file")):
        with pytest.raises(SiteFileError, match=words):
            load_site(tmp_path / name, DRIVERS)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says is passed on."""

    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "site.toml").touch()
    monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(SiteFileError, match="can't be read: Permission denied"):
        load_site(tmp_path / "site.toml", DRIVERS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "site: is missing; add it"),
        (b"#" * (MAX_BYTES + 1), f"is larger than {MAX_BYTES} bytes"),
        ("name = '校门'\n# 门卫室\n".encode("gbk"), "line 1: is not UTF-8; save the file as UTF-8"),
        (SITE.encode() + "# 门卫室\n".encode("gbk"), "line 49: is not UTF-8"),
        (b"\x00\x01\x02", "is not valid TOML: "),
        (
            b"[site\n",
            "is not valid TOML: Expected ']' at the end of a table declaration (at line 1, column 6)",
        ),
        (b"x = = 1\n", "is not valid TOML: Invalid value (at line 1, column 5)"),
        (b"x = 1\nx = 2\n", "is not valid TOML: Cannot overwrite a value"),
        (b"x = " + b"9" * 5000, "is not valid TOML: "),
        (b"x = " + b"[" * 100_000, "is not valid TOML: "),
        (b"x" + b".x" * 100_000 + b" = 1", "line 1: a key with more than 64 dots"),
        (b"x = " + b"[" * 300 + b"]" * 300, "too deeply"),
    ],
)
def test_a_file_that_is_no_site_file(tmp_path: Path, text: bytes, words: str) -> None:
    """Wrong encoding, wrong syntax, and what would eat the memory of the box: one problem, with its line."""
    problems = refused(tmp_path, text)

    assert len(problems) == 1
    assert words in problems[0]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """A technician need not run `check` once for each mistake."""
    text = SITE.replace('zone = "hall"', 'zone = "hell"').replace('cameras = ["cam"]', 'cameras = ["cm"]')

    assert refused(tmp_path, text.replace("slave = 1", "slave = 0")) == [
        "zone[1].cameras: there is no camera 'cm'; cameras in this file: cam",
        "device[3].zone: there is no zone 'hell'; zones in this file: gate, hall",
        "device[2].slave: must be at least 1 (it is 0)",
        "device[3].slave: must be at least 1 (it is 0)",
    ]


# ---- keys

BROKER = UPLINK.format(name="bureau")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = 1\n" + SITE, "x: unknown key; known here: bus, calendar, console, device, "),
        (SITE + "[recordings]\n", "recordings: unknown key; known here: bus, calendar, console"),
        (SITE + "[recordings]\n", "did you mean `recording`?"),
        (
            changed('county = "330106"', 'county = "330106"\ncitty = 1'),
            "site.citty: unknown key; known here: clock,",
        ),
        (
            changed('name = "礼堂"', 'name = "礼堂"\nx = 1'),
            "zone[2].x: unknown key; known here: armed, cameras, entry_s, exit_s, id, name",
        ),
        (
            changed('host = "10.0.0.9"', 'host = "10.0.0.9"\nbaud = 1'),
            "bus[1].baud: unknown key; known here: baud",
        ),
        (changed('bus = "bus-1"', 'bus = "bus-1"\nslaves = 1'), "device[2].slaves: unknown key"),
        (changed('bus = "bus-1"', 'bus = "bus-1"\nslaves = 1'), "did you mean `slave`?"),
        (
            changed('host = "10.0.0.10"', 'host = "10.0.0.10"\nx = 1'),
            "device[3].x: unknown key; known here: baudrate",
        ),
        (changed('kind = "panic"', 'kind = "panic"\nnmae = "x"'), "device[2].point[1].nmae: unknown key"),
        (changed('kind = "panic"', 'kind = "panic"\nnmae = "x"'), "did you mean `name`?"),
        (changed('driver = "rtsp"', 'driver = "rtsp"\nuser = "x"'), "device[1].user: unknown key"),
        (changed('driver = "rtsp"', 'driver = "rtsp"\nuser = "x"'), "did you mean `username`?"),
        (
            SITE + BROKER + "tls = true\n",
            "uplink[1].broker[1].tls: unknown key; known here: ack_timeout_s, host",
        ),
        (SITE + '[[uplink]]\nname = "b"\nx = 1\n', "uplink[1].x: unknown key; known here: broker, confirm"),
        *[
            (SITE + f"[{table}]\nx = 1\n", f"{table}.x: unknown key; known here: ")
            for table in ("journal", "recording", "retention", "console", "metrics", "escalation")
        ],
    ],
)
def test_unknown_keys(tmp_path: Path, text: str, problem: str) -> None:
    """At every level an unknown key is an error that names the known ones, and the one that was probably meant."""
    assert any(problem in said for said in refused(tmp_path, text))


@pytest.mark.parametrize(
    ("old", "where"),
    [
        ('county = "330106"\n', "site.county"),
        ('id = "gate"\n', "zone[1].id"),
        ('name = "礼堂"\n', "zone[2].name"),
        ('id = "cam"\n', "device[1].id"),
        ('zone = "hall"\n', "device[3].zone"),
        ('url = "rtsp://10.0.0.8/main"\n', "device[1].url"),
        ('kind = "panic"\n', "device[2].point[1].kind"),
        ('id = "button"\n', "device[2].point[1].id"),
    ],
)
def test_missing_keys(tmp_path: Path, old: str, where: str) -> None:
    """A key without a default that is not there is named."""
    assert f"{where}: is missing; add it" in refused(tmp_path, changed(old, ""))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (changed('county = "330106"', "county = 330106"), "site.county: must be text in quotes (it is 330106)"),
        (changed('name = "礼堂"', "name = 2026-03-01"), "zone[2].name: must be text in quotes"),
        (changed('name = "礼堂"', "name = 12:30:00"), "zone[2].name: must be text in quotes"),
        (changed('cameras = ["cam"]', 'cameras = "cam"'), "zone[1].cameras: must be a list: "),
        (changed('cameras = ["cam"]', "cameras = [1]"), "zone[1].cameras[1]: must be text in quotes (it is 1)"),
        (SITE.replace("[[zone]]", "[zone]", 1).replace("[[zone]]", "[zon]"), "zone: must be a list: [[double brackets]]"),
        (SITE.replace("[site]", "[[site]]"), "site: must be one table, in [single brackets]"),
        (SITE + '[journal]\nkeep_days = "90"\n', "journal.keep_days: must be a whole number, without quotes (it is '90')"),
        (SITE + "[journal]\nkeep_days = 90.5\n", "journal.keep_days: must be a whole number"),
        (SITE + "[journal]\nkeep_days = true\n", "journal.keep_days: must be a whole number"),
        (SITE + "[journal]\nretry_disk_s = '1'\n", "journal.retry_disk_s: must be a number, without quotes (it is '1')"),
        (SITE + "[recording]\nmin_free_gb = inf\n", "recording.min_free_gb: must be a finite number (it is inf)"),
        (SITE + "[recording]\nstall_s = nan\n", "recording.stall_s: must be a finite number (it is nan)"),
        (SITE + "[recording]\ndir = 1\n", "recording.dir: must be text in quotes (it is 1)"),
        (SITE + "[console]\nsecure = 1\n", "console.secure: must be true or false, without quotes (it is 1)"),
        (SITE + '[console]\nsecure = "yes"\n', "console.secure: must be true or false, without quotes (it is 'yes')"),
        (changed('kind = "panic"', 'kind = "panic"\nreturns = "no"'), "device[2].point[1].returns: must be true or false"),
        (changed('bus = "bus-1"', 'bus = "bus-1"\npoll_ms = "100"'), "device[2].poll_ms: must be a whole number"),
    ],
)  # fmt: skip
def test_wrong_types(tmp_path: Path, text: str, problem: str) -> None:
    """Text is no number, a number is no text, a table is no list, in the gateway's tables and in the drivers'."""
    assert any(said.startswith(problem) for said in refused(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (changed('"330106"', '"33010"'), "site.county: must be the six digits of a division code in quotes"),
        (changed('name = "实验小学"', 'name = ""'), "site.name: must not be empty"),
        (changed('id = "cam"', 'id = "cam/1"'), "device[1].id: must be 1 to 64 of a-z A-Z 0-9 _ . - beginning with"),
        (changed('id = "button"', 'id = "按钮"'), "device[2].point[1].id: must be 1 to 64 of"),
        (changed('id = "button"', 'id = "按钮"'), "what people read goes into `name` (it is '按钮')"),
        (changed('id = "gate"', f'id = "{"g" * 65}"'), "zone[1].id: must be 1 to 64 of"),
        (SITE + "[journal]\nkeep_days = 29\n", "journal.keep_days: must be at least 30 (it is 29)"),
        (SITE + "[retention]\nkeep_days = 29\n", "retention.keep_days: must be at least 30 (it is 29)"),
        (SITE + "[recording]\nmax_gb = 0\n", "recording.max_gb: must be more than 0 (it is 0)"),
        (SITE + "[escalation]\nsteps = 11\n", "escalation.steps: must be at most 10 (it is 11)"),
        (SITE + "[console]\nport = 65536\n", "console.port: must be at most 65535 (it is 65536)"),
        (SITE + BROKER + "port = 0\n", "uplink[1].broker[1].port: must be at least 1 (it is 0)"),
        (SITE + BROKER + 'protocol = "4"\n', "uplink[1].broker[1].protocol: must be '5' or '3.1.1' (it is '4')"),
        (changed('county = "330106"', 'county = "330106"\nclock = "gps"'), "site.clock: must be 'ntp' or 'host'"),
        (changed('county = "330106"', 'county = "330106"\ntimezone = "Asia/Peking"'), "site.timezone: unknown time zone"),
        (changed('county = "330106"', 'county = "330106"\ntimezone = "/etc/passwd"'), "for example Asia/Shanghai"),
        (changed('county = "330106"', 'county = "330106"\nstate_dir = "state"'), "site.state_dir: must be an absolute path"),
        (changed('county = "330106"', 'county = "330106"\nside_dir = "~/side"'), "site.side_dir: must be an absolute path"),
        (SITE + '[recording]\ndir = ""\n', "recording.dir: must be an absolute path"),
        (changed('"rtsp://10.0.0.8/main"', '"http://10.0.0.8/"'), "device[1].url: must be rtsp://HOST[:PORT]/PATH"),
        (SITE + '[[uplink]]\nname = "b"\n', "uplink[1].broker: is missing; add it"),
        (SITE + '[[uplink]]\nname = "b"\nbroker = []\n', "uplink[1].broker: needs at least 1"),
        (SITE + BROKER + '[[uplink.broker]]\nhost = "b"\n', "uplink[1].broker: must not have more than 1"),
    ],
)  # fmt: skip
def test_wrong_values(tmp_path: Path, text: str, problem: str) -> None:
    """What is out of range, or of the wrong form, is answered with the range or the form."""
    assert any(problem in said for said in refused(tmp_path, text))


@pytest.mark.parametrize("kind", ["panik", "", "device-lost", "bus-lost", "disk", "camera-covered", "PANIC"])
def test_kinds(tmp_path: Path, kind: str) -> None:
    """A kind that does not exist, or that the gateway alone raises, is answered with those a point may have."""
    (problem,) = refused(tmp_path, changed('"panic"', f'"{kind}"'))

    assert problem.startswith(
        "device[2].point[1].kind: must be one of door, duress, fault, fire, gas, heat, "
    )
    assert "bus-lost" not in problem.split("(it is")[0]


def test_what_is_wrong_within_a_list_is_told_once(tmp_path: Path) -> None:
    """A broker with a wrong key does not count as no broker at all."""
    assert len(refused(tmp_path, SITE + BROKER + "x = 1\n")) == 1


# ---- secrets


@pytest.mark.parametrize(
    "text",
    [
        SITE + BROKER + 'password = "hunter2"\n',
        SITE + BROKER + "password_file = 4711\n",
        SITE + BROKER + 'username = "u"\npassword = "hunter2"\n',
        changed('driver = "rtsp"', 'driver = "rtsp"\npassword = "hunter2"'),
        changed("rtsp://10.0.0.8/main", "rtsp://admin:hunter2@10.0.0.8/main"),
    ],
)
def test_a_secret_in_the_file_is_not_repeated(tmp_path: Path, text: str) -> None:
    """Problems are logged and sent as an alarm's detail: a password written in the wrong place never is among them."""
    said = "\n".join(refused(tmp_path, text))

    assert "hunter2" not in said
    assert "4711" not in said
    assert "password_file" in said


def test_secrets_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative name is a credential of systemd, else a file beside the site file; an absolute one is itself."""
    site = load(tmp_path, SITE)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (tmp_path / "broker").write_text(" beside\n", encoding="utf-8")
    assert site.secret(None) == ""
    assert site.secret(Path("broker")) == "beside"

    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert site.secret(Path("broker")) == "beside"
    (credentials / "broker").write_text("credential\n", encoding="utf-8")
    assert site.secret(Path("broker")) == "credential"
    assert site.secret(tmp_path / "broker") == "beside"
    with pytest.raises(
        SiteFileError, match=r"site\.toml: secret file nowhere is missing; write the secret into one of"
    ):
        site.secret(Path("nowhere"))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (SITE + BROKER + 'password_file = "x"\n', "uplink[1].broker[1]"),
        (changed('driver = "rtsp"', 'driver = "rtsp"\npassword_file = "x"'), "device[1]"),
    ],
)
def test_a_password_belongs_to_a_user(tmp_path: Path, text: str, where: str) -> None:
    """A password that nobody would send is a mistake."""
    assert refused(tmp_path, text) == [
        f"{where}: password_file: there is no `username` whose password it could be; add one"
    ]


# ---- contradictions


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            changed('id = "hall"', 'id = "gate"').replace('zone = "hall"', 'zone = "gate"'),
            "zone[1].id, zone[2].id: 'gate' is used 2 times; every id is used once",
        ),
        (changed('id = "alone"', 'id = "module"'), "device[2].id, device[3].id: 'module' is used 2 times"),
        (changed('id = "alone"', 'id = "bus-1"'), "bus[1].id, device[3].id: 'bus-1' is used 2 times"),
        (
            changed('id = "smoke"', 'id = "button"'),
            "device[2].point[1].id, device[3].point[1].id: 'button' is used 2",
        ),
        (
            changed('id = "smoke"', 'id = "module"'),
            "device[2].id, device[3].point[1].id: 'module' is used 2 times",
        ),
        (changed('id = "smoke"', 'id = "cam"'), "device[1].id, device[3].point[1].id: 'cam' is used 2 times"),
        (
            changed('id = "smoke"', 'id = "bus-1"'),
            "bus[1].id, device[3].point[1].id: 'bus-1' is used 2 times",
        ),
        (SITE + BROKER * 2, "uplink[1].name, uplink[2].name: 'bureau' is used 2 times"),
    ],
)
def test_ids_are_unique(tmp_path: Path, text: str, problem: str) -> None:
    """What an alarm or event may be about has one meaning: bus, device or point. All places are named."""
    assert any(said.startswith(problem) for said in refused(tmp_path, text))


def test_the_same_word_may_be_a_zone_and_a_device(tmp_path: Path) -> None:
    """Zones are not what events are about, so they have a name space of their own; so have destinations."""
    text = SITE.replace('"hall"', '"module"') + UPLINK.format(name="module")

    assert load(tmp_path, text).zones[1].id == "module"


@pytest.mark.parametrize("name", ["gateway", "console"])
@pytest.mark.parametrize("old", ['id = "cam"', 'id = "module"', 'id = "button"'])
def test_the_gateways_own_subjects_are_taken(tmp_path: Path, old: str, name: str) -> None:
    """An alarm about `gateway` is the gateway's own: no device and no point is called so."""
    assert any(
        f".id: '{name}' is the gateway's own; choose another id" in said
        for said in refused(tmp_path, changed(old, f'id = "{name}"'))
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (changed('cameras = ["cam"]', 'cameras = ["module"]'), "zone[1].cameras: there is no camera 'module'; cameras in this file: cam"),
        (changed('zone = "hall"', 'zone = "yard"'), "device[3].zone: there is no zone 'yard'; zones in this file: gate, hall"),
        (changed('kind = "smoke"', 'kind = "smoke"\nzone = "yard"'), "device[3].point[1].zone: there is no zone 'yard'"),
        (changed('kind = "smoke"', 'kind = "smoke"\ncameras = ["x"]'), "device[3].point[1].cameras: there is no camera 'x'"),
        (changed('bus = "bus-1"', 'bus = "bus-2"'), "device[2].bus: there is no [[bus]] 'bus-2'; buses in this file: bus-1"),
        (changed('bus = "bus-1"', 'bus = "bus-2"'), "bus[1]: no device is on bus 'bus-1'; remove it or name it in a [[device]]"),
        (changed('bus = "bus-1"', 'bus = "bus-1"\ndriver = "modbus"'), "device[2]: needs either `bus` (with its address there) or a `driver` of its own; both are there"),
        (changed('bus = "bus-1"\n', ""), "device[2]: needs either `bus` (with its address there) or a `driver` of its own; neither is there"),
        (changed('driver = "rtsp"', 'driver = "rtps"'), "device[1].driver: there is no driver 'rtps'; there are: contact_id, dc09, gb26875, modbus, onvif, rtsp"),
        (changed('id = "bus-1"\ndriver = "modbus"', 'id = "bus-1"\ndriver = "rtsp"'), "bus[1].driver: there is no driver 'rtsp' for a bus; there are: contact_id, dc09, gb26875, modbus"),
        (changed('url = "rtsp://10.0.0.8/main"', 'url = "rtsp://10.0.0.8/main"\n[[device.point]]\nid = "p"\nkind = "panic"'), "device[1].point: driver 'rtsp' has no inputs; remove its points"),
        (changed('driver = "rtsp"', 'bus = "bus-1"'), "device[1].url: unknown key"),
        (changed('function = "discrete"\naddress = 0\n\n', "\n"), "device[2].point[1]: needs `function` and `address`, or `input`"),
        (SITE + "[retention]\ndelete_after_days = 60\n", "retention: delete_after_days (60) is less than keep_days (90): footage can't be both kept and deleted; raise the one or lower the other"),
        (SITE + "[metrics]\nport = 8080\n", "metrics.port: is the console's port too (8080); choose another"),
        (SITE + BROKER + UPLINK.format(name="police"), "uplink[2].root: uplink[1] has this root on 10.0.0.1:1883 too"),
    ],
)  # fmt: skip
def test_contradictions(tmp_path: Path, text: str, problem: str) -> None:
    """References that lead nowhere and tables that exclude each other: with what there is, or what to do."""
    assert any(said.startswith(problem) for said in refused(tmp_path, text))


def test_a_free_port_is_nobodys(tmp_path: Path) -> None:
    """Port 0 takes a free one, for the console and the metrics alike."""
    assert load(tmp_path, SITE + "[metrics]\nport = 0\n[console]\nport = 0\n").metrics.port == 0


@pytest.mark.parametrize(
    ("root", "right"),
    [
        ("campus/1/{county}/{site}", True),
        ("{site}", True),
        ("bureau/a-b_c.d/中文", True),
        ("x/{zone}", False),
        ("x/{}", False),
        ("x/{0}", False),
        ("x/{", False),
        ("x/}", False),
        ("x/{site.id}", False),
        ("x/{site!r}", False),
        ("x/{site:>99999999}", False),
        ("x/#", False),
        ("x/+/y", False),
        ("x y", False),
        ("/x", False),
        ("x/", False),
        ("x//y", False),
        ("$SYS/x", False),
        ("", False),
        ("x" * 201, False),
    ],
)
def test_roots(tmp_path: Path, root: str, right: bool) -> None:  # noqa: FBT001 - a table
    """A root is a plain topic name (MQTT 5, 4.7) whose only placeholders are the county's and the site's."""
    text = SITE + BROKER.replace('name = "bureau"\n', f"name = \"bureau\"\nroot = '{root}'\n")
    if right:
        site = load(tmp_path, text)
        assert "{" not in site.root_of(site.uplinks[0])
    else:
        assert refused(tmp_path, text)[0].startswith("uplink[1].root: ")


def test_two_destinations_on_one_broker(tmp_path: Path) -> None:
    """With roots of their own they may share it."""
    police = UPLINK.format(name="police").replace('"police"\n', '"police"\nroot = "police/{site}"\n')

    assert len(load(tmp_path, SITE + BROKER + police).uplinks) == 2


def test_a_drivers_contradictions_are_told_where_they_are(tmp_path: Path) -> None:
    """What only the driver can know is said under its connection (drivers have tests of their own)."""
    second = '[[device]]\nid = "m2"\nzone = "gate"\nbus = "bus-1"\nslave = 1\n[[device.point]]\nid = "b2"\n'
    problems = refused(tmp_path, SITE + second + 'kind = "panic"\nfunction = "discrete"\naddress = 0\n')

    assert problems == [
        "bus[1]: devices 'module', 'm2': all have slave 1 on this connection; a slave number belongs to one device"
    ]


# ---- whatever it is


@given(
    at=st.integers(0, len(SITE)),
    cut=st.integers(0, 60),
    put=st.text(max_size=20) | st.sampled_from(["[[", "=", "{", '"""']),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, at: int, cut: int, put: str) -> None:
    """A file with any stretch replaced by anything is either a site or a list of problems, never another error."""
    text = (SITE[:at] + put + SITE[at + cut :]).encode("utf-8", "surrogatepass")
    with suppress(SiteFileError):
        load(tmp_path, text)


@given(data=st.binary(max_size=300))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rubbish_is_refused(tmp_path: Path, data: bytes) -> None:
    """Bytes that a dying disk may give back are refused in words."""
    assert refused(tmp_path, data)


def test_a_secret_that_cannot_be_read_says_where_to_write_it(tmp_path: Path) -> None:
    """A missing secret file names the places that were looked at, in words."""
    site = school(tmp_path)

    with pytest.raises(SiteFileError, match="write the secret into one of: ") as missing:
        site.secret(Path("camera.password"))
    assert "PosixPath" not in str(missing.value)

    (tmp_path / "camera.password").write_text("s3cret\n")
    assert site.secret(Path("camera.password")) == "s3cret"


def test_what_is_no_secret_is_not_read(tmp_path: Path) -> None:
    """A file too long, a pipe that would hang, bytes that are no text: refused in words, never cut or waited for."""
    site = school(tmp_path)
    (tmp_path / "long").write_bytes(b"x" * 70_000)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(SiteFileError, match="longer than 65536 bytes"):
        site.secret(Path("long"))
    with pytest.raises(SiteFileError, match="not UTF-8"):
        site.secret(Path("bytes"))
    with pytest.raises(SiteFileError, match="is missing"):
        site.secret(Path("pipe"))
