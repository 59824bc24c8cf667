"""Commands about models: `mqm train`, `mqm models`, `mqm promote`, `mqm rollback`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from mqm import console, ledger_commands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engagement.funnel import Conversion
    from engagement.settings import Settings
    from features.arrays import LogArrays
    from models.registry import Registry, Version
    from training.gate import Asked, Verdict
    from training.train import Trained

_SHOWN = ("log_loss", "brier", "roc_auc", "average_precision", "lift_at_10pct", "calibration_error")


def add(commands: Any) -> None:
    """Adds the commands of this group."""
    train = console.command(
        commands,
        "train",
        _train,
        "train and judge a model, and register it as challenger",
        "mqm train mql_to_meeting --log demo --promote",
    )
    train.add_argument("conversion", metavar="CONVERSION", help="a conversion of mqm.toml")
    console.log_option(train)
    train.add_argument(
        "--as-of",
        type=console.time_argument,
        metavar="TIME",
        help="use nothing known later; default: the log's last moment",
    )
    train.add_argument(
        "--trials",
        type=console.whole_number(0, 10_000),
        default=0,
        metavar="N",
        help="tune with N trials, judged forward in time; default: three settings that usually do",
    )
    train.add_argument(
        "--minutes",
        type=console.whole_number(1, 10_000),
        metavar="M",
        help="tune for at most M minutes (how far that goes depends on the machine)",
    )
    train.add_argument(
        "--seed",
        type=console.whole_number(0, 2**31 - 1),
        default=0,
        metavar="S",
        help="of folds and trees; default: 0",
    )
    train.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="NAME",
        help="an attribute or event type that stays, whatever the audit finds; may be given again",
    )
    train.add_argument("--promote", action="store_true", help="put it through the gate: champion if it passes")
    console.json_option(train)

    models = console.command(commands, "models", _models, "list the registered models", "mqm models")
    console.json_option(models)

    promote = console.command(
        commands, "promote", _promote, "put a version through the gate", "mqm promote mql_to_meeting 3"
    )
    promote.add_argument("conversion", metavar="CONVERSION", help="a conversion of mqm.toml")
    promote.add_argument("version", metavar="VERSION", nargs="?", help="a number; default: the challenger")
    promote.add_argument(
        "--log",
        metavar="LOG",
        help="hold it against the champion on this log; default: as when it was trained",
    )
    console.json_option(promote)

    rollback = console.command(
        commands,
        "rollback",
        _rollback,
        "make the champion's predecessor champion again",
        "mqm rollback mql_to_meeting",
    )
    rollback.add_argument("conversion", metavar="CONVERSION", help="a conversion with a champion")
    console.json_option(rollback)


def _train(options: argparse.Namespace) -> None:
    from training.promotion import promote, try_out

    settings = console.settings(options.log)
    conversion = settings.funnel.conversion(options.conversion)
    console.writable_store()
    with console.progress(f"train {conversion.name}") as tell:
        tell("reading the log", 0.01)
        arrays, last_known = read_arrays(options.log)
        as_of = options.as_of if options.as_of is not None else last_known
        version, trained, registry = train_and_record(options, arrays, conversion, as_of, tell)
        tell("at the gate", 0.99)
        asked = asked_of(settings, arrays, conversion, as_of, options.keep)
        if options.promote:
            trial = promote(registry, version, asked, console.now())
        else:
            trial = try_out(registry, version, asked)
    _show_trained(options, version, trained, trial.verdict)
    if options.promote:
        if not trial.verdict.refused:
            ledger_commands.note("promote", version.conversion, f"version {version.version} {version.digest}")
        refuse(trial.verdict)


def train_and_record(
    options: argparse.Namespace, arrays: LogArrays, conversion: Conversion, as_of: int, tell: console.Progress
) -> tuple[Version, Trained, Registry]:
    """Trains as the options say and registers the challenger."""
    from models.registry import Registry
    from training.record import record
    from training.train import train
    from training.tune import Budget

    settings = console.settings(options.log)
    keep = (*settings.keep, *options.keep)
    budget = Budget(options.trials, options.minutes and 60.0 * options.minutes)
    trained = train(arrays, conversion, settings.features, as_of, options.seed, budget, tell, keep=keep)
    registry = Registry(console.store(), console.home())
    return record(trained, arrays, registry, console.now(), tell), trained, registry


def asked_of(
    settings: Settings, arrays: LogArrays, conversion: Conversion, as_of: int, keep: Sequence[str] = ()
) -> Asked:
    """What the gate is asked about a log as known at `as_of` (microseconds UTC)."""
    from training.gate import Asked

    return Asked(arrays, conversion, settings.features, as_of, (*settings.keep, *keep))


def refuse(verdict: Verdict) -> None:
    """Raises what the gate has against a version, if anything.

    Raises:
        Refused: with every test that failed.
    """
    from engagement.errors import Refused

    if verdict.refused:
        what = f"version {verdict.version} of {verdict.conversion} is not promoted"
        raise Refused(what, None, " ".join(verdict.refused))


def read_arrays(location: str) -> tuple[LogArrays, int]:
    """The whole log as arrays, and the default as_of.

    That is now for a database, which goes on, and just after the last event of a log in files: later, its silence
    would be taken for an answer. (When events were received doesn't move it: one late row would.)
    """
    from engagement.log import open_log
    from features.arrays import LogArrays

    log = open_log(location)
    arrays = LogArrays.from_tables(log.events(), log.attributes())
    last = int(arrays.events.occurred.max()) + 1
    moment = console.now()
    return arrays, moment if "://" in location else min(last, moment)


def _show_trained(options: argparse.Namespace, version: Version, trained: Trained, verdict: Verdict) -> None:
    from engagement.times import format_time
    from training.record import report_json

    if options.json:
        body = report_json(trained) | {"version": version.version, "digest": version.digest}
        body["as_of"] = format_time(trained.rows.as_of)
        promoted = not verdict.refused if options.promote else None
        console.print_json(body | {"promoted": promoted, "refused": verdict.refused, "gate": verdict.to_json()})
        return
    print(trained.rows.conversion.question)
    print(f"as of {format_time(trained.rows.as_of)}; split: {trained.split.plan}")
    for part in ("train", "calibrate", "test"):
        rows = getattr(trained.split, part)
        print(f"  {part:10} {len(rows):>9,} rows {int(trained.rows.converted[rows].sum()):>8,} converted")
    if trained.judged:
        head = ["out of time", *(one.name for one in trained.judged)]
        rows = [[name, *(f"{one.metrics[name].value:.4f}" for one in trained.judged)] for name in _SHOWN]
        console.print_table(head, rows)
    else:
        print("not judged: the history is too short for a test one horizon after training")
    print(f"registered {version.conversion} version {version.version}, {version.digest}")
    for one in verdict.tests:
        print(f"  {'passed ' if one.passed else 'REFUSED'}  {one.name}: {one.text}")
    if options.promote and not verdict.refused:
        print("promoted: it is champion now")


def _models(options: argparse.Namespace) -> None:
    from engagement.times import format_time
    from models.registry import Registry

    versions = Registry(console.store(), console.home()).versions()
    if options.json:
        console.print_json(
            [
                {
                    "conversion": one.conversion,
                    "version": one.version,
                    "aliases": list(one.aliases),
                    "digest": one.digest,
                    "created": format_time(one.created),
                    "champion_since": format_time(one.since) if one.since else None,
                    "run_id": one.run_id,
                    "metrics": {name: one.metrics.get(name) for name in _SHOWN},
                }
                for one in versions
            ]
        )
        return
    if not versions:
        print("no models yet; train one: mqm train CONVERSION --log LOG")
        return
    head = ["conversion", "version", "is", "since", "made", "log loss", "ROC AUC", "calibration error", "digest"]
    rows = [
        [
            one.conversion,
            one.version,
            ", ".join(one.aliases),
            format_time(one.since)[:16] if one.since else "",
            format_time(one.created)[:16],
            *(_figure(one.metrics.get(name)) for name in ("log_loss", "roc_auc", "calibration_error")),
            one.digest[:19],
        ]
        for one in versions
    ]
    console.print_table(head, rows)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _promote(options: argparse.Namespace) -> None:
    from engagement.errors import Refused
    from models.registry import CHAMPION, Registry
    from training.promotion import promote, promote_on_evidence

    registry = Registry(console.store(), console.home())
    name = options.conversion
    version = registry.find(name, options.version) if options.version else registry.challenger(name)
    if options.log is None or CHAMPION in version.aliases:
        if refused := promote_on_evidence(registry, version, console.now()):
            raise Refused(f"version {version.version} of {name} is not promoted", None, " ".join(refused))
    else:
        settings = console.settings(options.log)
        with console.progress("promote") as tell:
            tell("reading the log", 0.1)
            arrays, as_of = read_arrays(options.log)
            tell("at the gate", 0.4)
            asked = asked_of(settings, arrays, settings.funnel.conversion(name), as_of)
            trial = promote(registry, version, asked, console.now())
        refuse(trial.verdict)
    ledger_commands.note("promote", name, f"version {version.version} {version.digest}")
    _say_champion(options, name, version.version)


def _rollback(options: argparse.Namespace) -> None:
    from models.registry import Registry

    version = Registry(console.store(), console.home()).rollback(options.conversion, console.now())
    ledger_commands.note("rollback", version.conversion, f"version {version.version} {version.digest}")
    _say_champion(options, version.conversion, version.version)


def _say_champion(options: argparse.Namespace, conversion: str, version: str) -> None:
    if options.json:
        console.print_json({"conversion": conversion, "champion": version})
    else:
        print(f"champion of {conversion}: version {version}")
