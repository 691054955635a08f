"""drivers.modbus.codec: requests that hold what was named, and what the answers mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.codec import (
    MOST_BITS,
    MOST_REGISTERS,
    Block,
    fault_of,
    level_of,
    meaning_of,
    plan,
    value_of,
)
from drivers.modbus.settings import Function, InputKeys
from gateway.model import Level

ACTIVE, NORMAL = Level.ACTIVE, Level.NORMAL

cells = st.lists(
    st.tuples(st.sampled_from(Function), st.integers(0, 65535) | st.integers(0, 300)), max_size=60
)


def point(**keys: object) -> InputKeys:
    return InputKeys.model_validate({"function": "input", "address": 0, **keys})


@given(cells, st.booleans())
def test_every_named_cell_is_read_once(named: list[tuple[Function, int]], bridge: bool) -> None:  # noqa: FBT001
    """Each named cell is in exactly one request."""
    blocks = plan(named, bridge=bridge)

    assert all(sum(cell in block for block in blocks) == 1 for cell in named)


@given(cells, st.booleans())
def test_no_request_is_too_long(named: list[tuple[Function, int]], bridge: bool) -> None:  # noqa: FBT001
    """A request asks for no more than the specification allows, and not beyond the last address."""
    for block in plan(named, bridge=bridge):
        assert 1 <= block.count <= (MOST_BITS if block.function.is_bit else MOST_REGISTERS)
        assert block.address + block.count <= 65536


@given(cells)
def test_without_bridging_no_other_cell_is_read(named: list[tuple[Function, int]]) -> None:
    """A device that minds is asked for what was named and nothing else."""
    asked = {
        (block.function, address)
        for block in plan(named, bridge=False)
        for address in range(block.address, block.address + block.count)
    }

    assert asked == set(named)


@pytest.mark.parametrize(
    ("function", "addresses", "blocks"),
    [
        (Function.DISCRETE, [0, 1, 2, 7], ["discrete 0-7"]),
        (Function.DISCRETE, [0, 65], ["discrete 0-65"]),
        (Function.DISCRETE, [0, 66], ["discrete 0", "discrete 66"]),
        (Function.INPUT, [10, 19], ["input 10-19"]),
        (Function.INPUT, [10, 20], ["input 10", "input 20"]),
        (Function.HOLDING, list(range(126)), ["holding 0-124", "holding 125"]),
        (Function.COIL, list(range(2001)), ["coil 0-1999", "coil 2000"]),
        (Function.HOLDING, [], []),
    ],
)
def test_neighbours_share_a_request(function: Function, addresses: list[int], blocks: list[str]) -> None:
    """Neighbours and small gaps are one request; a large gap or the limit of the specification begins another."""
    assert [str(block) for block in plan((function, address) for address in addresses)] == blocks


@pytest.mark.parametrize(
    ("keys", "register", "value"),
    [
        ({}, 235, 235.0),
        ({"scale": 0.1}, 235, 23.5),
        ({"scale": 0.1}, 3, 0.3),
        ({"scale": 0.1, "signed": True}, 0xFF9C, -10.0),
        ({"scale": 0.1}, 0xFF9C, 6543.6),
        ({"mask": 0x00FF, "high": 5}, 0x1234, 52.0),
    ],
)
def test_values(keys: dict[str, object], register: int, value: float) -> None:
    """A register is masked, signed and scaled as the keys say."""
    assert value_of(point(**keys), register) == value


@pytest.mark.parametrize(
    ("keys", "cell", "level"),
    [
        ({"function": "discrete"}, 1, ACTIVE),
        ({"function": "discrete"}, 0, NORMAL),
        ({"function": "discrete", "contact": "nc"}, 1, NORMAL),
        ({"function": "discrete", "contact": "nc"}, 0, ACTIVE),
        ({"mask": 0x0004}, 0x0004, ACTIVE),
        ({"mask": 0x0004}, 0xFFFB, NORMAL),
        ({"mask": 0x0004, "contact": "nc"}, 0xFFFB, ACTIVE),
        ({"high": 57}, 57, ACTIVE),
        ({"high": 57}, 56, NORMAL),
        ({"low": 5, "signed": True}, 0xFFFF, ACTIVE),
        ({"low": 5}, 6, NORMAL),
        ({"low": 5, "high": 57}, 30, NORMAL),
        ({"low": 5, "high": 57}, 4, ACTIVE),
        ({"high": 57, "scale": 0.1}, 569, NORMAL),
        ({"high": 57, "scale": 0.1}, 570, ACTIVE),
    ],
)
def test_levels(keys: dict[str, object], cell: int, level: Level) -> None:
    """Contacts either way round, bits of a register, and values beyond a threshold."""
    assert level_of(point(**keys), cell, None) is level


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([50, 57, 56, 54, 53, 56, 57], [NORMAL, ACTIVE, ACTIVE, ACTIVE, NORMAL, NORMAL, ACTIVE]),
        ([10, 5, 6, 8, 9, 6, 5], [NORMAL, ACTIVE, ACTIVE, ACTIVE, NORMAL, NORMAL, ACTIVE]),
    ],
)
def test_hysteresis(values: list[int], levels: list[Level]) -> None:
    """An alarm is left only when the value is clear of its threshold by more than the hysteresis."""
    keys = point(high=57, low=5, hysteresis=3)
    before: Level | None = None
    seen = []
    for value in values:
        before = level_of(keys, value, before)
        seen.append(before)

    assert seen == levels


@given(st.lists(st.integers(54, 57), min_size=1, max_size=50))
def test_noise_within_the_hysteresis_changes_nothing(noise: list[int]) -> None:
    """A value that wavers inside the hysteresis after an alarm keeps the alarm."""
    keys = point(high=57, hysteresis=3)
    level = level_of(keys, 57, None)
    for value in noise:
        level = level_of(keys, value, level)

    assert level is ACTIVE


@pytest.mark.parametrize(
    ("function", "code", "cells", "right"),
    [
        (Function.DISCRETE, 2, 8, True),
        (Function.DISCRETE, 2, 16, False),
        (Function.DISCRETE, 1, 8, False),
        (Function.DISCRETE, 0, 0, False),
        (Function.INPUT, 4, 5, True),
        (Function.INPUT, 4, 4, False),
        (Function.INPUT, 3, 5, False),
    ],
)
def test_an_answer_must_fit_its_request(function: Function, code: int, cells: int, *, right: bool) -> None:
    """An answer of another function or length is not taken for the one that was asked for."""
    wrong = fault_of(Block(function=function, address=0, count=5), code, [0] * cells)

    assert (wrong is None) is right


def test_every_exception_has_words() -> None:
    """Each code of the specification, and any other, is said in words."""
    assert all(len(meaning_of(code)) > 10 for code in range(256))
