"""Spark gives, to the last bit, what memory gives; and says by name what it cannot do. One session for all."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from histories import CONTACTS, CUTOFF, an_attribute, an_event, same_bits, tables
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_streamed import HALVES, in_memory, whole, write

from engagement.errors import BadInput
from engagement.events import Attribute, Event
from engagement.times import DAY
from features.declare import Sum
from features.feature_set import FeatureSet
from features.levels import Computed, accounts_of
from features.spark import spark_log
from features.stage import has_facts
from features.vocabulary import Vocabulary

pytest.importorskip("pyspark", reason="Spark is an extra: make extras")


@contextmanager
def both_outputs(path: Path) -> Iterator[None]:
    """What this process and its children print goes to a file."""
    kept = [(number, os.dup(number)) for number in (1, 2)]
    with path.open("wb") as file:
        for number, _ in kept:
            os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A session that every `spark_log` within uses, and the file of what was printed while it started."""
    folder = tmp_path_factory.mktemp("spark")
    log = write(folder, *tables([Event("e", "c", None, "mql", 0, 0)], []), "grouped")
    running = spark_log(log, "local[2]")
    with both_outputs(folder / "printed"):
        running.__enter__()
    yield folder / "printed"
    running.__exit__(None, None, None)


def test_spark_starts_in_silence(printed: Path) -> None:
    assert printed.read_text() == ""


@settings(
    max_examples=2, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
@given(
    st.lists(an_event, min_size=60, max_size=100),
    st.lists(an_attribute, min_size=20, max_size=30),
    st.sampled_from(["as they came", "parts"]),
)
@pytest.mark.usefixtures("printed")
def test_spark_is_in_memory(events: list[Event], attributes: list[Attribute], way: str) -> None:
    """Late events, ties, contacts that change accounts, contacts with attributes only, unknown ones."""
    ids = [*CONTACTS, "only-facts", "nobody"] * 3
    cutoffs = np.repeat([CUTOFF, CUTOFF + 1, CUTOFF - DAY], 5)
    with tempfile.TemporaryDirectory() as name:
        log = write(Path(name), *tables(events, attributes), way)
        arrays = in_memory(log)
        expected = np.hstack([one.compute(arrays, ids, cutoffs) for one in HALVES])
        with spark_log(log) as engine:
            found_ids, moments, matrix, facts = whole(engine.computed(HALVES, pa.array(ids), cutoffs))
            assert (found_ids, moments) == (ids, cutoffs.tolist())
            assert same_bits(matrix, expected)
            assert facts == has_facts(arrays, arrays.contact_codes(ids), cutoffs).tolist()
            assert engine.vocabulary(CUTOFF) == Vocabulary.of(arrays, CUTOFF)
            assert engine.contacts().to_pylist() == arrays.contacts.to_pylist()
            assert engine.last_occurred == arrays.events.occurred.max()
            reduced = engine.label_arrays({"purchase"})
            assert accounts_of(reduced, pa.array(ids), cutoffs).equals(accounts_of(arrays, pa.array(ids), cutoffs))


@pytest.mark.usefixtures("printed")
def test_a_workers_named_error_is_the_drivers(tmp_path: Path) -> None:
    def trouble(rows: Computed) -> list[bytes]:
        raise BadInput("nothing to say", rows.contact_ids[0].as_py(), "Ask less.")

    event = Event("e", "c", "a", "mql", CUTOFF - 1, CUTOFF - 1, 2.0)
    sets, asked = (FeatureSet((Sum(),)),), (pa.array(["c"]), np.array([CUTOFF]))
    log = write(tmp_path, *tables([event], []), "as they came")
    with spark_log(log) as engine:
        with pytest.raises(BadInput, match=r"^nothing to say: 'c'. Ask less.$"):
            list(engine.answers(trouble, sets, *asked))
        events = log.events()
        broken = events.set_column(events.schema.get_field_index("value"), "value", pa.array([1e10]))
        write(tmp_path, broken, log.attributes(), "as they came")
        with pytest.raises(BadInput, match="row 1: value is not allowed") as by_spark:
            list(engine.computed(sets, *asked))
        with pytest.raises(BadInput) as by_memory:
            log.events()
        assert str(by_spark.value) == str(by_memory.value)


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("sys.modules['pyspark'] = None", "PySpark is not installed. Install it: pip install 'mqm[spark]'."),
        ("os.environ['PATH'] = ''", "Spark needs Java. Install Java 17, or name its folder in JAVA_HOME."),
        ("os.environ['JAVA_HOME'] = '/nowhere'", "Spark did not start at local[2]"),
    ],
)
def test_what_spark_lacks_is_named(tmp_path: Path, missing: str, told: str) -> None:
    write(tmp_path, *tables([Event("e", "c", None, "mql", 0, 0)], []), "grouped")
    code = (
        "import os, sys\n"
        "os.environ.pop('JAVA_HOME', None)\n"
        f"{missing}\n"
        "from engagement.folder import FolderLog\n"
        "from features.spark import spark_log\n"
        "from pathlib import Path\n"
        "try:\n"
        f"    with spark_log(FolderLog(Path({str(tmp_path)!r}))): pass\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert found.stdout.startswith(f"BadInput {told}")
    assert found.stderr == ""
