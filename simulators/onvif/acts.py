"""What happens to an ONVIF camera: contacts, its own troubles, any message."""

from collections.abc import Mapping

from simulators.onvif.auth import Gate
from simulators.onvif.properties import MOTION, SCENE_CHANGE, SIGNAL_LOSS, STORAGE_FAILURE, TAMPER
from simulators.onvif.unit import Unit


class Acts:
    """What a person, a wire or a fault does to the camera, and what it then tells. An unknown input is a ValueError."""

    def __init__(self, unit: Unit, gate: Gate) -> None:
        self._unit = unit
        self._gate = gate

    def set_input(self, token: str, active: bool) -> None:  # noqa: FBT001 - the state itself
        """A contact at its terminals changes."""
        self._unit.set_input(token, active=active)

    def tamper(self, active: bool) -> None:  # noqa: FBT001 - the state itself
        """Somebody is at the camera."""
        self._unit.set_state(TAMPER, active=active)

    def scene_change(self, active: bool) -> None:  # noqa: FBT001 - the state itself
        """It looks at something else."""
        self._unit.set_state(SCENE_CHANGE, active=active)

    def signal_loss(self, active: bool) -> None:  # noqa: FBT001 - the state itself
        """Its sensor gives no picture."""
        self._unit.set_state(SIGNAL_LOSS, active=active)

    def storage_failure(self, active: bool) -> None:  # noqa: FBT001 - the state itself
        """Its card fails."""
        self._unit.set_state(STORAGE_FAILURE, active=active)

    def motion(self, active: bool) -> None:  # noqa: FBT001 - the state itself
        """Something moves."""
        self._unit.set_state(MOTION, active=active)

    def trouble(self, topic: str, active: bool) -> None:  # noqa: FBT001 - the state itself
        """Any of the states that it tells of itself, by its topic in `properties`. Raises KeyError for another."""
        self._unit.set_state(topic, active=active)

    def emit(
        self, topic: str, source: Mapping[str, str], data: Mapping[str, str], operation: str = "Changed"
    ) -> None:
        """Tell anything. `operation` is Initialized, Changed, Deleted, or empty for what is no property."""
        self._unit.properties.set(topic, source, data, operation)

    def change_password(self, password: str) -> None:
        """From now on another one is right, for ONVIF; the stream keeps its own."""
        self._gate.password = password
