"""`mqm demo`: the main job from end to end on an example log; it stops by itself."""

from __future__ import annotations

import argparse
import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engagement.times import DAY, format_time
from mqm import console

if TYPE_CHECKING:
    from features.arrays import LogArrays
    from models.registry import Registry

CONVERSIONS = ("mql_to_meeting", "meeting_to_win")
_FOLDER = "demo"
_STEPS = 5


def add(commands: Any) -> None:
    """Adds the command."""
    demo = console.command(commands, "demo", _demo, "show the whole of mqm on an example log", "mqm demo")
    demo.add_argument(
        "--contacts",
        type=console.whole_number(2_000, 1_000_000),
        default=20_000,
        metavar="N",
        help="leads, default: 20000",
    )
    demo.add_argument(
        "--seed",
        type=console.whole_number(0, 2**31 - 1),
        default=0,
        metavar="S",
        help="of the simulation and the training, default: 0",
    )


def _demo(options: argparse.Namespace) -> None:
    folder = console.home() / _FOLDER
    _title(1, f"an example engagement log of {options.contacts:,} contacts, in {folder}/")
    arrays, as_of = _write_log(folder, options)
    for step, conversion in enumerate(CONVERSIONS, start=2):
        _title(step, f"train and judge {conversion}, and put it through the gate")
        _train(folder, conversion, arrays, as_of, options.seed)
    _title(4, "serve both over HTTP and ask for explained scores")
    asked = _recent(arrays, folder, as_of)
    _fill_store(folder, [contact for contacts in asked.values() for contact in contacts])
    answers = _ask(folder, asked, as_of)
    for conversion in CONVERSIONS:
        _show_scores(answers[conversion])
    _title(_STEPS, "what the open funnel is worth")
    _show_forecast(answers, arrays, as_of)
    _say_what_next()


def _title(step: int, text: str) -> None:
    print(f"\n[{step}/{_STEPS}] {text}", flush=True)


def _write_log(folder: Path, options: argparse.Namespace) -> tuple[LogArrays, int]:
    from engagement.example import write_example
    from mqm.model_commands import read_arrays

    with console.progress("example", lines=True) as tell:
        summary = write_example(folder, options.contacts, options.seed, tell)
    print(
        f"{summary.visitors:,} visitors, {summary.contacts:,} leads, {summary.mqls:,} MQLs, "
        f"{summary.meetings_held:,} meetings, {summary.wins:,} wins; {summary.events:,} events"
    )
    return read_arrays(str(folder))


def _train(folder: Path, name: str, arrays: LogArrays, as_of: int, seed: int) -> None:
    from models.registry import Registry
    from mqm.model_commands import asked_of
    from training.promotion import promote
    from training.record import record
    from training.train import train

    settings = console.settings(str(folder))
    with console.progress(name, lines=True) as tell:
        trained = train(arrays, settings.funnel.conversion(name), settings.features, as_of, seed, progress=tell)
        registry = Registry(console.store(), console.home())
        version = record(trained, arrays, registry, console.now(), tell)
    figures = {one.name: one.metrics for one in trained.judged}
    if figures:
        mine, base = figures["model"], figures["base rate"]
        print(
            f"out of time, on {len(trained.split.test):,} rows: ROC AUC {mine['roc_auc'].value:.3f}, "
            f"log loss {mine['log_loss'].value:.4f} (base rate {base['log_loss'].value:.4f}), "
            f"calibration error {mine['calibration_error'].value:.4f}"
        )
    asked = asked_of(settings, arrays, settings.funnel.conversion(name), as_of)
    refused = promote(registry, version, asked, console.now()).verdict.refused
    print(f"version {version.version}: " + (f"not promoted. {' '.join(refused)}" if refused else "champion"))
    if refused:
        _keep_going(registry, name)


def _keep_going(registry: Registry, name: str) -> None:
    """A refused challenger ends the demo only where there is no champion to go on with."""
    from engagement.errors import NotEnoughData
    from models.champions import champions

    if name not in champions(registry.store):
        cure = "Give the demo more contacts: mqm demo --contacts 20000."
        raise NotEnoughData(f"the gate let no {name} model pass", None, cure)


def _recent(arrays: LogArrays, folder: Path, as_of: int) -> dict[str, list[str]]:
    """For each conversion the contacts in its stage that entered it within the time it was learnt for."""
    import numpy as np

    from features.declare import FirstSeen, Recency
    from features.feature_set import FeatureSet
    from mqm.score_files import everyone_in_stage

    funnel = console.settings(str(folder)).funnel
    recent = {}
    for name in CONVERSIONS:
        conversion = funnel.conversion(name)
        contacts = everyone_in_stage(arrays, conversion, as_of)
        kind = Recency if conversion.each else FirstSeen
        entry = FeatureSet((kind(conversion.start_type),))
        age = entry.compute(arrays, contacts, np.full(len(contacts), as_of))[:, 0] * DAY
        recent[name] = [c for c, a in zip(contacts, age, strict=True) if a <= max(*conversion.landmarks, DAY)]
    return recent


def _fill_store(folder: Path, contacts: list[str]) -> None:
    """The service's own log, with the histories of these contacts and their accounts."""
    from engagement.log import open_log
    from engagement.sqlite import SqliteLog

    log = open_log(str(folder))
    for left in folder.glob("mqm.sqlite*"):
        left.unlink()
    store = SqliteLog(folder / "mqm.sqlite", create=True)
    store.append_tables(log.events(contacts), log.attributes(contacts))
    store.close()


def _ask(folder: Path, asked: dict[str, list[str]], as_of: int) -> dict[str, list[dict[str, Any]]]:
    """Starts the service on a free port, asks for all these scores, stops it, and revokes the key it used."""
    from serving.keys import create_key, revoke_key
    from serving.run import running

    home = console.home()
    key, text = create_key(home, ["score"], console.now(), note="demo")
    answers: dict[str, list[dict[str, Any]]] = {}
    log = f"sqlite:///{(folder / 'mqm.sqlite').absolute()}"
    try:
        with running(home, log=log, output=folder / "service.log") as url:
            print(f"ready at {url}", flush=True)
            for name, contacts in asked.items():
                answers[name] = []
                for begin in range(0, len(contacts), 500):
                    body = {
                        "conversion": name,
                        "as_of": format_time(as_of),
                        "contact_ids": contacts[begin : begin + 500],
                    }
                    answers[name] += _post(f"{url}/v1/score/batch", text, body)["scores"]
    finally:
        revoke_key(home, key.id, console.now())
    return answers


def _post(url: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 (our own address)
    with urllib.request.urlopen(request, timeout=120) as response:  # noqa: S310
        answer: dict[str, Any] = json.load(response)
    return answer


def _show_scores(answers: list[dict[str, Any]]) -> None:
    scored = sorted((a for a in answers if a["status"] == "scored"), key=lambda a: -a["probability"])
    if not scored:
        print("nobody entered this stage lately")
        return
    print(f"\n{scored[0]['question']}  {len(scored)} asked, base rate {scored[0]['base_rate']:.1%}")
    for answer in [*scored[:2], scored[-1]]:
        print(
            f"\n  {answer['contact_id']}: {answer['probability']:.1%}, score {answer['score']}, "
            f"grade {answer['grade']}, {answer['trend'] or 'no trend yet'}"
        )
        for reason in answer["reasons"][:4]:
            print(f"    {reason['effect']:+.2f}  {reason['text']}")
        rest = sum(reason["effect"] for reason in answer["reasons"][4:])
        print(f"    {rest:+.2f}  everything else")
        together = f"together {answer['log_odds']:+.2f} in log-odds"
        print(f"    {answer['base_log_odds']:+.2f}  where everyone starts; {together}")


def _show_forecast(answers: dict[str, list[dict[str, Any]]], arrays: LogArrays, as_of: int) -> None:
    from models.forecast import forecast

    meetings = [a for a in answers["mql_to_meeting"] if a["status"] == "scored"]
    wins = [a for a in answers["meeting_to_win"] if a["status"] == "scored"]
    accounts = _accounts(arrays, [answer["contact_id"] for answer in wins], as_of)
    held = forecast([answer["probability"] for answer in meetings])
    won = forecast([answer["probability"] for answer in wins], accounts)
    value = _mean_win(arrays)
    console.print_table(
        ["open cases", "cases", "expected", "80 % interval"],
        [
            ["MQLs of the last 14 days: meetings within 30 days", *_cells(held)],
            ["accounts met in the last 7 days: wins within 180 days", *_cells(won)],
        ],
    )
    print(f"at {value:,.0f} a win, as in the past: {won.expected * value:,.0f} expected from those accounts")


def _cells(one: Any) -> list[str]:
    return [f"{one.cases:,}", f"{one.expected:.1f}", f"{one.low:.0f} to {one.high:.0f}"]


def _accounts(arrays: LogArrays, contacts: list[str], as_of: int) -> list[str | None]:
    import numpy as np

    from features.kernel_lookup import accounts_at

    at, entity = arrays.events, arrays.contact_codes(contacts)
    codes = np.empty(len(contacts), np.int32)
    cutoffs = np.full(len(contacts), as_of)
    accounts_at(at.start, at.occurred, at.received, at.account, entity, cutoffs, codes)
    return [None if code < 0 else str(arrays.accounts[int(code)]) for code in codes]


def _mean_win(arrays: LogArrays) -> float:
    """The mean value of the wins so far."""
    import numpy as np

    from engagement.schema import VALUE_SCALE
    from features.arrays import MISSING

    is_win = np.array([kind == "deal_won" for kind, _ in arrays.pairs])
    values = arrays.events.value[is_win[arrays.events.pair] & (arrays.events.value != MISSING)]
    return float(values.mean() / VALUE_SCALE) if len(values) else 0.0


def _say_what_next() -> None:
    print(
        f"""
What to try next (mqm is .venv/bin/mqm):
  mqm explain mql_to_meeting CONTACT --log {_FOLDER}            one score, reason by reason
  mqm score mql_to_meeting --log {_FOLDER} --out scores.csv     everyone in the stage, with reasons
  mqm key create --scope score --scope events             a key for the service
  mqm serve --log sqlite:///{_FOLDER}/mqm.sqlite                the service on port 3000, with the log of this demo
  make mlflow                                             the runs, their reports and pictures
"""
    )
