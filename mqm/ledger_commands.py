"""Commands about scores that were given: `mqm replay`, `mqm audit-log verify`."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from mqm import console

if TYPE_CHECKING:
    from pathlib import Path

    from engagement.ledger import Ledger, Record
    from features.arrays import LogArrays
    from models.propensity import PropensityModel


def add(commands: Any) -> None:
    """Adds the commands of this group."""
    replay = console.command(
        commands,
        "replay",
        _replay,
        "compute a given score again, from the log and the model it names",
        "mqm replay 3f9a0c1d2e4b5a6978877665",
    )
    replay.add_argument("score_id", metavar="SCORE_ID", help="as the answer named it")
    replay.add_argument("--log", metavar="LOG", help="default: the service's, mqm.sqlite in the project's folder")
    console.json_option(replay)

    audit = console.command(commands, "audit-log", _verify, "the audit of scores and acts", "mqm audit-log verify")
    acts = audit.add_subparsers(dest="act", metavar="verify|list", required=True)
    verify = console.command(
        acts,
        "verify",
        _verify,
        "check that nothing was changed or left out",
        "mqm audit-log verify",
    )
    verify.add_argument("--head", type=_head, metavar="N:HASH", help="an entry noted earlier that must be there")
    console.json_option(verify)
    show = console.command(acts, "list", _list, "show the newest entries", "mqm audit-log list --last 20")
    show.add_argument("--last", type=console.whole_number(1, 100_000), default=20, metavar="N", help="default: 20")
    console.json_option(show)


def note(act: str, subject: str, detail: str = "") -> None:
    """Notes an act of the command line in the audit, where the project has one."""
    from engagement.chain import Entry
    from engagement.ledger import Ledger

    path = ledger_path()
    if path.is_file():
        ledger = Ledger(path)
        ledger.note(Entry(console.now(), act, "cli", subject, detail))
        ledger.close()


def ledger_path() -> Path:
    """The project's ledger."""
    from serving.config import ledger_file

    return ledger_file(console.home(), os.environ)


def _ledger() -> Ledger:
    from engagement.errors import BadInput
    from engagement.ledger import Ledger

    path = ledger_path()
    if not path.is_file():
        raise BadInput("no scores were given here yet", str(path), "Set MQM_HOME to the service's folder.")
    return Ledger(path)


def _replay(options: argparse.Namespace) -> None:
    from engagement.errors import BadInput
    from serving.replay import replay

    record = _ledger().score(options.score_id)
    if record is None:
        raise BadInput("there is no score of that id", options.score_id, "It was never given here, or was erased.")
    if record.model_digest is None:
        raise BadInput("no model answered there", record.status, "There is nothing to compute again.")
    location = options.log or os.environ.get("MQM_LOG") or f"sqlite:///{console.home().absolute() / 'mqm.sqlite'}"
    model = _model(record)
    done = replay(record, model, lambda contact: _history(location, contact))
    if options.json:
        shown = {"score_id": record.score_id, "identical": done.identical}
        console.print_json(shown | {"features_identical": done.features_identical, "differences": done.differences})
    elif done.identical:
        print(f"identical: {record.score_id} comes out the same to the last bit, model {record.model_version}")
    if not done.identical:
        names = ", ".join(done.differences)
        cure = (
            "The log does not hold what it held then (erased, or received later than it says), or the code differs."
        )
        raise BadInput("the score comes out otherwise", names, cure)


def _history(location: str, contact: str) -> LogArrays:
    from engagement.log import open_log
    from features.arrays import LogArrays

    log = open_log(location)
    return LogArrays.from_tables(log.events([contact]), log.attributes([contact]))


def _model(record: Record) -> PropensityModel:
    """The model that a score names: of those that were admitted here, else of the registry."""
    from engagement.errors import NoModel
    from models.bundle import load_bundle
    from models.registry import Registry
    from serving.admission import FOLDER

    digest, version = record.model_digest or "", record.model_version or ""
    kept = console.home() / FOLDER / digest.removeprefix("sha256:")
    if kept.is_dir():
        return load_bundle(kept, version)
    registry = Registry(console.store(), console.home())
    for one in registry.versions(record.conversion):
        if one.digest == digest:
            return load_bundle(registry.bundle_folder(one.run_id), version)
    raise NoModel("the model of that score is gone", digest, "Restore its bundle.")


def _verify(options: argparse.Namespace) -> None:
    from engagement.chain import Broken, verify
    from engagement.errors import BadInput

    found = verify(_ledger().reading(), options.head)
    if isinstance(found, Broken):
        raise BadInput(f"the audit breaks at entry {found.seq}", found.what, "Restore the ledger from a backup.")
    if options.json:
        console.print_json(
            {"entries": found.entries, "scores": found.kept, "erased": found.erased, "head": found.head}
        )
    else:
        print(f"whole: {found.entries:,} entries, {found.kept:,} scores, {found.erased:,} erased")
        print(f"head: {found.entries}:{found.head}")


def _list(options: argparse.Namespace) -> None:
    from engagement.times import format_time

    statement = "SELECT seq, at, act, actor, subject, detail FROM audit ORDER BY seq DESC LIMIT ?"
    rows = list(_ledger().reading().execute(statement, (options.last,)))[::-1]
    head = ["entry", "at", "act", "by", "about", "detail"]
    if options.json:
        console.print_json([dict(zip(head, (row[0], format_time(row[1]), *row[2:]), strict=True)) for row in rows])
    else:
        console.print_table(head, [[str(row[0]), format_time(row[1])[:19], *row[2:5], row[5][:40]] for row in rows])


def _head(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not NUMBER:HASH, as mqm audit-log verify prints it")
    return int(number), digest
