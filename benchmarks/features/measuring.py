"""How the benchmarks measure: ways side by side in one run, so that a load on the machine falls on all of them."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

Way = Callable[[], object]


def size(default: int) -> int:
    """How many events to measure with: `python -m benchmarks NAME --events N`, or MQM_BENCH_EVENTS."""
    return int(os.environ.get("MQM_BENCH_EVENTS", default))


def seconds(way: Way) -> float:
    """How long one call takes; what it returns is let go after the clock is read."""
    gc.collect()
    begin = time.perf_counter()
    result = way()
    taken = time.perf_counter() - begin
    del result
    return taken


def interleaved(ways: Mapping[str, Way], rounds: int) -> dict[str, list[float]]:
    """(rounds,) seconds of each way; every round calls each once, one after the other."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(seconds(way))
    return times


def ratio(times: Sequence[float], base: Sequence[float]) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(one / other for one, other in zip(times, base, strict=True))


def micros(way: Way, calls: int = 300) -> float:
    """The median duration of a call, in microseconds."""
    way()
    taken = []
    for _ in range(calls):
        begin = time.perf_counter()
        way()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken) * 1e6


def peak_mib() -> int:
    """The most memory that this process has had, in MiB, since it began or its mark was cleared."""
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def machine(*packages: str) -> str:
    """A line for the head of a table: what it was measured on."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, {versions}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns that line up: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    form = "  ".join(f"{{:{'>' if i else '<'}{width}}}" for i, width in enumerate(widths))
    return "\n".join(form.format(*row) for row in (head, *rows))
