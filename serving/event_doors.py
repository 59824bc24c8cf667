"""The doors that events come in by: the log's own columns, and the messages of Segment's spec."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from serving.doors import Handler, read_json
from serving.ingest import Rows, outcome, read_batch, read_message, read_rows, settled
from serving.problems import Problem
from serving.state import LARGE, State
from serving.writer import Busy


def storing(read: Callable[[bytes, int], Rows]) -> Handler:
    """The handler that stores what `read` makes of a body; its 200 means that all of it is on disk."""

    async def store(state: State, request: Request) -> Response:
        body = await read_json(request)
        now, writer = state.clock(), state.writer
        rows = await state.aside(read, body, now) if len(body) > LARGE else read(body, now)
        try:
            statuses = await writer.submit(rows.events, rows.attributes)
        except Busy:
            detail = "Too many requests wait for the log: nothing of this one was stored. Send it again."
            raise Problem(503, "log_busy", detail, headers={"Retry-After": "2"}) from None
        told = outcome(rows, settled(rows, statuses, state.log.event), request.state.request_id)
        return Response(msgspec.json.encode(told), media_type="application/json")

    return store


events = storing(read_rows)
track, identify, group = (storing(read_message(kind)) for kind in ("track", "identify", "group"))
batch = storing(read_batch)
