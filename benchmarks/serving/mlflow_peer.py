"""MLflow's own server over the same model: LightGBM's contributions as a pyfunc, `mlflow models serve`.

It is given a ready-made row of features with each request, reads no history, computes no features and words no
reasons: what it answers are the margin's parts as numbers. With `checked` the model has a signature, as MLflow's
documentation wants of a model that is deployed: columns have names and types, and what comes in is held against
them, as every service has to do in some way (ours does). Without, it takes any numbers there are, unseen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.bundle import golden_rows, load_bundle

if TYPE_CHECKING:
    import pandas as pd

ADDRESS = "/invocations"
MODEL = """
import lightgbm
import mlflow

class Contributions(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.booster = lightgbm.Booster(model_file=context.artifacts["model"])

    def predict(self, context, model_input, params=None):
        return self.booster.predict(model_input.to_numpy(float), pred_contrib=True, num_threads=1)

mlflow.models.set_model(Contributions())
"""


@contextmanager
def serving(bundle: Path, port: int, checked: bool) -> Iterator[list[bytes]]:
    """The server, while it runs: bodies to post to `ADDRESS`, one for each of the bundle's golden rows."""
    import pandas as pd

    matrix, _ = golden_rows(bundle)
    table = pd.DataFrame(matrix, columns=list(load_bundle(bundle).features.names) if checked else None)
    with tempfile.TemporaryDirectory(prefix="mqm-mlflow-") as name, _server(bundle, Path(name), port, table, checked):
        yield [_body(table.iloc[[row]], checked) for row in range(len(table))]


def _body(row: pd.DataFrame, named: bool) -> bytes:
    whole = json.loads(row.to_json(orient="split", index=False, double_precision=15))
    return json.dumps({"dataframe_split": whole if named else {"data": whole["data"]}}).encode()


@contextmanager
def _server(bundle: Path, folder: Path, port: int, table: pd.DataFrame, checked: bool) -> Iterator[None]:
    import mlflow

    code, place = folder / "contributions.py", folder / "pyfunc"
    code.write_text(MODEL)
    signature = mlflow.models.infer_signature(table, np.zeros((1, table.shape[1] + 1))) if checked else None
    mlflow.pyfunc.save_model(
        place,
        python_model=str(code),
        artifacts={"model": str(bundle / "model.txt")},
        pip_requirements=["lightgbm"],
        signature=signature,
    )
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(place), "-p", str(port), "-w", "1"]
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with (folder / "mlflow.log").open("wb") as output:
        server = subprocess.Popen([*command, "--env-manager", "local"], stdout=output, stderr=output, env=environ,
                                  start_new_session=True)  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}/ping", server)
        yield
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 180
    while time.monotonic() < give_up and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError("MLflow's server did not start")
