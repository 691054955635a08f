"""ONVIF cameras for tests: a site file's table for them, and the simulators behind it."""

from functools import cache
from pathlib import Path

from drivers import DRIVERS
from gateway.driver import DriverSpec
from gateway.site import Site, load_site
from simulators.camera import CameraSimulator, EncodedLoop, Video
from simulators.fault import Fault
from simulators.onvif import Auth, OnvifSimulator, Quirk
from tests.drivers.contract import AnyConnection
from tests.wait import until

#: A button at the camera's first input, as most tests have it.
BUTTON = '[[device.point]]\nid = "button"\nkind = "panic"\ninput = "DI_1"\n'

#: Quick enough for tests.
QUICK = "call_timeout_s = 0.5\npull_s = 1\n"


#: All that were made and not put away yet (conftest.py).
STANDING: list[OnvifSimulator] = []


@cache
def pictures() -> EncodedLoop:
    """A film that costs next to nothing to play."""
    return EncodedLoop.render(Video(width=160, height=96, fps=2, gop_seconds=1.0, title="t"), seconds=1.0)


def camera(
    *quirks: Quirk,
    auth: Auth = Auth.DIGEST_AND_WSS,
    inputs: tuple[str, ...] = ("DI_1",),
    slow_seconds: float = 2.0,
) -> OnvifSimulator:
    """A camera with one button, not started yet."""
    made = OnvifSimulator(
        CameraSimulator(loop=pictures()),
        auth=auth,
        inputs=inputs,
        quirks=frozenset(quirks),
        slow_seconds=slow_seconds,
    )
    STANDING.append(made)
    return made


def site_of(folder: Path, tables: str) -> Site:
    """A site file with these tables, read as the daemon reads it."""
    file = folder / "site.toml"
    file.write_text(
        '[site]\nid = "school-1"\nname = "First School"\ncounty = "330106"\n'
        f'[[zone]]\nid = "gate"\nname = "Gate"\n{tables}',
        encoding="utf-8",
    )
    return load_site(file, DRIVERS)


def connection_of(
    folder: Path, simulator: OnvifSimulator, keys: str = QUICK, points: str = BUTTON, password: str = "camera"
) -> AnyConnection:
    """The connection of a camera behind a simulator."""
    secret = folder / "cam.password"
    secret.write_text(password, encoding="utf-8")
    secret.chmod(0o600)
    return site_of(
        folder,
        '[[device]]\nid = "cam"\nzone = "gate"\ndriver = "onvif"\nhost = "127.0.0.1"\n'
        f'port = {simulator.port}\nusername = "admin"\npassword_file = "cam.password"\n{keys}{points}',
    ).connections[0]


class OnvifUnderTest:
    """One camera with a panic button at its input."""

    spec: DriverSpec = DRIVERS["onvif"]
    device = "cam"
    point = "button"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._simulator = camera(slow_seconds=2.0)

    @property
    def connection(self) -> AnyConnection:
        """With short time-outs."""
        return connection_of(self._folder, self._simulator)

    @property
    def patient_connection(self) -> AnyConnection:
        """Waited for."""
        return connection_of(self._folder, self._simulator, "call_timeout_s = 10\npull_s = 1\n")

    @property
    def connection_by_default(self) -> AnyConnection:
        """As the driver comes."""
        return connection_of(self._folder, self._simulator, "")

    async def start(self) -> None:
        """Begin to serve."""
        await self._simulator.start()

    async def stop(self) -> None:
        """End."""
        await self._simulator.stop()

    def hold(self) -> None:
        """Press the button."""
        self._simulator.set_input("DI_1", True)  # noqa: FBT003 - its own way

    async def press(self) -> None:
        """Press the button, and wait until the message was fetched if anybody fetches."""
        await self._set(active=True)

    async def release(self) -> None:
        """Let it go, as above."""
        await self._set(active=False)

    async def misbehave(self, fault: Fault) -> None:
        """REFUSED is a port that nobody listens at: a refused password is a matter of minutes, and has tests of its own."""
        if fault is Fault.REFUSED:
            await self._simulator.power_off()
            return
        await self._simulator.power_on()
        await self._simulator.misbehave(fault)

    async def answer_late(self) -> None:
        """Each answer takes some time."""
        self._simulator._misbehaviour._slow_seconds = 0.3
        await self._simulator.misbehave(Fault.SLOW)

    async def vanish(self) -> None:
        """Power off."""
        await self._simulator.power_off()

    async def power_cycle(self, off_seconds: float) -> None:
        """Power off and on."""
        await self._simulator.power_cycle(off_seconds)

    async def _set(self, *, active: bool) -> None:
        before = self._simulator.pulled
        listens = self._simulator.subscriptions > 0
        self._simulator.set_input("DI_1", active)
        if listens:
            await until(lambda: self._simulator.pulled > before)
