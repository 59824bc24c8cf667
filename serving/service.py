"""The BentoML service: our application in its house, configured from `MQM_…` variables.

BentoML gives the workers, the packaging and the place in the ecosystem. Its own routes (index, docs, pickle
media type, metrics) stay shut: `FrontDoor` hands every request to our application before they are asked.
This is a door: the clock and the environment are read here and nowhere else in the service.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
os.environ.setdefault("DO_NOT_TRACK", "1")
if folder := os.environ.get("MQM_METRICS"):  # BentoML gives all services of a machine one folder
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder

import bentoml
from starlette.types import ASGIApp, Receive, Scope, Send

from engagement.events import Event
from engagement.ledger import Ledger
from engagement.log import open_database
from features.arrays import LogArrays
from models.champions import SHADOWS, Champion, champions
from models.propensity import PropensityModel
from serving.admission import Admission
from serving.app import make_app
from serving.config import ServiceConfig, read_config
from serving.jobs import Jobs
from serving.keys import KeyRing
from serving.limits import RateLimit
from serving.live import live
from serving.logs import log_to_stderr
from serving.metrics import Metrics
from serving.scorer import scores
from serving.shadow import Shadow
from serving.shelf import Shelf
from serving.state import State
from serving.steady import steady
from serving.webhooks import Webhooks


def now() -> int:
    """The wall clock in microseconds UTC."""
    return time.time_ns() // 1000


def make_state(config: ServiceConfig) -> State:
    """The parts of one worker, over the project's own files."""
    admission = Admission(config.home, config.store)
    metrics = Metrics(lambda: live(state, config))

    def champion_of(one: Champion) -> PropensityModel:
        model = warmed(admission.admit(one))
        admission.keep_as_last_good(one)
        return model

    def shadow(of: State) -> Shadow:
        shelf = Shelf(lambda: champions(config.store, SHADOWS), admission.admit, refused=metrics.refused.inc)
        return Shadow(shelf, of.log, metrics)

    state = State(
        conversions=config.settings.funnel.conversions,
        keys=KeyRing(config.home),
        rates=RateLimit(config.home, config.rate),
        shelf=Shelf(lambda: champions(config.store), champion_of, admission.last_good, lambda: metrics.refused.inc()),
        open_ledger=lambda: Ledger(config.ledger),
        open_log=lambda: open_database(config.log, create=True),
        clock=now,
        language=config.settings.language,
        settled=steady,
        metrics=metrics,
        beside=(Jobs, shadow, lambda of: Webhooks(of, config.home)),
    )
    return state


def warmed(model: PropensityModel) -> PropensityModel:
    """The model after a first score: kernels are compiled before anyone waits for them."""
    moment = now()
    entry = Event("warm-up", "warm-up", None, model.conversion.start_type, moment - 1, moment - 1)
    scores(model, LogArrays.from_events([entry], []), ["warm-up"], [moment])
    return model


def leave_with_parents(environ: Mapping[str, str]) -> None:
    """Ends this worker when its supervisor is gone, and the supervisor when who started the service is gone.

    A supervisor that is killed cannot stop its workers: they would serve on, unseen, on the same port.
    """
    supervisor, starter = os.getppid(), int(environ.get("MQM_STARTED_BY") or 0)
    while True:
        time.sleep(1)
        if os.getppid() != supervisor:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        if starter and not Path(f"/proc/{starter}").exists() and Path("/proc/self").exists():
            os.kill(supervisor, signal.SIGTERM)
            return


class FrontDoor:
    """Hands every request to our application; only the server's own start and stop go the way of BentoML."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        await (self.app if scope["type"] == "lifespan" else APP)(scope, receive, send)


CONFIG = read_config(os.environ)
STATE = make_state(CONFIG)
APP = make_app(STATE)


@bentoml.service(
    name="mqm",
    workers=CONFIG.workers,
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
    tracing={"excluded_urls": ".*"},
)
@bentoml.asgi_app(APP)
class Mqm:
    """Scores, explained; and the events they are made from."""

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    def start(self) -> None:
        """Starts this worker's threads."""
        log_to_stderr()
        STATE.start()
        threading.Thread(target=leave_with_parents, args=(os.environ,), daemon=True).start()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def stop(self) -> None:
        """Writes what waits."""
        STATE.close()


Mqm.add_asgi_middleware(FrontDoor)  # type: ignore[attr-defined]  # the decorator made it a service
