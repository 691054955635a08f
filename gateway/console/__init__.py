"""The guards' screen and its HTTP interface."""

from gateway.console.passwords import PASSWORD_MAX, PASSWORD_MIN, hash_password
from gateway.console.server import Console, build_app
from gateway.console.views import (
    ConsoleDeps,
    CoverageView,
    HealthProblem,
    HealthView,
    Limits,
    LinkState,
    UplinkView,
)

__all__ = [
    "PASSWORD_MAX",
    "PASSWORD_MIN",
    "Console",
    "ConsoleDeps",
    "CoverageView",
    "HealthProblem",
    "HealthView",
    "Limits",
    "LinkState",
    "UplinkView",
    "build_app",
    "hash_password",
]
