"""`tminus report LAUNCH`."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import click

from console.ledgers import existing_ledger, ledger_option, meant
from launch.acts import plan_of
from launch.course import course_of
from launch.errors import PlanError
from launch.report import markdown

_REPORT, _PICTURE = "report.md", "course.svg"


@click.command()
@click.argument("launch", required=False)
@ledger_option
@click.option("--format", "form", type=click.Choice(["md"]), default="md", show_default=True)
@click.option("--directory", type=click.Path(path_type=Path), help="Write the report and its plot here.")
def report(launch: str | None, url: str | None, form: str, directory: Path | None) -> None:  # noqa: ARG001  one format
    """Print the report of LAUNCH (default: the open launch), built from the ledger alone.

    With --directory the report and a plot of exposure and guards over time are written there instead.
    """
    with existing_ledger(url) as ledger:
        records = ledger.records(meant(ledger, launch))
    text = markdown(records)
    if directory is None:
        click.echo(text, nl=False)
        return
    course = course_of(records)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if course.drawn:
            from flows.plots import plot

            picture = plot(course, ZoneInfo(plan_of(records).launch_time.timezone))
            (directory / _PICTURE).write_bytes(picture)
            text += f"\n## Exposure and guards\n\n![Exposure and guards over time]({_PICTURE})\n"
        (directory / _REPORT).write_text(text, encoding="utf-8")
    except OSError as error:
        problem = f"the report cannot be written there: {error.strerror}"
        raise PlanError(problem, where=str(directory)) from error
    click.echo(str(directory / _REPORT))
