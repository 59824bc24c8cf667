"""Damaged and unsigned bundles: all refused before they are parsed, and the service goes on with its model."""

from __future__ import annotations

import json
import logging
import random
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from benchmarks.reliability.frame import Outcome, Scale
from benchmarks.serving.project import write_project
from models.champions import Champion, champions, point_to
from models.signing import SIGNATURE, make_pair, signer
from serving.admission import FOLDER, Admission
from serving.shelf import Shelf


def run(scale: Scale, folder: Path) -> Outcome:
    """A shelf holds a good model; each damaged one is promoted as if it were whole, and looked at."""
    tries = scale.of(200, 1_000)
    home, draw = folder / "home", random.Random(2)
    home.mkdir()
    champion = write_project(home, 200, 20).champion("1", trees=20)
    store = home / "mlruns"
    admission = Admission(home, store)
    good = admission.admit(champion).digest
    make_pair(folder)
    whole = champion.bundle(store)
    shelf = Shelf(lambda: champions(store), admission.admit)
    shelf.refresh()
    logging.getLogger("mqm.serving").setLevel(logging.CRITICAL)
    taken = 0
    for number in range(tries):
        shutil.rmtree(home / FOLDER)  # the copy that was admitted must not stand in for the damaged one
        damaged = store / "bundles" / f"damaged-{number}"
        shutil.copytree(whole, damaged)
        named = replace(champion, version=f"damaged-{number}", folder=f"bundles/{damaged.name}")
        named = spoil(damaged, named, draw, folder)
        point_to(store, named)
        shelf.refresh()
        model = shelf.models.get(champion.conversion)
        taken += model is None or model.digest != good or model.version != "1"
        shutil.rmtree(damaged)
    return Outcome(taken == 0, f"{tries} damaged, unsigned or foreign bundles, {taken} taken")


def spoil(bundle: Path, champion: Champion, draw: random.Random, stranger: Path) -> Champion:
    """Damages a bundle in one of many ways; the pointer to it, which an attacker would have made fit."""
    manifest = bundle / "manifest.json"
    way = draw.choice(["flip", "cut", "grow", "drop", "swap", "unsigned", "signature", "reseal", "stranger", "extra"])
    path = draw.choice(sorted(bundle.iterdir()))
    content = bytearray(path.read_bytes())
    if way == "flip":
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
    elif way == "cut":
        path.write_bytes(content[: draw.randrange(len(content))])
    elif way == "grow":
        path.write_bytes(bytes(content) + draw.randbytes(draw.randrange(1, 100)))
    elif way == "drop":
        path.unlink()
    elif way == "swap":
        other = draw.choice(sorted({*bundle.iterdir()} - {path}))
        path.write_bytes(other.read_bytes())
    elif way == "unsigned":
        (bundle / SIGNATURE).unlink()
    elif way == "signature":
        body = json.loads((bundle / SIGNATURE).read_text())
        body["signature"] = body["signature"][::-1]
        (bundle / SIGNATURE).write_text(json.dumps(body))
    elif way in ("reseal", "stranger"):
        text = (bundle / "model.txt").read_text()
        (bundle / "model.txt").write_text(text[: draw.randrange(len(text))])
        body, raw = json.loads(manifest.read_text()), (bundle / "model.txt").read_bytes()
        body["files"]["model.txt"] = {"bytes": len(raw), "sha256": sha256(raw).hexdigest()}
        manifest.write_text(json.dumps(body))
        if way == "stranger":
            signer(stranger).sign(bundle)
    else:
        (bundle / "more.pkl").write_bytes(b"\x80\x04.")
    digest = sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else "0" * 64
    return replace(champion, digest=f"sha256:{digest}")
