"""Commands that copy a log and that erase from it: `mqm export`, `mqm backup`, `mqm restore`, `mqm erase`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mqm import console, ledger_commands

if TYPE_CHECKING:
    from engagement.erasing import Removed

_HEAD = ["from", "events", "attributes", "scores", "bytes left"]


def add(commands: Any) -> None:
    """Adds the commands of this group."""
    export = console.command(
        commands,
        "export",
        _export,
        "write a database as sorted Parquet files to train from, while others write to it",
        "mqm export sqlite:///mqm.sqlite exported",
    )
    export.add_argument("log", metavar="LOG", help="sqlite:///path.db or postgresql://…")
    export.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="the folder to write into")
    backup = console.command(
        commands,
        "backup",
        _backup,
        "write a database into one new file, while others write to it",
        "mqm backup sqlite:///mqm.sqlite monday.db",
    )
    backup.add_argument("log", metavar="LOG", help="sqlite:///path.db or postgresql://…")
    backup.add_argument("file", metavar="FILE", type=Path, help="the file to write; none is overwritten")
    restore = console.command(
        commands,
        "restore",
        _restore,
        "add to a log what a backup holds and the log lacks; erased contacts stay erased",
        "mqm restore monday.db --log sqlite:///mqm.sqlite",
    )
    restore.add_argument("file", metavar="FILE", type=Path, help="a backup")
    console.log_option(restore)
    erase = console.command(
        commands,
        "erase",
        _erase,
        "remove a contact from the log, the scores, and the exports and backups made here",
        "mqm erase c-42 --log sqlite:///mqm.sqlite",
    )
    erase.add_argument("contact", metavar="CONTACT", help="the contact's id")
    console.log_option(erase)
    erase.add_argument(
        "--also",
        action="append",
        default=[],
        type=Path,
        metavar="PATH",
        help="a further folder or backup",
    )
    for made in (export, backup, restore, erase):
        console.json_option(made)


def _export(options: argparse.Namespace) -> None:
    from engagement.copies import export_log, remember
    from engagement.log import open_database

    remember(console.home(), options.out_dir)
    with console.progress("export") as tell:
        counts = export_log(open_database(options.log, create=False), options.out_dir, tell)
    _tell(options, counts | {"written": str(options.out_dir)})


def _backup(options: argparse.Namespace) -> None:
    from engagement.copies import backup_log, remember
    from engagement.log import open_database

    remember(console.home(), options.file)
    with console.progress("backup") as tell:
        counts = backup_log(open_database(options.log, create=False), options.file, tell)
    _tell(options, counts | {"written": str(options.file)})


def _restore(options: argparse.Namespace) -> None:
    from engagement.copies import restore_log
    from engagement.erased import read_tombstones
    from engagement.log import open_database

    with console.progress("restore") as tell:
        log = open_database(options.log, create=True)
        done = restore_log(options.file, log, read_tombstones(console.home()), tell)
    _tell(
        options,
        {
            "restored events": done.accepted,
            "already there": done.duplicates,
            "with another body": len(done.conflicts),
            "of erased contacts": done.erased,
            "restored attributes": done.attributes,
        },
    )


def _erase(options: argparse.Namespace) -> None:
    from engagement.copies import remembered
    from engagement.erased import add_tombstone
    from engagement.erasing import erase_from_database, erase_from_folder

    moment, home = console.now(), console.home()
    add_tombstone(home, options.contact, moment)  # first: whatever happens to the rest, no backup brings it back
    places = [options.log, *(str(path) for path in dict.fromkeys([*remembered(home), *options.also]))]
    removed = []
    for place in places:
        if "://" in place:
            removed.append(erase_from_database(place, options.contact, moment))
        elif Path(place).is_dir():
            removed.append(erase_from_folder(Path(place), options.contact))
        else:
            removed.append(erase_from_database(f"sqlite:///{Path(place).absolute()}", options.contact, moment))
    removed += _from_ledger(options.contact, moment)
    if options.json:
        from dataclasses import asdict

        console.print_json([asdict(one) for one in removed])
        return
    shown = ["–" if one.bytes_left is None else f"{one.bytes_left}" for one in removed]
    rows = [
        [one.place, f"{one.events}", f"{one.attributes}", f"{one.scores}", left]
        for one, left in zip(removed, shown, strict=True)
    ]
    console.print_table(_HEAD, rows)
    if any(one.bytes_left for one in removed):
        print("bytes that are left stand in rows of others: the id is part of theirs, or they mention it")


def _from_ledger(contact: str, moment: int) -> list[Removed]:
    from engagement.erasing import Removed
    from engagement.ledger import Ledger
    from engagement.scrub import scrub

    path = ledger_commands.ledger_path()
    if not path.is_file():
        return []
    ledger = Ledger(path)
    try:
        scores = ledger.erase(contact, moment, "cli")
    finally:
        ledger.close()
    return [Removed(str(path), scores=scores, bytes_left=scrub(path, contact))]


def _tell(options: argparse.Namespace, body: dict[str, int | str]) -> None:
    if options.json:
        console.print_json({name.replace(" ", "_"): value for name, value in body.items()})
        return
    for name, value in body.items():
        print(f"{name:20} {value:,}" if isinstance(value, int) else f"{name:20} {value}")
