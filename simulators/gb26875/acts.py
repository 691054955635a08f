"""What a fire, a fault or a person does to the panel, each told to the centre in its turn."""

from collections.abc import Iterable

from simulators.gb26875.delivery import Delivery, Report
from simulators.gb26875.fittings import (
    Analog,
    ComponentFlag,
    DeviceFlag,
    Operation,
    System,
    SystemFlag,
)
from simulators.gb26875.orders import Orders
from simulators.gb26875.panel import FirePanel

_NO_FLAG = ComponentFlag(0)
_EVERY_FLAG = ~_NO_FLAG


class PanelActs:
    """Each act returns the report it queued. A place that the panel does not have is a ValueError that says what there is.

    Components are those of the first system unless `system` names another.
    """

    def __init__(self, panel: FirePanel, orders: Orders, delivery: Delivery) -> None:
        self.panel = panel
        self.orders = orders
        self.delivery = delivery

    # Components.

    def fire(self, zone: int, point: int, system: System | None = None) -> Report:
        """A detector sees fire, a call point is pressed."""
        return self.change([(zone, point)], add=ComponentFlag.FIRE, system=system)

    def fault(self, zone: int, point: int, system: System | None = None) -> Report:
        """A component breaks."""
        return self.change([(zone, point)], add=ComponentFlag.FAULT, system=system)

    def shield(self, zone: int, point: int, system: System | None = None) -> Report:
        """A component is masked at the panel (屏蔽)."""
        return self.change([(zone, point)], add=ComponentFlag.SHIELD, system=system)

    def restore(self, zone: int, point: int, system: System | None = None) -> Report:
        """A component is as it shall be."""
        return self.change([(zone, point)], remove=_EVERY_FLAG, system=system)

    def change(
        self,
        places: Iterable[tuple[int, int]],
        *,
        add: ComponentFlag = _NO_FLAG,
        remove: ComponentFlag = _NO_FLAG,
        system: System | None = None,
    ) -> Report:
        """Change flags of up to 22 components at once, told in one message."""
        found = [self.panel.find(zone, point, system) for zone, point in places]
        for component in found:
            self.panel.change(component, add=add, remove=remove)
        return self.delivery.put(self.panel.tell_components(found))

    def set_value(self, zone: int, point: int, value: float, kind: Analog | None = None) -> Report:
        """A component measures so many °C, %LEL ...; `kind` where its type does not say what it measures."""
        component = self.panel.find(zone, point)
        self.panel.measure(component, value, kind)
        return self.delivery.put(self.panel.tell_analogs([component]))

    # The panel.

    def set_system(self, flag: SystemFlag, *, on: bool, system: System | None = None) -> Report:
        """A system's own state changes: mains, battery, bus, manual ... (type 1)."""
        found = system or self._first
        self.panel.change_system(found, flag, on=on)
        return self.delivery.put(self.panel.tell_systems([found]))

    def operate(self, flag: Operation, operator: int, system: System | None = None) -> Report:
        """A person works the panel (type 4)."""
        return self.delivery.put(self.panel.operate(system or self._first, flag, operator))

    def reset(self, operator: int) -> Report:
        """A person resets the panel: every component is normal, which only the operation tells, as on many panels."""
        self.panel.all_normal()
        return self.operate(Operation.RESET, operator)

    def mute(self, operator: int) -> Report:
        """A person silences the panel's sounder."""
        return self.operate(Operation.MUTE, operator)

    def manual_alarm(self, operator: int) -> Report:
        """A person raises the alarm at the panel."""
        return self.operate(Operation.MANUAL_ALARM, operator)

    # The transmission device.

    def mains_fault(self, *, on: bool) -> Report:
        """The transmission device loses mains, or has it again."""
        return self.set_device(DeviceFlag.MAINS_FAULT, on=on)

    def battery_fault(self, *, on: bool) -> Report:
        """The transmission device's battery fails, or is well again."""
        return self.set_device(DeviceFlag.BATTERY_FAULT, on=on)

    def set_device(self, flag: DeviceFlag, *, on: bool) -> Report:
        """The transmission device's own state changes (type 21)."""
        self.panel.change_device(flag, on=on)
        return self.delivery.put(self.panel.tell_device())

    def operate_device(self, flag: Operation, operator: int) -> Report:
        """A person works the transmission device (type 24), asked or not."""
        return self.delivery.put(self.panel.operate_device(flag, operator))

    def answer_guard_check(self, operator: int) -> Report:
        """The person in the panel's room answers. Raises ValueError when nothing rings, or no longer."""
        self.orders.take_guard_check()
        return self.operate_device(Operation.GUARD_CHECK_ANSWER, operator)

    def tell_version(self) -> Report:
        """Type 25, unasked."""
        return self.delivery.put(self.panel.tell_version())

    def tell_config(self) -> Report:
        """Type 26, unasked."""
        return self.delivery.put(self.panel.tell_config())

    def tell_time(self) -> Report:
        """Type 28, unasked."""
        return self.delivery.put(self.panel.tell_time())

    @property
    def _first(self) -> System:
        return next(iter(self.panel.systems.values()))
