"""The `tminus` command: a table of commands, imported when they are called; and where errors become sentences.

`lint` and `timeline` answer in half a second, so nothing here imports Prefect, a block, or a command that is not run.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Sequence

import click

from launch.errors import LaunchError, PlanError

COMMANDS: dict[str, tuple[str, str]] = {
    "lint": ("console.lint:lint", "Validate and review a plan."),
    "timeline": ("console.timeline:timeline", "Show every moment of a plan in absolute time."),
    "doctor": ("console.doctor:doctor", "Check every system that a plan needs, before a launch."),
    "rehearse": ("console.rehearse:rehearse", "Run the whole launch in the sandbox, on a virtual clock."),
    "plans": ("console.plans:plans", "Look into plans."),
    "up": ("console.up:up", "Start server, UI, worker, deployments and sandbox here."),
    "down": ("console.up:down", "Stop what `up` started here."),
    "open": ("console.open:open_command", "Open a launch and schedule its phases."),
    "status": ("console.status:status", "Show where a launch stands."),
    "attest": ("console.acts:attest", "Vouch for a check, or against it."),
    "waive": ("console.acts:waive", "Cover a check that did not pass, for a time."),
    "hold": ("console.acts:hold", "Hold a launch or its exposure, or lift the hold."),
    "slip": ("console.acts:slip", "Move T0."),
    "rollback": ("console.rollback:rollback", "Take a launch back."),
    "drill": ("console.drill:drill", "Deploy and roll back where no user is, and time both."),
    "report": ("console.report:report", "Print the launch report."),
    "audit": ("console.audit:audit", "Verify what is recorded."),
}
"""Name to (module:attribute, one line of help). A command's module is imported when the command runs."""

REFUSED, WRONG, INTERRUPTED = 1, 2, 130


class CommandTable(click.Group):
    """A group whose commands are named in a table and imported one at a time; its help imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """The names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        # Importing makes a hundred thousand objects that all stay: collecting among them costs a tenth of `lint`.
        gc.disable()
        command = getattr(importlib.import_module(module), attribute)
        gc.freeze()
        gc.enable()
        if not isinstance(command, click.Command):
            message = f"{COMMANDS[cmd_name][0]} is not a command"
            raise TypeError(message)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's
        """The table itself."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.command(cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tminus")
def tminus() -> None:
    """Run a production launch from a plan: checks, gates, rollout, guards, rollback and checkpoints."""


def run(arguments: Sequence[str]) -> int:
    """Runs one command; its exit code. Whatever a person did wrong becomes one sentence on standard error."""
    try:
        code = tminus.main(list(arguments), prog_name="tminus", standalone_mode=False)
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "tminus"
        return _complain(f"{error.format_message().rstrip('.')}; see {command} --help", WRONG)
    except click.ClickException as error:
        return _complain(error.format_message(), WRONG)
    except LaunchError as error:
        return _complain(str(error), WRONG if isinstance(error, PlanError) else REFUSED)
    except BrokenPipeError:
        # The reader (`| head`) has gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0


def main() -> None:
    """The installed command."""
    sys.exit(run(sys.argv[1:]))


def _complain(sentence: str, code: int) -> int:
    click.echo(f"tminus: {sentence}", err=True)
    return code


if __name__ == "__main__":
    main()
