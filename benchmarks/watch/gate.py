"""The gate's outcomes: twelve sabotaged challengers, each refused for the right reason, beside an honest one.

(The twenty honest retrains are those of `chain`.)
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.watch.sabotage import SABOTAGED, bench_of
from benchmarks.watch.world import MONTH, SEED, START, build
from models.registry import Registry
from training.gate import put_to_the_gate


def run() -> None:
    """Prints a line for each."""
    with tempfile.TemporaryDirectory() as name:
        registry = Registry(Path(name) / "mlruns", Path(name))
        world = build(9, 200, seed=5 + SEED)
        bench = bench_of(world, registry, START + 8 * MONTH, START + 9 * MONTH)
        honest = put_to_the_gate(registry, bench.register(bench.honest), bench.asked).verdict
        print(f"  {'honest':14} {'passes' if not honest.refused else 'REFUSED'}  {' '.join(honest.refused)}")
        right = 0
        for spoil, reasons in SABOTAGED.items():
            verdict = put_to_the_gate(registry, spoil(bench), bench.asked).verdict
            named = {one.name for one in verdict.tests if not one.passed}
            right += bool(named & reasons)
            first = next((text for text in verdict.refused if text.split(":")[0] in reasons), "passes")
            told = "refused" if named & reasons else "WRONG"
            print(
                f"  {spoil.__name__:14} {told}  {first}  (also: {', '.join(sorted(named - reasons)) or '–'})",
                flush=True,
            )
        print(f"  {right} of {len(SABOTAGED)} refused for the right reason")
