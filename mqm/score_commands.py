"""Commands that use a model or its features: `mqm score`, `mqm features`, `mqm judge`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mqm import console, engines

if TYPE_CHECKING:
    from features.engine import Engine
    from models.propensity import PropensityModel

_PORTION = 5_000


def add(commands: Any) -> None:
    """Adds the commands of this group."""
    score = console.command(
        commands,
        "score",
        _score,
        "score contacts, with reasons, into a file",
        "mqm score mql_to_meeting --log demo --out scores.csv",
    )
    score.add_argument("conversion", metavar="CONVERSION", help="a conversion of mqm.toml")
    console.log_option(score)
    score.add_argument("--as-of", type=console.time_argument, metavar="TIME", help="default: the log's last moment")
    score.add_argument(
        "--contacts", type=Path, metavar="FILE", help="CSV or Parquet: contact_id and optionally as_of"
    )
    score.add_argument("--out", type=Path, required=True, metavar="FILE", help=".parquet, .csv or .jsonl")
    score.add_argument("--version", metavar="V", help="default: the champion, else the challenger")
    language_option(score)
    engines.add_options(score)
    console.json_option(score)

    features = console.command(
        commands,
        "features",
        _features,
        "write the point-in-time training table",
        "mqm features mql_to_meeting --log demo --out table.parquet",
    )
    features.add_argument("conversion", metavar="CONVERSION", help="a conversion of mqm.toml")
    console.log_option(features)
    features.add_argument(
        "--as-of",
        type=console.time_argument,
        metavar="TIME",
        help="use nothing known later; default: the log's last moment",
    )
    features.add_argument("--out", type=Path, required=True, metavar="FILE", help=".parquet or .csv")
    engines.add_options(features)
    console.json_option(features)

    judge = console.command(
        commands,
        "judge",
        _judge,
        "judge a registered model on label times that came true since",
        "mqm judge mql_to_meeting --log demo --from 2026-05-01",
    )
    judge.add_argument("conversion", metavar="CONVERSION", help="a conversion of mqm.toml")
    console.log_option(judge)
    judge.add_argument("--from", dest="since", type=console.time_argument, metavar="TIME", help="first cutoff")
    judge.add_argument("--to", dest="until", type=console.time_argument, metavar="TIME", help="cutoffs before")
    judge.add_argument("--version", metavar="V", help="default: the champion, else the challenger")
    console.json_option(judge)


def language_option(made: argparse.ArgumentParser) -> None:
    """Adds `--language`."""
    from engagement.settings import LANGUAGES

    made.add_argument("--language", choices=LANGUAGES, help="of the sentences; default: that of mqm.toml, else en")


def load_model(log: str, conversion: str, version: str | None) -> tuple[PropensityModel, Path]:
    """The version asked for, else the champion, else the challenger; and its bundle's folder.

    A champion is found without MLflow.

    Raises:
        UnknownConversion: the funnel of the log has none of that name. NoModel: there is none, or no such version.
    """
    from models.champions import champions

    console.settings(log).funnel.conversion(conversion)  # an unknown one is named as such
    champion = None if version else champions(console.store()).get(conversion)
    if champion is not None:
        return champion.load(console.store()), champion.bundle(console.store())
    from models.registry import Registry

    registry = Registry(console.store(), console.home())
    found = registry.find(conversion, version)
    return registry.load(found), registry.bundle_folder(found.run_id)


def _score(options: argparse.Namespace) -> None:
    from engagement.times import format_time
    from mqm.score_files import check_out, read_contacts, write_scores
    from mqm.scoring import in_portions, scorer, shipped_scorer

    check_out(options.out)
    asked = None if options.contacts is None else read_contacts(options.contacts)
    model, bundle = load_model(options.log, options.conversion, options.version)
    moment, language = console.now(), options.language or console.settings(options.log).language
    if options.engine == "spark":
        answer = shipped_scorer(bundle, model.version, moment, asked is None, language)
    else:
        answer = scorer(model, moment, asked is None, language)
    with console.progress("score") as tell, engines.open_engine(options, tell, _PORTION) as engine:
        as_of = options.as_of
        if as_of is None:
            as_of = engines.default_as_of(options.log, engine.last_occurred)
        contacts, times = _rows(asked, engine, as_of)
        answers = _told(engine.answers(answer, model.asks, contacts, times), len(times), tell)
        counts = write_scores(in_portions(answers, _PORTION), options.out)
    if options.json:
        body = {
            "out": str(options.out),
            "as_of": format_time(as_of),
            "rows": sum(counts.values()),
            "statuses": counts,
        }
        console.print_json(body)
        return
    told = ", ".join(f"{number:,} {status.replace('_', ' ')}" for status, number in sorted(counts.items()))
    print(f"{options.out}: {told or 'nobody is in the stage'}, as of {format_time(as_of)}")


def _rows(asked: tuple[list[str], list[int | None]] | None, engine: Engine, as_of: int) -> tuple[Any, Any]:
    """Whom to score, and as of when: those asked for, or everyone there is."""
    import numpy as np
    import pyarrow as pa

    if asked is None:
        contacts = engine.contacts()
        return contacts, np.full(len(contacts), as_of)
    times = [as_of if moment is None else moment for moment in asked[1]]
    return pa.array(asked[0], pa.string()), np.array(times, np.int64)


def _told(answers: Iterator[list[bytes]], rows: int, tell: console.Progress) -> Iterator[list[bytes]]:
    done = 0
    for some in answers:
        yield some
        done += len(some)
        tell(f"{done:,} of {rows:,} rows", 0.2 + 0.8 * done / rows)


def _features(options: argparse.Namespace) -> None:
    from engagement.times import format_time
    from features.catalogue import derive_features
    from features.table import write_table
    from mqm.score_files import check_out
    from training.label_times import label_times
    from training.split import split_by_time
    from training.table import training_table

    check_out(options.out, (".parquet", ".csv"))
    settings = console.settings(options.log)
    conversion = settings.funnel.conversion(options.conversion)
    with console.progress("features") as tell, engines.open_engine(options, tell) as engine:
        arrays = engine.label_arrays((conversion.start_type, conversion.goal_type, *conversion.ends))
        as_of = options.as_of
        if as_of is None:
            as_of = engines.default_as_of(options.log, engine.last_occurred)
        rows = label_times(arrays, conversion, as_of, conversion.since)
        tell(f"{len(rows):,} rows", 0.4)
        features = derive_features(engine.vocabulary(split_by_time(rows).train_end), settings.features, conversion)
        write_table(training_table(engine, arrays, rows, features), options.out)
    if options.json:
        body = {"out": str(options.out), "as_of": format_time(as_of), "rows": len(rows)}
        console.print_json(body | {"features": len(features.names), "converted": int(rows.converted.sum())})
        return
    print(f"{options.out}: {len(rows):,} rows, {int(rows.converted.sum()):,} converted", end="")
    print(f", {len(features.names)} features, as of {format_time(as_of)}")


def _judge(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    import numpy as np

    from mqm.model_commands import read_arrays
    from training.judge import judge
    from training.label_times import label_times
    from training.split import group_of
    from training.table import contact_ids

    model, _ = load_model(options.log, options.conversion, options.version)
    with console.progress("judge") as tell:
        tell("reading the log", 0.1)
        arrays, last_known = read_arrays(options.log)
        rows = label_times(arrays, model.conversion, last_known, options.since)
        if options.until is not None:
            rows = rows.take(np.flatnonzero(rows.cutoff < options.until))
        tell(f"{len(rows):,} rows", 0.5)
        probability = model.probabilities(
            model.features.compute(arrays, contact_ids(arrays, rows), rows.cutoff, threads=2)
        )
        figures = judge(rows.converted, probability, group_of(rows), seed=0)
        rate = np.full(len(rows), model.reference.base_rate)
        baseline = judge(rows.converted, rate, group_of(rows), seed=0)
    if options.json:
        body = {name: asdict(figure) for name, figure in figures.items()}
        base = {name: asdict(figure) for name, figure in baseline.items()}
        yes = int(rows.converted.sum())
        console.print_json({"rows": len(rows), "converted": yes, "model": body, "base rate": base})
        return
    print(f"{model.conversion.question}  (model {model.version})")
    print(f"{len(rows):,} rows, {int(rows.converted.sum()):,} converted")
    table = [
        [name, _figure(one.value), f"{one.low:.4f} to {one.high:.4f}", _figure(baseline[name].value)]
        for name, one in figures.items()
    ]
    console.print_table(["", "model", "95 % interval", "base rate"], table)


def _figure(value: float) -> str:
    """A dash where there is no such figure (a calibration slope of one and the same promise to all)."""
    return f"{value:.4f}" if value == value else "–"
