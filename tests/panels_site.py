"""A site file with every kind of connection, for the panels of a whole school."""

SITE = """
[site]
id = "school-1"
name = "实验小学"
county = "330106"
state_dir = "{folder}/state"
[journal]
ballast_mb = 0
[[zone]]
id = "gate"
name = "校门"

[[bus]]
id = "modules"
driver = "modbus"
host = "127.0.0.1"
port = {modbus}
timeout_s = 0.3
[[device]]
id = "buttons"
zone = "gate"
bus = "modules"
slave = 1
poll_ms = 20
[[device.point]]
id = "button"
kind = "panic"
function = "discrete"
address = 0

[[device]]
id = "sensors"
zone = "gate"
bus = "modules"
slave = 2
poll_ms = 50
[[device.point]]
id = "smoke"
kind = "smoke"
function = "holding"
address = 2
mask = 0x0001

[[bus]]
id = "panels"
driver = "dc09"
port = {dc09}
[[device]]
id = "panel-cid"
zone = "gate"
bus = "panels"
account = "1234"
key_file = "panel.key"
lost_after_s = 2
{zones_cid}
[[device]]
id = "panel-sia"
zone = "gate"
driver = "dc09"
port = {dc09_udp}
transport = "udp"
account = "00a7"
lost_after_s = 2
[[device.point]]
id = "sia-fire"
kind = "fire"
address = "2F"
[[device.point]]
id = "sia-tamper"
kind = "tamper"
address = 4

[[bus]]
id = "receiver"
driver = "contact_id"
serial = "{folder}/receiver"
heartbeat_s = 3
[[device]]
id = "caller"
zone = "gate"
bus = "receiver"
account = "2001"
line = 2
lost_after_s = 2
{zones_call}
[[device]]
id = "caller-6"
zone = "gate"
bus = "receiver"
account = "ABCDE6"
[[device.point]]
id = "call-6-gas"
kind = "gas"
address = 3

[[bus]]
id = "fire"
driver = "gb26875"
port = {fire}
[[device]]
id = "fire-panel"
zone = "gate"
bus = "fire"
panel = 889
lost_after_s = 2
[[device.point]]
id = "fire-smoke"
name = "三楼东侧走廊尽头配电间感烟火灾探测器"
kind = "smoke"
address = "1.3"
[[device.point]]
id = "fire-button"
kind = "fire"
address = "1.4"
system = [1, 2]
[[device.point]]
id = "fire-gas"
kind = "gas"
address = "2.1"

[[device]]
id = "fire-udp"
zone = "gate"
driver = "gb26875"
port = {fire_udp}
transport = "udp"
panel = 891
lost_after_s = 2
[[device.point]]
id = "udp-button"
kind = "fire"
address = "3.1"

[[device]]
id = "fire-line"
zone = "gate"
driver = "gb26875"
serial = "{folder}/fire-line"
panel = 890
lost_after_s = 2
[[device.point]]
id = "line-heat"
kind = "heat"
address = "7.7"
"""

#: Kinds that a zone of a panel may have, and what becomes of each: over Contact ID each is what the site file says.
ZONES = ("panic", "duress", "fire", "smoke", "heat", "gas", "intrusion", "door", "tamper", "fault")


def zones(prefix: str) -> str:
    return "".join(
        f'[[device.point]]\nid = "{prefix}-{kind}"\nkind = "{kind}"\naddress = {number}\n'
        for number, kind in enumerate(ZONES, 1)
    )
