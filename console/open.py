"""`tminus open PLAN`: opens a launch on the Prefect server and prints its id."""

from __future__ import annotations

import asyncio

import click

from console.engine import use_engine
from console.files import read_plan, read_text
from console.output import json_option, print_json
from launch.instants import parse_instant
from launch.release_file import load_release


@click.command("open")
@click.argument("plan")
@click.option("--t0", required=True, help="When the product goes live, with zone: 2026-12-07T07:00Z.")
@click.option("--release", "release_path", required=True, metavar="FILE", help="YAML: version, commit, services.")
@click.option("--env", "environment", default="sandbox", show_default=True, help="Environment of the plan.")
@click.option("--by", "person", default="release-captain", show_default=True, metavar="PERSON", help="Who opens it.")
@json_option
def open_command(plan: str, t0: str, release_path: str, environment: str, person: str, *, as_json: bool) -> None:
    """Open a launch of PLAN and schedule its phases. Nothing is opened unless all of it is valid."""
    loaded = read_plan(plan)
    moment = parse_instant(t0)
    release = load_release(read_text(release_path), loaded.plan, release_path)
    use_engine()
    from flows.open_launch import Opening, open_and_schedule

    opening = Opening(loaded, plan, release, moment, environment, person)
    launch = asyncio.run(open_and_schedule(opening))
    if as_json:
        print_json({"launch": launch, "t0": moment.isoformat(), "environment": environment})
    else:
        click.echo(launch)
