"""MLflow's own server over the same model: LightGBM's contributions as a pyfunc, `mlflow models serve`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
def serving(bundle: Path, folder: Path, port: int) -> Iterator[str]:
    """The server's address for predictions, while it runs."""
    import mlflow

    code = folder / "contributions.py"
    code.write_text(MODEL)
    place = folder / "pyfunc"
    mlflow.pyfunc.save_model(
        place, python_model=str(code), artifacts={"model": str(bundle / "model.txt")}, pip_requirements=["lightgbm"]
    )
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(place), "-p", str(port), "-w", "1"]
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with (folder / "mlflow.log").open("wb") as output:
        server = subprocess.Popen([*command, "--env-manager", "local"], stdout=output, stderr=output, env=environ,
                                  start_new_session=True)  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}/ping", server)
        yield "/invocations"
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
