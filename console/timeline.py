"""`tminus timeline PLAN --t0 T`."""

from __future__ import annotations

import click

from console.files import read_plan
from console.output import json_option, print_json, print_table
from launch.instants import parse_instant
from launch.moments import format_duration, format_offset
from launch.timeline import Moment
from launch.timeline import timeline as timeline_of


@click.command()
@click.argument("plan")
@click.option("--t0", required=True, help="When the product goes live, with zone: 2026-12-07T07:00Z.")
@click.option("--phase", help="Only the moments of this phase of the runbook.")
@json_option
def timeline(plan: str, t0: str, phase: str | None, *, as_json: bool) -> None:
    """Show every moment of PLAN in absolute time, with durations, slack and the critical path."""
    moment = parse_instant(t0)
    loaded = read_plan(plan)
    if phase is not None and phase not in {one.id for one in loaded.plan.phases}:
        known = ", ".join(one.id for one in loaded.plan.phases)
        raise click.UsageError(f"the plan has no phase {phase!r}; it has {known}")
    result = timeline_of(loaded.plan, moment)
    shown = [one for one in result.moments if phase is None or one.phase == phase]
    if as_json:
        print_json(result.model_copy(update={"moments": tuple(shown)}))
        return
    print_table(("Offset", result.timezone, "Takes", "Slack", "", "Kind", "Id", "What"), [_row(one) for one in shown])
    click.echo(f"\nCritical path: {' → '.join(result.critical_path) or 'none, no action or gate comes before T0'}")
    for remark in result.remarks:
        click.echo(f"Note: {remark}")


def _row(moment: Moment) -> tuple[str, ...]:
    return (
        format_offset(moment.offset),
        moment.local,
        format_duration(moment.duration) if moment.duration is not None else "",
        format_duration(moment.slack) if moment.slack is not None else "",
        "critical" if moment.critical else "",
        moment.kind,
        moment.id,
        moment.what,
    )
