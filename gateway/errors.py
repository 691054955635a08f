"""The errors of the house: each type says what to do about it, each message says it in words."""


def first_cause(error: BaseException) -> BaseException:
    """What went wrong: a task group tells only how many of its tasks failed."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class GatewayError(Exception):
    """Root of every error that this project raises on purpose."""


class SiteFileError(GatewayError):
    """The site file can't be used: refuse it, show every problem, change nothing.

    `problems` are whole lines "table.key: what is wrong; what would be right", one each.
    """

    def __init__(self, path: str, problems: list[str]) -> None:
        self.path = path
        self.problems = problems
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))


class DeviceUnavailable(GatewayError):  # noqa: N818 - the design's word
    """The whole connection is gone (power, cable, network): retry soon, with back-off."""


class DeviceRefused(GatewayError):  # noqa: N818 - the design's word
    """The device answers and says no (password, identity, protocol): retry slowly and tell a person."""


class JournalUnwritable(GatewayError):  # noqa: N818 - the design's word
    """The journal's disk does not take writes: go on in memory mode and try the disk again."""


class ActRefused(GatewayError):  # noqa: N818 - the design's word
    """A person's or the county's act is not allowed in this state: nothing changed, tell them why.

    `code` names the reason for those who say it in another language (the console's catalogue).
    """

    def __init__(self, message: str, *, code: str = "refused") -> None:
        self.code = code
        super().__init__(message)


class NotFound(GatewayError):  # noqa: N818 - the design's word
    """The named alarm, device, camera or account does not exist: nothing changed, tell them so."""
