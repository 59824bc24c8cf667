"""The report's second half: how the model was chosen, what the audit found, its limits, and how to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engagement.times import DAY, format_time
from training import report_tables as tables
from training.audit_report import CLEAR, SUSPECT, Audit, Audited
from training.report_html import Safe, join, section, tag
from training.report_words import RUNGS

if TYPE_CHECKING:
    from training.train import Trained


def choice(trained: Trained) -> Safe:
    """The rung, the ladder, the calibration, and the columns left out."""
    fitted, calibration = trained.fitted, trained.model.calibration
    kind = RUNGS.get(fitted.rung.kind, fitted.rung.kind)
    trees = f", {fitted.trees} trees" if fitted.trees else ""
    tried = f" {len(fitted.tried)} settings were tried on time-ordered folds." if fitted.tried else ""
    left = trained.left_out
    drift = tag("p", "No column drifts with the calendar so much that it was left out.")
    if left:
        names = (join([", " if k else "", tag("code", name)]) for k, name in enumerate(left))
        drift = tag("p", f"Left out because their values drift with the calendar ({len(left)}): ", *names, ".")
    return section(
        "How it was chosen",
        tag(
            "p",
            f"The model is {kind}{trees}, over {len(trained.model.features.features)} columns. A higher rung of the "
            f"ladder is taken only where it proves better out of time.{tried}",
        ),
        tables.ladder(trained),
        tag(
            "p",
            f"Calibration: log-odds = {calibration.intercept:.3f} + {calibration.slope:.3f} × margin, fitted on "
            f"{'the calibration part' if len(trained.split.calibrate) else 'out-of-fold margins'}.",
        ),
        tag("p", _recent(trained)),
        drift,
    )


def _recent(trained: Trained) -> str:
    """What the recent-base-rate correction did, or why there is none."""
    recent = trained.recent
    if recent is None or not recent.log_losses:
        return "Recent base rate: not looked at, the history is too short."
    before, after = recent.log_losses[0], min(recent.log_losses.values())
    if not recent.window:
        return f"Recent base rate: steady; following it would not have helped ({after:.4f} against {before:.4f})."
    return (
        f"Recent base rate: followed. Log-odds are moved by {recent.now:+.3f} today, so that the latest "
        f"{recent.window:,} mature rows come true as promised. Before the test part that took log loss from "
        f"{before:.4f} to {after:.4f}; the column Uncorrected shows the test part without it."
    )


def audit(trained: Trained) -> Safe:
    """Fields that seem to know the outcome, and what is odd about the log."""
    findings = trained.audit
    title = "What the audit found"
    if findings is None:
        return section(title, tag("p", "The log was not audited for fields that know the outcome already."))
    found = [field for field in findings.fields if field.verdict != CLEAR]
    suspects = dict.fromkeys(field.name for field in findings.suspects)
    verdict = (
        tag("p", f"Left out, since they seem to know the outcome: {', '.join(suspects)}.", class_="warm")
        if suspects
        else tag("p", "None is suspicious.")
    )
    return section(
        title,
        tag(
            "p", f"{len(findings.fields)} attributes and event types were looked at for knowing the outcome already."
        ),
        verdict,
        *(_field(field) for field in found),
        _notes(findings),
    )


def _field(field: Audited) -> Safe:
    badge = tag("span", field.verdict, class_=f"badge {field.verdict}" if field.verdict == SUSPECT else "badge")
    whose = " of the account" if field.level == "account" else ""
    auc = "" if field.figures.auc is None else f" · AUC alone {field.figures.auc:.2f} out of time"
    title = tag("p", badge, tag("strong", field.name), tag("span", f" {field.kind}{whose}{auc}", class_="note"))
    return tag("div", title, tag("ul", *(tag("li", one.text) for one in field.evidence)))


def _notes(findings: Audit) -> Safe:
    if not findings.notes:
        return Safe("")
    return join([tag("h3", "The log as a whole"), tag("ul", *(tag("li", note) for note in findings.notes))])


def limits(trained: Trained) -> Safe:
    """What it must not be taken for."""
    conversion = trained.rows.conversion
    last = conversion.landmarks[-1] / DAY
    told = [
        f"A probability holds for {conversion.horizon_text} from the moment it is asked for.",
        f"It has learnt from people up to {last:g} days after they entered the stage; one horizon later there is no "
        "score, because the model knows nobody like that.",
        "Reasons say what moved the number, not what would change the outcome: sending more mails to someone who is "
        "ranked high because of mails need not help.",
        "It has learnt whom this team converted. Whom the team never called, it cannot know; slices with few rows "
        "above are where that shows last.",
        "Use it to order work, not to decide about people's rights: it was made for marketing and sales.",
    ]
    if not len(trained.split.test):
        told.insert(0, "It has not been judged: treat its figures as a guess until the history is longer.")
    if not len(trained.split.calibrate):
        told.append("Calibrated on out-of-fold margins of the training part, since the history is short.")
    return section("Limits", tag("ul", *(tag("li", one) for one in told)))


def repeat(trained: Trained, facts: Mapping[str, Any]) -> Safe:
    """All that another training needs to make the same model."""
    told: dict[str, object] = {
        "Known by": format_time(trained.rows.as_of),
        "Seed": trained.seed,
        "Settings": ", ".join(f"{key} = {value}" for key, value in trained.fitted.settings.items()) or "none",
        "Log's digest": facts.get("data"),
        "Lock file's digest": facts.get("lock"),
        "Commit": facts.get("commit"),
        "Versions": ", ".join(f"{key} {value}" for key, value in dict(facts.get("versions") or {}).items()) or None,
    }
    pairs = (join([tag("dt", key), tag("dd", value)]) for key, value in told.items() if value is not None)
    return section(
        "To repeat it",
        tag("p", "The same log, seed, time and lock file make the same model, to the last bit, and this page."),
        tag("dl", *pairs),
    )
