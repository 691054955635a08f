"""Runs a command under what a unit file allows: its system calls, address families, capabilities and limits.

`python -m tests.sandbox RULES COMMAND…`, RULES being JSON as `Rules` has it. What takes mounts or control groups
(ProtectSystem=, DeviceAllow=, MemoryMax=) is not imitated.
"""

import ctypes
import json
import os
import resource
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from errno import EPERM

PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_SET_MDWE = 65

_ALLOW = 0x7FFF0000
_ERRNO_EPERM = 0x00050000 | EPERM
_CMP_EQ = 4


class _Compare(ctypes.Structure):
    """`struct scmp_arg_cmp` (seccomp_rule_add(3))."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


@dataclass(frozen=True)
class Rules:
    """What a unit allows."""

    calls: list[str]
    families: list[str]
    open_files: int


def expand(lines: list[str]) -> list[str]:
    """What `SystemCallFilter=` lines come to: names and @groups, allowed in order and, after a ~, taken away."""
    allowed: set[str] = set()
    for line in lines:
        names: set[str] = set()
        for word in line.removeprefix("~").split():
            names |= _group(word) if word.startswith("@") else {word}
        allowed = allowed - names if line.startswith("~") else allowed | names
    return sorted(allowed)


def _group(name: str) -> set[str]:
    """The calls of a group, as systemd knows it."""
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", name], capture_output=True, text=True, check=True
    ).stdout
    words = [line.strip() for line in listed.splitlines()[1:] if line.strip() and "#" not in line]
    return set().union(*(_group(word) if word.startswith("@") else {word} for word in words))


def enter(rules: Rules) -> None:
    """Give up, for this process and all it will start, what the unit does not allow."""
    libc = ctypes.CDLL(None, use_errno=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (rules.open_files, rules.open_files))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.geteuid() == 0:
        for capability in range(64):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs")
    libc.prctl(PR_SET_MDWE, 1, 0, 0, 0)  # kernels before 6.3 don't know it
    _filter_calls(rules)


def _filter_calls(rules: Rules) -> None:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(_ERRNO_EPERM))
    add = library.seccomp_rule_add_array
    for name in rules.calls:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number == -1:  # of another architecture
            continue
        if name == "socket":
            for family in rules.families:
                only = (_Compare * 1)(_Compare(0, _CMP_EQ, getattr(socket, family), 0))
                add(context, _ALLOW, number, 1, only)
        else:
            add(context, _ALLOW, number, 0, None)
    if library.seccomp_load(context) != 0:
        raise OSError("the kernel did not take the filter")


def arguments(rules: Rules, *command: str) -> list[str]:
    """The command line that runs `command` under `rules`."""
    return [sys.executable, "-m", "tests.sandbox", json.dumps(asdict(rules)), *command]


if __name__ == "__main__":
    enter(Rules(**json.loads(sys.argv[1])))
    os.execvp(sys.argv[2], sys.argv[2:])
