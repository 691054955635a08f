"""One folder a protocol; the registry of drivers."""

from drivers import contact_id, dc09, gb26875, modbus, onvif
from gateway.driver import DriverSpec

#: Every driver by the name that the site file gives in `driver`. A new one is added here.
DRIVERS: dict[str, DriverSpec] = {
    spec.name: spec for spec in (contact_id.SPEC, dc09.SPEC, gb26875.SPEC, modbus.SPEC, onvif.SPEC)
}
