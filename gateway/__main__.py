"""The command line `campus-gateway`, and the only importer of the registry of drivers."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from drivers import DRIVERS
from gateway import __version__
from gateway.cli import bench, check, demo, fsck, probe, run, users
from gateway.driver import DriverSpec
from gateway.errors import SiteFileError

Command = Callable[[argparse.Namespace, Mapping[str, DriverSpec]], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. An unusable site file is said in words, with 2."""
    parsed = _parser().parse_args(arguments)
    command: Command = parsed.command
    try:
        return command(parsed, DRIVERS)
    except SiteFileError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="campus-gateway", description="校园安全网关 · safety gateway for a school"
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = _add(commands, "run", run.run, "the daemon")
    command.add_argument("site", type=Path, metavar="SITE.toml")
    command.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    command.add_argument("--trace", type=Path, metavar="FILE", help="write where each event is on its way")

    command = _add(
        commands, "demo", demo.demo, "a whole simulated school, its gateway and its county; no other set-up"
    )
    demo.add_arguments(command)

    command = _add(commands, "check", check.check, "is the site file right; reads that file alone")
    command.add_argument("site", type=Path, metavar="SITE.toml")
    command.add_argument("--json", action="store_true", help="for machines")

    command = _add(commands, "probe", probe.probe, "talk to each device once: is it there, what does it say")
    command.add_argument("site", type=Path, metavar="SITE.toml")
    command.add_argument("device", nargs="?", metavar="DEVICE", help="this device or bus only")
    command.add_argument("--json", action="store_true", help="for machines")

    command = _add(commands, "fsck", fsck.fsck, "verify the numbered invariants on a site's store and files")
    command.add_argument("site", type=Path, metavar="SITE.toml")
    command.add_argument("--repair", action="store_true", help="mend what can be mended without guessing")
    command.add_argument(
        "--evidence", action="store_true", help="read all evidence and compare it with its manifests"
    )
    command.add_argument("--json", action="store_true", help="for machines")

    command = _add(commands, "users", users.users, "console accounts")
    command.add_argument("site", type=Path, metavar="SITE.toml")
    actions = command.add_subparsers(required=True, dest="action", metavar="ACTION")
    actions.add_parser("list", help="all accounts")
    for action, text in (("add", "a new account"), ("passwd", "a new password, and not disabled any more")):
        one = actions.add_parser(action, help=text)
        one.add_argument("name")
        one.add_argument(
            "--password-file", type=Path, help="read the password there instead of asking for it"
        )
        if action == "add":
            one.add_argument("--display", default="", help="the name as colleagues read it")
            one.add_argument("--role", default="guard", choices=("guard", "technician", "admin"))
    actions.add_parser("disable", help="may not sign in any more").add_argument("name")

    command = _add(commands, "bench", bench.bench, "one benchmark of the gateway on this machine")
    bench.add_arguments(command)
    return parser


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, command: Command, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
