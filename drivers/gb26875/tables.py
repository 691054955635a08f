"""The numbers of GB/T 26875.3-2011, tables 4 to 10, and what they are called: for people, in Chinese and in English."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag


class Command(IntEnum):
    """What a frame is for (byte 26 of the frame)."""

    CONTROL = 1
    SEND = 2
    CONFIRM = 3
    REQUEST = 4
    ANSWER = 5
    DENY = 6


class Type(IntEnum):
    """What the objects of a frame are (type flag, table 3)."""

    SYSTEM_STATUS = 1
    COMPONENT_STATUS = 2
    COMPONENT_ANALOG = 3
    SYSTEM_OPERATION = 4
    SYSTEM_VERSION = 5
    SYSTEM_CONFIG = 6
    COMPONENT_CONFIG = 7
    SYSTEM_TIME = 8
    DEVICE_STATUS = 21
    DEVICE_OPERATION = 24
    DEVICE_VERSION = 25
    DEVICE_CONFIG = 26
    DEVICE_TIME = 28
    READ_SYSTEM_STATUS = 61
    READ_COMPONENT_STATUS = 62
    READ_COMPONENT_ANALOG = 63
    READ_DEVICE_STATUS = 81
    READ_DEVICE_VERSION = 85
    READ_DEVICE_CONFIG = 86
    READ_DEVICE_TIME = 88
    INITIALISE = 89
    SET_CLOCK = 90
    GUARD_CHECK = 91


class Status(IntFlag):
    """Status of a system (16 bits); a component has the first nine, of which the ninth is its power supply."""

    IN_SERVICE = 1 << 0
    FIRE = 1 << 1
    FAULT = 1 << 2
    SHIELDED = 1 << 3
    SUPERVISED = 1 << 4
    STARTED = 1 << 5
    FEEDBACK = 1 << 6
    DELAYED = 1 << 7
    POWER = 1 << 8
    BATTERY = 1 << 9
    BUS = 1 << 10
    MANUAL = 1 << 11
    CONFIG_CHANGED = 1 << 12
    RESET = 1 << 13


class DeviceStatus(IntFlag):
    """Status of the user information transmission device itself (type 21, 8 bits)."""

    IN_SERVICE = 1 << 0
    FIRE = 1 << 1
    FAULT = 1 << 2
    MAINS = 1 << 3
    BATTERY = 1 << 4
    CHANNEL = 1 << 5
    LINE = 1 << 6


class Operation(IntFlag):
    """What somebody did; bit 5 is a confirmation at the fire panel, and the answer to a guard check at the device."""

    RESET = 1 << 0
    MUTE = 1 << 1
    MANUAL_ALARM = 1 << 2
    CLEARED = 1 << 3
    SELF_TEST = 1 << 4
    CONFIRM = 1 << 5
    TEST = 1 << 6


@dataclass(frozen=True, slots=True)
class Name:
    """What a number stands for."""

    chinese: str
    english: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is measured: one step of the 16 bits is worth `step` of `unit`."""

    name: Name
    step: float
    unit: str


SYSTEM_TYPES = {
    0: Name("通用", "general"),
    1: Name("火灾报警系统", "fire alarm"),
    10: Name("消防联动控制器", "linkage controller"),
    11: Name("消火栓系统", "hydrants"),
    12: Name("自动喷水灭火系统", "sprinklers"),
    13: Name("气体灭火系统", "gas extinguishing"),
    14: Name("水喷雾灭火系统(泵启动方式)", "water spray (pump)"),
    15: Name("水喷雾灭火系统(压力容器启动方式)", "water spray (vessel)"),
    16: Name("泡沫灭火系统", "foam"),
    17: Name("干粉灭火系统", "dry powder"),
    18: Name("防烟排烟系统", "smoke exhaust"),
    19: Name("防火门及卷帘系统", "fire doors and shutters"),
    20: Name("消防电梯", "fire lift"),
    21: Name("消防应急广播", "emergency broadcast"),
    22: Name("消防应急照明和疏散指示系统", "emergency lighting"),
    23: Name("消防电源", "fire power supply"),
    24: Name("消防电话", "fire telephone"),
}

COMPONENT_TYPES = {
    0: Name("通用", "general"),
    1: Name("火灾报警控制器", "fire alarm controller"),
    10: Name("可燃气体探测器", "combustible gas detector"),
    11: Name("点型可燃气体探测器", "point gas detector"),
    12: Name("独立式可燃气体探测器", "stand-alone gas detector"),
    13: Name("线型可燃气体探测器", "line gas detector"),
    16: Name("电气火灾监控报警器", "electrical fire monitor"),
    17: Name("剩余电流式电气火灾监控探测器", "residual current detector"),
    18: Name("测温式电气火灾监控探测器", "electrical temperature detector"),
    21: Name("探测回路", "detection loop"),
    22: Name("火灾显示盘", "fire display panel"),
    23: Name("手动火灾报警按钮", "manual call point"),
    24: Name("消火栓按钮", "hydrant button"),
    25: Name("火灾探测器", "fire detector"),
    30: Name("感温火灾探测器", "heat detector"),
    31: Name("点型感温火灾探测器", "point heat detector"),
    32: Name("点型感温火灾探测器(S型)", "point heat detector, S"),
    33: Name("点型感温火灾探测器(R型)", "point heat detector, R"),
    34: Name("线型感温火灾探测器", "line heat detector"),
    35: Name("线型感温火灾探测器(S型)", "line heat detector, S"),
    36: Name("线型感温火灾探测器(R型)", "line heat detector, R"),
    37: Name("光纤感温火灾探测器", "fibre heat detector"),
    40: Name("感烟火灾探测器", "smoke detector"),
    41: Name("点型离子感烟火灾探测器", "ionisation smoke detector"),
    42: Name("点型光电感烟火灾探测器", "photoelectric smoke detector"),
    43: Name("线型光束感烟火灾探测器", "beam smoke detector"),
    44: Name("吸气式感烟火灾探测器", "aspirating smoke detector"),
    50: Name("复合式火灾探测器", "combined detector"),
    51: Name("复合式感烟感温火灾探测器", "smoke and heat detector"),
    52: Name("复合式感光感温火灾探测器", "light and heat detector"),
    53: Name("复合式感光感烟火灾探测器", "light and smoke detector"),
    61: Name("紫外火焰探测器", "ultraviolet flame detector"),
    62: Name("红外火焰探测器", "infrared flame detector"),
    69: Name("感光火灾探测器", "flame detector"),
    74: Name("气体探测器", "gas detector"),
    78: Name("图像摄像方式火灾探测器", "image fire detector"),
    79: Name("感声火灾探测器", "acoustic fire detector"),
    81: Name("气体灭火控制器", "gas extinguishing controller"),
    82: Name("消防电气控制装置", "electrical control unit"),
    83: Name("消防控制室图形显示装置", "control room display"),
    84: Name("模块", "module"),
    85: Name("输入模块", "input module"),
    86: Name("输出模块", "output module"),
    87: Name("输入/输出模块", "input/output module"),
    88: Name("中继模块", "relay module"),
    91: Name("消防水泵", "fire pump"),
    92: Name("消防水箱", "fire water tank"),
    95: Name("喷淋泵", "sprinkler pump"),
    96: Name("水流指示器", "flow indicator"),
    97: Name("信号阀", "signal valve"),
    98: Name("报警阀", "alarm valve"),
    99: Name("压力开关", "pressure switch"),
    101: Name("阀驱动装置", "valve actuator"),
    102: Name("防火门", "fire door"),
    103: Name("防火阀", "fire damper"),
    104: Name("通风空调", "ventilation"),
    105: Name("泡沫液泵", "foam pump"),
    106: Name("管网电磁阀", "pipe solenoid valve"),
    111: Name("防烟排烟风机", "smoke fan"),
    113: Name("排烟防火阀", "smoke exhaust damper"),
    114: Name("常闭送风口", "closed air inlet"),
    115: Name("排烟口", "smoke outlet"),
    116: Name("电控挡烟垂壁", "smoke curtain"),
    117: Name("防火卷帘控制器", "fire shutter controller"),
    118: Name("防火门监控器", "fire door monitor"),
    121: Name("警报装置", "sounder or strobe"),
}

#: Component types whose "fire" is combustible gas (table 5). Not 74: it stands among the fire detectors, of which it smells
#: the gases of a fire, and in doubt an alarm is a fire.
GAS_DETECTORS = frozenset({10, 11, 12, 13})

ANALOG_TYPES = {
    1: Quantity(Name("事件计数", "count"), 1, ""),
    2: Quantity(Name("高度", "height"), 0.01, "m"),
    3: Quantity(Name("温度", "temperature"), 0.1, "°C"),
    4: Quantity(Name("压力", "pressure"), 0.1, "MPa"),
    5: Quantity(Name("压力", "pressure"), 0.1, "kPa"),
    6: Quantity(Name("气体浓度", "gas concentration"), 0.1, "%LEL"),
    7: Quantity(Name("时间", "time"), 1, "s"),
    8: Quantity(Name("电压", "voltage"), 0.1, "V"),
    9: Quantity(Name("电流", "current"), 0.1, "A"),
    10: Quantity(Name("流量", "flow"), 0.1, "L/s"),
    11: Quantity(Name("风量", "air flow"), 0.1, "m³/min"),
    12: Quantity(Name("风速", "wind speed"), 1, "m/s"),
}


def component_name(number: int) -> str:
    """A component type in Chinese, for guards; its number where the standard has none."""
    known = COMPONENT_TYPES.get(number)
    return known.chinese if known else f"部件类型{number}"


def system_name(number: int) -> str:
    """A system type in Chinese, for guards; its number where the standard has none."""
    known = SYSTEM_TYPES.get(number)
    return known.chinese if known else f"系统类型{number}"
