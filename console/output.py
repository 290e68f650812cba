"""What commands print: one JSON document for programs, tables for a terminal, plain columns for everything else."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import click
from pydantic import BaseModel, JsonValue

Command = TypeVar("Command", bound=Callable[..., object])


def json_option(command: Command) -> Command:
    """Adds `--json`: the command then prints exactly one JSON document on standard output."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")(command)


def print_json(document: BaseModel | JsonValue) -> None:
    """One document, indented, in UTF-8 whatever the terminal's locale."""
    content = document.model_dump(mode="json") if isinstance(document, BaseModel) else document
    sys.stdout.buffer.write(json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")
    sys.stdout.flush()


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """A table on a terminal; elsewhere columns padded with blanks and never cut, for grep and diff."""
    lines = [[str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _rich_table(headings, lines, title)
        return
    if title:
        click.echo(title)
    widths = [max(len(line[at]) for line in [list(headings), *lines]) for at in range(len(headings))]
    for line in [list(headings), *lines]:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _rich_table(headings: Sequence[str], lines: Sequence[Sequence[str]], title: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for line in lines:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in line))
    Console().print(table)


_STYLES = {
    "GO": "green",
    "ready": "green",
    "missing": "red",
    "unfit": "red",
    "refused": "red",
    "silent": "yellow",
    "pass": "green",
    "passed": "green",
    "running": "cyan",
    "open": "yellow",
    "HOLD": "yellow",
    "waived": "yellow",
    "NO-GO": "red",
    "fail": "red",
    "failed": "red",
    "firing": "red",
}
