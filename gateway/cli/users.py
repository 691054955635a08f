"""`users`: the console's accounts."""

import argparse
import getpass
import sys
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gateway.cli.words import say
from gateway.clock import SystemClock, to_ms
from gateway.console.passwords import hash_password
from gateway.driver import DriverSpec
from gateway.errors import ActRefused
from gateway.site import load_site
from gateway.store import Account
from gateway.store.accounts import read_accounts, write_account


class _Refused(Exception):  # noqa: N818 - a person's mistake, said and done with
    """What was asked for can't be done; the message says why."""


def users(arguments: argparse.Namespace, drivers: Mapping[str, DriverSpec]) -> int:
    """0, or 1 with the reason on stderr. Works beside a running daemon, which follows within seconds."""
    path = load_site(arguments.site, drivers).site.state_dir / "journal.db"
    try:
        _ACTIONS[arguments.action](path, arguments)
    except (_Refused, ActRefused) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _list(path: Path, _arguments: argparse.Namespace) -> None:
    accounts = read_accounts(path)
    if not accounts:
        sys.stdout.write(say("user-none") + "\n")
    for account in accounts:
        mark = say("user-disabled-mark") if account.disabled else ""
        sys.stdout.write(f"{account.name}\t{account.display}\t{account.role}\t{mark}\n")


def _add(path: Path, arguments: argparse.Namespace) -> None:
    name = arguments.name
    if any(account.name == name for account in read_accounts(path)):
        raise _Refused(say("user-exists", name=name))
    digest = hash_password(_password(arguments))
    _write(path, Account(name=name, display=arguments.display or name, hash=digest, role=arguments.role))
    sys.stdout.write(say("user-added", name=name) + "\n")


def _disable(path: Path, arguments: argparse.Namespace) -> None:
    _write(path, replace(_find(path, arguments.name), disabled=True))
    sys.stdout.write(say("user-disabled", name=arguments.name) + "\n")


def _passwd(path: Path, arguments: argparse.Namespace) -> None:
    account = _find(path, arguments.name)
    _write(path, replace(account, hash=hash_password(_password(arguments)), disabled=False))
    sys.stdout.write(say("user-changed", name=arguments.name) + "\n")


_ACTIONS = {"list": _list, "add": _add, "disable": _disable, "passwd": _passwd}


def _find(path: Path, name: str) -> Account:
    for account in read_accounts(path):
        if account.name == name:
            return account
    raise _Refused(say("user-unknown", name=name))


def _write(path: Path, account: Account) -> None:
    write_account(path, account, to_ms(SystemClock().now()))


def _password(arguments: argparse.Namespace) -> str:
    """From a file or from the terminal; never from the command line, where other users could see it."""
    if arguments.password_file is not None:
        return _read(arguments.password_file)
    secret = _ask(say("password"))
    if _ask(say("password-again")) != secret:
        raise _Refused(say("password-differs"))
    return secret


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise _Refused(say("password-unreadable", path=path, why=error.strerror)) from error
    except UnicodeDecodeError as error:
        raise _Refused(say("password-unreadable", path=path, why="UTF-8?")) from error


def _ask(prompt: str) -> str:
    """Only where it is not shown: without a terminal getpass would warn and echo."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except (EOFError, getpass.GetPassWarning) as error:
            raise _Refused(say("password-none")) from error
