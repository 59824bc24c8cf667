"""Where a command's log is computed: in memory when it fits, else streamed through files; or by Spark."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mqm import console

if TYPE_CHECKING:
    from engagement.log import Log
    from features.engine import Engine

#: What a row of the log takes in memory while it is loaded, about, in bytes; and the share of the free memory used.
_EVENT_BYTES, _ATTRIBUTE_BYTES, _SHARE = 300, 150, 0.5
#: What a part that is worked on takes, about, in bytes.
_PART_BYTES = 512 << 20


def add_options(made: argparse.ArgumentParser) -> None:
    """Adds `--engine` and `--master`."""
    made.add_argument(
        "--engine",
        choices=["local", "streamed", "spark"],
        default="local",
        help="where it runs: in memory if the log fits, else streamed (the default); streamed; or on Spark",
    )
    made.add_argument("--master", metavar="URL", help="a Spark master; default: local[2]")


@contextmanager
def open_engine(options: argparse.Namespace, tell: console.Progress, portion: int | None = None) -> Iterator[Engine]:
    """The engine that the options name, over their log; what it put on disk goes when it is left.

    Raises:
        BadInput: no such log, a master without Spark, or no Spark here.
    """
    from engagement.errors import BadInput
    from engagement.log import open_log
    from features.engine import PORTION, InMemory

    portion = portion or PORTION
    if options.master and options.engine != "spark":
        raise BadInput("a Spark master without Spark", options.master, "Add --engine spark.")
    log = open_log(options.log)
    tell("reading the log", 0.05)
    if options.engine == "spark":
        from features.spark import spark_log

        with spark_log(log, options.master or "local[2]") as engine:
            yield engine
    elif options.engine == "local" and _fits(log):
        from engagement.folder import event_columns
        from features.arrays import EVENT_COLUMNS, LogArrays

        arrays = LogArrays.from_tables(event_columns(log, EVENT_COLUMNS), log.attributes())
        yield InMemory(arrays, _threads(), portion)
    else:
        with _streamed(log, tell, portion) as engine:
            yield engine


@contextmanager
def _streamed(log: Log, tell: console.Progress, portion: int) -> Iterator[Engine]:
    from tempfile import TemporaryDirectory

    from features.dealt import DealtLog
    from features.gathered import IN_MEMORY
    from features.streamed import StreamedLog

    threads = max(1, min(_threads(), _free_memory() // _PART_BYTES))
    with TemporaryDirectory(prefix="mqm-") as name:
        dealt = DealtLog(log, Path(name), threads)
        tell(f"streaming through {name}" + (f" ({dealt.why})" if dealt.why else ""), 0.05)
        in_memory = min(IN_MEMORY, _free_memory() // 8)
        yield StreamedLog(dealt, threads, in_memory, portion, tell)


def _fits(log: Log) -> bool:
    from engagement.pieces import about_rows

    events, attributes = about_rows(log, "events"), about_rows(log, "attributes")
    return events * _EVENT_BYTES + attributes * _ATTRIBUTE_BYTES <= _SHARE * _free_memory()


def _free_memory() -> int:
    """Bytes that may still be used: the machine's, or what is left to this container."""
    import psutil

    free: int = psutil.virtual_memory().available
    limit, used = (_number(Path("/sys/fs/cgroup") / name) for name in ("memory.max", "memory.current"))
    return free if limit is None or used is None else min(free, max(limit - used, 0))


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _threads() -> int:
    return os.cpu_count() or 2


def default_as_of(location: str, last_occurred: int) -> int:
    """Now for a database, which goes on; for a log in files just after its last event, and never after now.

    Later, its silence would be taken for an answer.
    """
    return console.now() if "://" in location else min(last_occurred + 1, console.now())
