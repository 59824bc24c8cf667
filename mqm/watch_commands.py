"""Commands that look at what is promoted: `mqm monitor` (for a scheduler) and `mqm compare`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mqm import console

if TYPE_CHECKING:
    from models.registry import Registry, Version
    from watch.compare import Compared
    from watch.monitor import Monitored

#: What `mqm monitor` exits with when there is an alarm.
ALARM = 3
_PAGE_HELP = "write the page, .html, and the same as .json beside"
_SHOWN = 8


def add(commands: Any) -> None:
    """Adds the commands of this group."""
    monitor = console.command(
        commands,
        "monitor",
        _monitor,
        "look whether promises came true and the world is still the same; exits with 3 on an alarm",
        "mqm monitor mql_to_meeting --log demo --out watch.html",
    )
    monitor.add_argument("conversion", metavar="CONVERSION", help="a conversion with a champion")
    console.log_option(monitor)
    monitor.add_argument("--as-of", type=console.time_argument, metavar="TIME", help="default: the log's last moment")
    monitor.add_argument(
        "--scores", type=Path, metavar="FILE", help="scores that mqm score wrote; default: they are computed again"
    )
    monitor.add_argument(
        "--days",
        type=console.whole_number(1, 90),
        default=7,
        metavar="N",
        help="length of a window: the latest is held against those before; default: 7",
    )
    monitor.add_argument("--version", metavar="V", help="default: the champion")
    monitor.add_argument("--out", type=_page, metavar="FILE", help=_PAGE_HELP)
    console.json_option(monitor)

    compare = console.command(
        commands,
        "compare",
        _compare,
        "show whose scores move between two versions, by how much and why",
        "mqm compare champion challenger --log demo --out compared.html",
    )
    for name, place in (("before", "A"), ("after", "B")):
        compare.add_argument(
            name, metavar=place, help="a version: 3, champion, challenger, or with its conversion: mql_to_meeting/3"
        )
    console.log_option(compare)
    compare.add_argument("--conversion", metavar="NAME", help="needed where several conversions have such versions")
    compare.add_argument("--as-of", type=console.time_argument, metavar="TIME", help="default: the log's last moment")
    compare.add_argument(
        "--people", type=console.whole_number(0, 1000), default=10, metavar="N", help="tell N people; default: 10"
    )
    compare.add_argument("--out", type=_page, metavar="FILE", help=_PAGE_HELP)
    console.json_option(compare)


def _page(text: str) -> Path:
    """An argument that is a page to be written: wrong ones are named before the work, not after it."""
    path = Path(text)
    if path.suffix == ".json":
        raise argparse.ArgumentTypeError(f"{text!r}: the page is HTML; its JSON is written beside it")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r}: there is no folder {str(path.parent)!r}")
    return path


def _monitor(options: argparse.Namespace) -> int:
    from engagement.errors import NoModel
    from engagement.times import DAY
    from models.registry import Registry
    from mqm.model_commands import read_arrays
    from training.gate import entrant
    from watch.given import read_scores
    from watch.monitor import monitor
    from watch.page import watch_page

    console.settings(options.log).funnel.conversion(options.conversion)  # an unknown one is named as such
    registry = Registry(console.store(), console.home())
    version = registry.find(options.conversion, options.version) if options.version else None
    version = version or registry.champion(options.conversion)
    if version is None:
        cure = f"Promote one: mqm promote {options.conversion}."
        raise NoModel("no champion for", options.conversion, cure)
    with console.progress("monitor") as tell:
        tell("reading the log", 0.1)
        arrays, last_known = read_arrays(options.log)
        as_of = options.as_of if options.as_of is not None else last_known
        champion = entrant(registry, version)
        given = read_scores(options.scores, arrays, champion.model, as_of) if options.scores else None
        tell("looking", 0.4)
        found = monitor(arrays, champion, as_of, options.days * DAY, version.metrics, given)
    if options.out:
        _write(options.out, watch_page(found), found.to_json())
    if options.json:
        console.print_json(found.to_json())
    else:
        _tell(found)
        _say_written(options.out)
    return ALARM if found.alarms else 0


def _write(out: Path, html: str, data: dict[str, Any]) -> None:
    from features.table import whole_file

    body = json.dumps(console.finite(data), indent=1, ensure_ascii=False) + "\n"
    for path, text in ((out, html), (out.with_suffix(".json"), body)):
        with whole_file(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")


def _say_written(out: Path | None) -> None:
    if out:
        print(f"{out}, {out.with_suffix('.json')}")


def _tell(found: Monitored) -> None:
    from engagement.times import format_time
    from watch.looked import CURES

    said = f"{len(found.alarms)} alarm{'s' * (len(found.alarms) > 1)}" if found.alarms else "quiet"
    print(
        f"{found.model.conversion.question}  (model {found.model.version}, as of {format_time(found.windows.as_of)})"
    )
    print(
        f"{said}: {len(found.looks)} looks at the latest {found.windows.text}, beside {found.windows.before} before"
    )
    for one in found.alarms:
        print(f"  ALARM {one.kind}: {one.text}")
        print(f"    {CURES[one.kind]}")
    for one in found.looks:
        if one.kind in ("base rate", "calibration", "decay", "lift") and not one.alarm:
            print(f"  {one.kind}: {one.text}")


def _compare(options: argparse.Namespace) -> None:
    from models.registry import Registry
    from mqm.model_commands import read_arrays
    from watch.compare import compare
    from watch.compare_page import compare_page

    registry = Registry(console.store(), console.home())
    before, after = _versions(registry, options)
    with console.progress("compare") as tell:
        tell("reading the log", 0.1)
        arrays, last_known = read_arrays(options.log)
        as_of = options.as_of if options.as_of is not None else last_known
        tell("scoring with both", 0.4)
        contacts = arrays.contacts if isinstance(arrays.contacts, list) else arrays.contacts.to_pylist()
        models = [registry.load(one) for one in (before, after)]
        found = compare(models[0], models[1], arrays, contacts, as_of, options.people)
    if options.out:
        _write(options.out, compare_page(found), found.to_json())
    if options.json:
        console.print_json(found.to_json())
    else:
        _tell_compared(found)
        _say_written(options.out)


def _versions(registry: Registry, options: argparse.Namespace) -> list[Version]:
    """The two versions asked for, of one conversion.

    Raises:
        NoModel: there is no such version. BadInput: it is not said of which conversion.
    """
    from engagement.errors import BadInput, NoModel

    asked = [text.rpartition("/")[::2] for text in (options.before, options.after)]
    every = registry.versions()
    named = {name for name, _ in asked if name} | ({options.conversion} if options.conversion else set())
    names = sorted(named or {one.conversion for one in every})

    def of(conversion: str, what: str) -> Version | None:
        return next((v for v in every if v.conversion == conversion and what in (v.version, *v.aliases)), None)

    found = [[of(name, what) for _, what in asked] for name in names]
    whole = [[one for one in pair if one is not None] for pair in found]
    both = [pair for pair in whole if len(pair) == 2]
    if len(named) > 1 or len(both) > 1:
        told = ", ".join(names)
        raise BadInput("it is not clear of which conversion", told, f"Add --conversion {names[0]}.")
    if not both:
        cure = "mqm models lists what there is."
        raise NoModel("no such two versions", f"{options.before}, {options.after}", cure)
    return both[0]


def _tell_compared(found: Compared) -> None:
    from engagement.times import format_time

    body = found.to_json()
    print(f"{found.conversion}: version {found.versions[0]} → {found.versions[1]}, as of {format_time(found.as_of)}")
    print(
        f"{body['people']:,} people: on average {body['mean_before']:.1%} → {body['mean_after']:.1%}; half move by "
        f"less than {100 * body['moved_median']:.1f} points, one in ten by more than {100 * body['moved_90pct']:.1f}"
    )
    print(
        f"order kept: rank correlation {body['rank_correlation']:.3f}, {body['top_tenth_kept']:.0%} of the top tenth "
        f"stay in it; {sum(found.regraded.values()):,} have another grade"
    )
    head = ["reason", "weighs, before", "after", "speaks for it more by"]
    rows = [
        [one.code, f"{one.before:.3f}", f"{one.after:.3f}", f"{one.difference:+.3f}"]
        for one in found.reasons[:_SHOWN]
    ]
    console.print_table(head, rows)
    for one in found.movers:
        print(f"{one.after.contact_id}: {one.before.probability:.1%} → {one.after.probability:.1%}")
        for part in one.changes[:3]:
            print(f"  {part.difference:+8.3f}  {part.text}")
