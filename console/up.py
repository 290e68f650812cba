"""`tminus up` and `tminus down`."""

from __future__ import annotations

from pathlib import Path

import click

from console.engine import STATE_DIRECTORY


@click.command()
@click.option("--port", default=4200, show_default=True, type=click.IntRange(1, 65535), help="Port of the Prefect UI.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(1.0, 100_000.0),
    help="How many times as fast idle time passes for launches opened here; gates and work keep their natural speed.",
)
@click.option("--sandbox/--no-sandbox", default=True, show_default=True, help="Run the rehearsal world beside it.")
@click.option("--worker/--no-worker", default=True, show_default=True, help="Run a worker for the work pool here.")
def up(port: int, speed: float, *, sandbox: bool, worker: bool) -> None:
    """Start server, UI, worker, deployments and sandbox on this machine; stays until Ctrl-C."""
    from deployments.up import Settings
    from deployments.up import up as start

    settings = Settings(Path(STATE_DIRECTORY), port, speed, sandbox, worker)
    start(settings, lambda line: click.echo(line, err=True))


@click.command()
def down() -> None:
    """Stop what `tminus up` started in this directory."""
    from deployments.up import Settings
    from deployments.up import down as stop

    click.echo("down" if stop(Settings(Path(STATE_DIRECTORY))) else "nothing was up here", err=True)
