"""The bare route that the service is measured against: `python -m benchmarks.serving.bare HOME PORT`.

Starlette over uvicorn, one route, and the same scorer, trend and encoder; no keys, no checks, nothing recorded.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engagement.sqlite import SqliteLog
from engagement.times import parse_time
from features.arrays import LogArrays
from models.champions import champions
from serving.answers import answer_from
from serving.scorer import scores


def main(home: Path, port: int) -> None:
    """Serves until it is ended."""
    store = home / "mlruns"
    models = {name: champion.load(store) for name, champion in champions(store).items()}
    log = SqliteLog(home / "mqm.sqlite", create=False)

    async def score(request: Request) -> Response:
        asked = json.loads(await request.body())
        contact, as_of = asked["contact_id"], parse_time(asked["as_of"])
        arrays = LogArrays.from_events(*log.history(contact))
        found = scores(models[asked["conversion"]], arrays, [contact], [as_of])[0]
        return Response(msgspec.json.encode(answer_from(found, "id", as_of, "id")), media_type="application/json")

    gc.collect()
    gc.freeze()
    app = Starlette(routes=[Route("/v1/score", score, methods=["POST"])])
    uvicorn.run(app, port=port, log_level="critical", access_log=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
