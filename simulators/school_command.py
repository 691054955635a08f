"""`campus-sim school`."""

import argparse
from pathlib import Path

from drivers import DRIVERS
from gateway.errors import SiteFileError
from gateway.site import load_site
from simulators.school import School
from simulators.school_verbs import school_verbs
from simulators.serving import say, scenario_arguments, serve

HELP = "every device and camera of a site file, at the addresses it names"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("site", type=Path, metavar="SITE.toml")
    scenario_arguments(parser)


async def run(options: argparse.Namespace) -> None:
    """Serve until told to end."""
    try:
        site = load_site(options.site, DRIVERS)
        school = School(site)
    except SiteFileError as error:
        raise ValueError(str(error)) from error
    school.on_news = say
    await serve(school, school_verbs(school), lambda: f"{site.site.id}: {', '.join(school.devices)}", options)
