"""What all commands share: the clock, the project, progress on a terminal, results as text or JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engagement.times import from_datetime, parse_time

if TYPE_CHECKING:
    from engagement.settings import Settings

Progress = Callable[[str, float], None]

#: Lines of progress come at most this often (seconds).
_QUIET_SECONDS = 2.0


def now() -> int:
    """The time, in microseconds UTC: one of the two places that ask for it."""
    return from_datetime(datetime.now(UTC))


def home() -> Path:
    """The project's folder: MQM_HOME, or here."""
    return Path(os.environ.get("MQM_HOME") or ".")


def store() -> Path:
    """The folder of the trained models: MQM_STORE within the home, `mlruns` by default."""
    return home() / (os.environ.get("MQM_STORE") or "mlruns")


def writable_store() -> Path:
    """The folder of the trained models, made if need be: better refused before a training than after it.

    Raises:
        BadInput: it cannot be made or written to.
    """
    from engagement.errors import BadInput

    folder = store()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise BadInput(
            "models cannot be stored there", str(folder), "Set MQM_STORE (or MQM_HOME) to a folder of yours."
        )
    return folder


def settings(log: str) -> Settings:
    """The settings that go with a log: the `mqm.toml` in or beside it, else the one of the home."""
    from engagement.log import settings_folders
    from engagement.settings import read_settings

    return read_settings([*settings_folders(log), home()], os.environ)


def time_argument(text: str) -> int:
    """An argument that is a time; bad usage when it isn't."""
    from engagement.errors import BadInput

    try:
        return parse_time(text)
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    help_text: str,
    example: str,
    **more: Any,
) -> argparse.ArgumentParser:
    """Adds a command with its help and an example."""
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help_text,
        description=help_text[0].upper() + help_text[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **more,
    )
    made.set_defaults(run=run)
    return made


def log_option(made: argparse.ArgumentParser) -> None:
    """Adds `--log`."""
    made.add_argument(
        "--log", required=True, metavar="LOG", help="a log's folder, sqlite:///path.db or postgresql://…"
    )


def json_option(made: argparse.ArgumentParser) -> None:
    """Adds `--json`."""
    made.add_argument("--json", action="store_true", help="print one JSON document and nothing else")


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """An argument type: a whole number within bounds."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return number

    return parse


def print_json(body: Any) -> None:
    """One JSON document on standard output; NaN and Infinity, which JSON lacks, become null."""
    print(json.dumps(finite(body), ensure_ascii=False, indent=1, allow_nan=False))


def finite(body: Any) -> Any:
    """The document with null for each number that JSON cannot say."""
    if isinstance(body, float):
        return body if body == body and abs(body) != float("inf") else None
    if isinstance(body, dict):
        return {str(key): finite(value) for key, value in body.items()}
    return [finite(value) for value in body] if isinstance(body, list | tuple) else body


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A plain table: columns as wide as their widest cell, numbers to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [
            cell.rjust(width) if cell[:1].isdigit() or cell[:1] in "–+-" else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ]
        print("  ".join(cells).rstrip())


@contextmanager
def progress(title: str, lines: bool = False) -> Iterator[Progress]:
    """Shows progress on standard error: a bar on a terminal; elsewhere nothing, or a line now and then.

    Without a terminal a script reads standard error, and a named error is one line there, so silence is the rule.
    """
    if not sys.stderr.isatty():
        yield _plain(title) if lines else lambda text, share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.fields[title]}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0, title=title)
        yield lambda text, share: bar.update(task, description=text, completed=share)


def _plain(title: str) -> Progress:
    last = [0.0]

    def tell(text: str, share: float) -> None:
        moment = time.monotonic()
        if moment - last[0] >= _QUIET_SECONDS:
            last[0] = moment
            print(f"{title}: {share:4.0%} {text}", file=sys.stderr, flush=True)

    return tell
