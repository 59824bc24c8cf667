"""`mqm explain`: one score with its reasons, and what changed since another time or against another model."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mqm import console
from mqm.score_commands import language_option, load_model

if TYPE_CHECKING:
    from features.arrays import LogArrays
    from models.changes import Change
    from models.propensity import PropensityModel
    from models.score import Score

#: Changes told one by one on a terminal; JSON has them all.
_SHOWN = 15


def add(commands: Any) -> None:
    """Adds the command."""
    explain = console.command(
        commands,
        "explain",
        _explain,
        "explain one contact's score, and why it changed",
        "mqm explain mql_to_meeting c-42 --log demo --before 2026-09-01",
    )
    explain.add_argument("conversion", metavar="CONVERSION", help="a conversion of mqm.toml")
    explain.add_argument("contact", metavar="CONTACT", help="a contact_id")
    console.log_option(explain)
    explain.add_argument("--as-of", type=console.time_argument, metavar="T", help="default: the log's last moment")
    explain.add_argument(
        "--before", type=console.time_argument, metavar="T2", help="say what changed since this earlier time"
    )
    explain.add_argument(
        "--model", "--version", dest="version", metavar="V", help="default: the champion, else the challenger"
    )
    explain.add_argument("--against", metavar="V2", help="say what is different from this version's score")
    language_option(explain)
    console.json_option(explain)


@dataclass(frozen=True)
class _Asked:
    """Whom is asked about, in which language, from which log."""

    arrays: LogArrays
    contact: str
    language: str

    def score(self, model: PropensityModel, as_of: int, whole: bool = False) -> Score:
        """The contact's score at a time."""
        return model.score(self.arrays, [self.contact], [as_of], language=self.language, whole=whole)[0]


def _explain(options: argparse.Namespace) -> None:
    from mqm.model_commands import read_arrays

    model, _ = load_model(options.log, options.conversion, options.version)
    language = options.language or console.settings(options.log).language
    with console.progress("explain") as tell:
        tell("reading the log", 0.1)
        arrays, last_known = read_arrays(options.log)
    asked = _Asked(arrays, options.contact, language)
    as_of = options.as_of if options.as_of is not None else last_known
    score = asked.score(model, as_of)
    if options.before is None and options.against is None:
        _tell(options, score)
        return
    before, parts = _compared(options, asked, model, as_of)
    _tell(options, score, before, parts)


def _compared(
    options: argparse.Namespace, asked: _Asked, model: PropensityModel, as_of: int
) -> tuple[Score, tuple[Change, ...]]:
    """The score that is compared with, and what makes the difference.

    Raises:
        BadInput: the time is not an earlier one, or there was no score to compare. UnknownContact: nothing is known.
    """
    from engagement.errors import BadInput, UnknownContact
    from engagement.times import format_time
    from models.changes import changes
    from models.score import SCORED, UNKNOWN_CONTACT

    then = as_of if options.before is None else options.before
    if options.before is not None and then >= as_of:
        raise BadInput("--before is no earlier time", format_time(then), f"Give one before {format_time(as_of)}.")
    other = model if options.against is None else load_model(options.log, options.conversion, options.against)[0]
    whole = [asked.score(one, moment, whole=True) for one, moment in ((other, then), (model, as_of))]
    for one in whole:
        if one.status == UNKNOWN_CONTACT:
            cure = f"As of {format_time(one.as_of)} the log knows nothing of it."
            raise UnknownContact("unknown contact", one.contact_id, cure)
        if one.status != SCORED:
            what = f"no score as of {format_time(one.as_of)} to compare ({one.status.replace('_', ' ')})"
            raise BadInput(what, one.contact_id, one.status_text or "")
    return asked.score(other, then), changes(whole[0], whole[1], asked.language)


def _tell(
    options: argparse.Namespace, score: Score, before: Score | None = None, parts: tuple[Change, ...] = ()
) -> None:
    if options.json:
        console.print_json(_json(score, before, parts))
        return
    for line in _lines(score):
        print(line)
    if before is not None:
        print()
        for line in _change_lines(before, score, parts):
            print(line)


def _json(score: Score, before: Score | None, parts: tuple[Change, ...]) -> dict[str, Any]:
    """The score as the contract has it; compared, with the other score and the changes in it."""
    from mqm.score_files import as_json

    moment = console.now()
    body = as_json(score, moment)
    if before is None:
        return body
    told = [
        {"code": p.code, "text": p.text, "before": p.before, "after": p.after, "difference": p.difference}
        for p in parts
    ]
    return body | {"compared_with": as_json(before, moment), "changes": told}


def _lines(score: Score) -> Iterator[str]:
    from engagement.times import format_time

    yield f"{score.question}  ({score.contact_id}, as of {format_time(score.as_of)})"
    if score.probability is None or score.base_rate is None or score.log_odds is None:
        yield f"{score.status.replace('_', ' ')}: {score.status_text}"
        return
    yield f"{score.probability:.1%} (base rate {score.base_rate:.1%}), score {score.score}, grade {score.grade}\n"
    yield f"{score.base_log_odds:+8.3f}  where everyone starts, in log-odds"
    for reason in score.reasons:
        yield f"{reason.effect:+8.3f}  {reason.text}"
    yield f"{score.log_odds:+8.3f}  = log-odds of {score.probability:.4f}   [model {score.model_version}]"


def _change_lines(before: Score, after: Score, parts: tuple[Change, ...]) -> Iterator[str]:
    from engagement.times import format_time

    yield (
        f"was {before.probability:.1%} as of {format_time(before.as_of)} [model {before.model_version}], "
        f"is {after.probability:.1%} as of {format_time(after.as_of)} [model {after.model_version}]"
    )
    for part in parts[:_SHOWN]:
        yield f"{part.difference:+8.3f}  {part.text}"
    if rest := parts[_SHOWN:]:
        yield f"{sum(part.difference for part in rest):+8.3f}  {len(rest)} smaller changes together"
    total = (after.log_odds or 0.0) - (before.log_odds or 0.0)
    yield f"{total:+8.3f}  = from {before.log_odds:+.3f} to {after.log_odds:+.3f} in log-odds"
