"""Online and offline features of logged scores are the same to the last bit, and so are the scores."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import numpy as np

from benchmarks.reliability.frame import Outcome, Scale
from benchmarks.reliability.load import Client
from benchmarks.serving.project import AS_OF, NAME, Project, write_project
from engagement.ledger import FILE, Ledger
from engagement.times import HOUR, format_time
from models.champions import champions
from serving.run import running

BATCH = 500


def run(scale: Scale, folder: Path) -> Outcome:
    """Scores over HTTP at many moments; then one table of features from the whole log, held against the ledger."""
    wanted = scale.of(10_000, 100_000)
    project = write_project(folder, 1_000, 40)
    champion = project.champion("1", trees=50)
    with running(folder, output=folder / "serve.log") as url:
        asyncio.run(_ask(project, wanted, int(url.rpartition(":")[2])))
    records = Ledger(folder / FILE)
    rows = list(records.reading().execute("SELECT score_id FROM scores WHERE status = 'scored'"))
    model = champions(folder / "mlruns")[NAME].load(folder / "mlruns")
    names = records.columns(champion.digest)
    order = [model.features.names.index(name) for name in names]
    compared = apart = 0
    for start in range(0, len(rows), 2_000):
        part = [record for row in rows[start : start + 2_000] if (record := records.score(row[0])) is not None]
        matrix = model.features.compute(project.arrays, [r.contact_id for r in part], [r.as_of for r in part])
        odds = model.log_odds(matrix)
        for place, record in enumerate(part):
            row = np.ascontiguousarray(matrix[place, order], "<f8").tobytes()
            apart += row != record.features or float(odds[place]) != record.log_odds
            compared += 1
    return Outcome(compared >= wanted * 0.9 and not apart, f"{compared:,} scores compared, {apart} differ")


async def _ask(project: Project, wanted: int, port: int) -> None:
    draw, client = random.Random(3), await Client.open(port, project.key)
    for _ in range(wanted // BATCH):
        asked = [
            {"contact_id": draw.choice(project.contacts), "as_of": format_time(AS_OF + draw.randrange(HOUR * 48))}
            for _ in range(BATCH)
        ]
        status, _ = await client.post("/v1/score/batch", json.dumps({"conversion": NAME, "requests": asked}).encode())
        assert status == 200
    client.close()
