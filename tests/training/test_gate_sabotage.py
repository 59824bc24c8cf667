"""Challengers spoilt in one way each, on a small world, are refused by the right test.

(`python -m benchmarks gate` has all twelve, on a larger world.)
"""

from __future__ import annotations

import pytest

from benchmarks.watch import sabotage
from benchmarks.watch.sabotage import SABOTAGED, Bench, bench_of
from benchmarks.watch.world import MONTH, START, build
from models.registry import Registry
from training.gate import put_to_the_gate

CHEAP = ("inverted", "uncalibrated", "constant", "shuffled", "wrong_features", "truncated", "slice_broken")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A champion of five months, and an honest challenger of six."""
    home = tmp_path_factory.mktemp("sabotage")
    world = build(6, 120, seed=5)
    return bench_of(world, Registry(home / "mlruns", home), START + 5 * MONTH, START + 6 * MONTH)


@pytest.mark.parametrize("name", CHEAP)
def test_a_spoilt_one_is_refused_for_the_right_reason(name: str, bench: Bench) -> None:
    spoil = getattr(sabotage, name)
    verdict = put_to_the_gate(bench.registry, spoil(bench), bench.asked).verdict
    assert {one.name for one in verdict.tests if not one.passed} & SABOTAGED[spoil]
    champion = bench.registry.champion(verdict.conversion)
    assert champion is not None and champion.version == "1"
