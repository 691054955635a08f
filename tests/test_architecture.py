"""The layers of gateway/README.md, held: who may import whom."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: The rank of each part of the gateway. A part imports lower ranks only; parts of one rank are strangers.
#: The first digit is the layer's number; the second orders the few parts of a layer that build on each other.
RANKS = {
    "gateway.model": 0,
    "gateway.errors": 0,
    "gateway.clock": 0,
    "gateway.accepting": 0,
    "gateway.policy": 10,
    "gateway.driver": 20,
    "gateway.footage": 20,
    "gateway.wire": 20,
    "gateway.trace": 20,
    "gateway.site": 21,
    "gateway.tracefile": 21,
    "gateway.store": 30,
    "gateway.media": 30,
    "gateway.supervisor": 40,
    "gateway.uplink": 40,
    "gateway.recording": 40,
    "gateway.evidence": 40,
    "gateway.picturewatch": 40,
    "gateway.console": 40,
    "gateway.health": 40,
    "gateway.escalation": 40,
    "gateway.arming": 40,
    "gateway.commanding": 40,
    "gateway.outputs": 40,
    "gateway.devices": 41,
    "gateway.keep": 41,
    "gateway.cameras": 42,
    "gateway.interpreter": 41,
    "gateway.services": 50,
    "gateway.app": 51,
    "gateway.demo": 52,
    "gateway.bench": 52,
    "gateway.cli": 53,
    "gateway.__main__": 54,
}

#: What drivers and simulators may use of the gateway.
LOWEST = {part for part, rank in RANKS.items() if rank < 30}

#: Modules beside the drivers' folders that several of them use: a listener, a serial line, a table of codes.
SHARED = tuple(f"drivers.{file.stem}." for file in (ROOT / "drivers").glob("[!_]*.py"))

#: The only parts that know the registry of drivers, or the simulators: where everything is put together.
COMPOSING = {part for part, rank in RANKS.items() if rank >= 50}


def modules(package: str) -> Iterator[tuple[str, Path]]:
    for file in sorted((ROOT / package).rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


def imports(module: str, file: Path) -> set[str]:
    """Everything that a module imports of ours, wherever in it, relative names made whole."""
    found: set[str] = set()
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            found.update(f"{base}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] in {"gateway", "drivers", "simulators", "tests"}}


def part_of(name: str) -> str:
    """The part of the gateway that a module belongs to; the module's own name if it is of none."""
    candidates = [part for part in RANKS if name == part or name.startswith(f"{part}.")]
    return max(candidates, key=len) if candidates else name


ALL = [*modules("gateway"), *modules("drivers"), *modules("simulators")]
IMPORTS = [(module, imported) for module, file in ALL for imported in sorted(imports(module, file))]


def between(importer: str, imported: str) -> list[tuple[str, str]]:
    return [
        (a, b)
        for a, b in IMPORTS
        if f"{a}.".startswith(f"{importer}.") and f"{b}.".startswith(f"{imported}.")
    ]


def test_every_part_has_its_rank() -> None:
    """A new part of the gateway is given a rank here before it is used."""
    assert not [name for name, _ in modules("gateway") if name != "gateway" and part_of(name) not in RANKS]


def test_the_gateway_imports_downwards_only() -> None:
    """A part imports only from lower ranks; services (40) meet in the store and never know each other."""
    wrong = [
        f"{module} ({RANKS[part_of(module)]}) imports {imported} ({RANKS[part_of(imported)]})"
        for module, imported in between("gateway", "gateway")
        if {part_of(module), part_of(imported)} <= RANKS.keys()
        and part_of(imported) != part_of(module)
        and RANKS[part_of(imported)] >= RANKS[part_of(module)]
    ]

    assert not wrong


def test_drivers_know_the_contract_and_nothing_above() -> None:
    """A driver uses layers 0 to 2 and what drivers share, never the store or a service, and no other driver."""
    wrong = [
        f"{module} imports {imported}"
        for module, imported in IMPORTS
        if module.startswith("drivers.")
        and not (
            part_of(imported) in LOWEST
            or imported.split(".")[:2] == module.split(".")[:2]
            or f"{imported}.".startswith(SHARED)
        )
    ]

    assert not wrong


def test_only_the_composition_knows_the_drivers() -> None:
    """Services are handed their drivers; only the parts that put everything together import the registry."""
    wrong = [
        f"{module} imports {imported}"
        for module, imported in between("gateway", "drivers")
        if part_of(module) not in COMPOSING
    ]

    assert not wrong


def test_simulators_speak_for_themselves() -> None:
    """A simulator uses layers 0 to 2 and a driver's keys at most, never its codec: a mistake is not made twice."""
    wrong = [
        f"{module} imports {imported}"
        for module, imported in IMPORTS
        if module.startswith("simulators.")
        and not (
            part_of(imported) in LOWEST
            or imported.startswith("simulators.")
            or imported == "drivers.DRIVERS"
            or imported.split(".")[2:3] == ["settings"]
        )
    ]

    assert not wrong


def test_the_daemon_knows_no_simulator_and_nothing_knows_the_tests() -> None:
    """Simulators are for tests, the demo and benchmarks; tests are for nobody."""
    wrong = [
        f"{module} imports {imported}"
        for module, imported in IMPORTS
        if imported.startswith("tests.")
        or (
            imported.startswith("simulators.")
            and not module.startswith("simulators")
            and part_of(module) not in {"gateway.demo", "gateway.bench"}
        )
    ]

    assert not wrong


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        (
            "gateway.a.b",
            "from ..store import x\ndef f():\n    import drivers.modbus\n",
            ["drivers.modbus", "gateway.store.x"],
        ),
        ("gateway.a.b", "from . import c\nfrom .d import e\nimport json\n", ["gateway.a.c", "gateway.a.d.e"]),
        ("gateway.a", "if TYPE_CHECKING:\n    from gateway import store\n", ["gateway.store"]),
    ],
)
def test_imports_are_found_wherever_they_hide(
    tmp_path: Path, module: str, source: str, found: list[str]
) -> None:
    """In functions, behind conditions, relative or not: none escapes this file."""
    file = tmp_path / "module.py"
    file.write_text(source, encoding="utf-8")

    assert sorted(imports(module, file)) == found
