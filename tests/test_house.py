"""The house stands: imports never point up, each heavy dependency has one home, importing does nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
#: Each room, and the rooms below it that it may import.
BELOW = {
    "engagement": set[str](),
    "features": {"engagement"},
    "models": {"engagement", "features"},
    "training": {"engagement", "features", "models"},
    "watch": {"engagement", "features", "models", "training"},
    "serving": {"engagement", "features", "models"},
    "mqm": {"engagement", "features", "models", "training", "watch", "serving"},
}
#: Where a library may be imported; every other one may be anywhere.
HOMES = {
    "apsw": ["engagement/*"],
    "sqlite3": [],
    "psycopg": ["engagement/*"],
    "numba": ["features/kernel*.py", "models/kernel_*.py"],
    "llvmlite": ["features/kernel_prefetch.py", "models/kernel_lanes.py"],
    "mlflow": ["models/registry.py"],
    "lightgbm": ["models/*", "training/*"],
    "shap": ["training/*"],
    "bentoml": ["serving/*"],
    "starlette": ["serving/*"],
    "uvicorn": ["serving/*"],
    "pydantic": ["serving/*"],
    "pyspark": ["features/spark.py"],
    "cryptography": ["models/signing.py"],
    "pickle": [],
    "joblib": [],
    "cloudpickle": [],
    "dill": [],
}
CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
AT_THE_DOORS = ["mqm/*", "serving/service.py"]
HEAVY = ("numpy", "pandas", "pyarrow", "numba", "lightgbm", "mlflow", "bentoml", "sklearn", "shap", "duckdb", "scipy")
FILES = [path for room in BELOW for path in sorted((ROOT / room).rglob("*.py"))]


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def imported(path: Path) -> Iterator[str]:
    """The dotted names that a file imports, wherever in it."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports say the whole name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_home(path: Path, homes: list[str]) -> bool:
    return any(fnmatch(path.relative_to(ROOT).as_posix(), home) for home in homes)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_floors_and_fences(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    for name in imported(path):
        top = name.partition(".")[0]
        assert top not in BELOW or top == room or top in BELOW[room], f"{room} must not import {name}"
        assert top not in HOMES or at_home(path, HOMES[top]), f"{top} does not live here"
        assert top != "tests"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_clock_is_read_at_the_doors_only(path: Path) -> None:
    for node in nodes(path):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ".".join(ast.unparse(node.func).split(".")[-2:])
            assert called not in CLOCKS or at_home(path, AT_THE_DOORS), f"line {node.lineno} reads the clock"
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            names = {alias.name for alias in node.names}
            assert not names & {"time", "time_ns"}, "say time.time(), so that this test sees it"


def test_there_is_a_house() -> None:
    assert len(FILES) > 60
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(BELOW)


def child(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout


def test_the_command_line_starts_light() -> None:
    heavy = f"print([name for name in {HEAVY} if name in sys.modules])"
    assert child(f"import sys, mqm.__main__; {heavy}").strip() == "[]"


def test_memory_is_kept_before_arrow_is_there() -> None:
    code = "import os, sys; from features.kept import keep_memory; keep_memory()"
    code += "; print('pyarrow' in sys.modules, os.environ['MIMALLOC_PURGE_DELAY'])"
    assert child(code).strip() == "False 10000"


def test_importing_everything_does_nothing(tmp_path: Path) -> None:
    """No file, no folder, no output, no logging setup; `serving.service` is a door and may read the environment."""
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in FILES]
    names = [name.removesuffix(".__init__") for name in names if name not in ("serving.service", "features.spark")]
    code = (
        f"import sys, os, importlib, logging; sys.path.insert(0, {str(ROOT)!r}); os.chdir({str(tmp_path)!r})\n"
        "before = dict(os.environ)\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(len(logging.getLogger().handlers), sorted(set(before.items()) ^ set(os.environ.items())))"
    )
    assert child(code).strip() == "0 []"
    assert list(tmp_path.iterdir()) == []
