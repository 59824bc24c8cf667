"""Tuning: which LightGBM settings to try, by hand or by Optuna (Akiba et al. 2019), within a budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: The settings tried when no trials are asked for: from stiff (little data) to supple.
CANDIDATES: tuple[dict[str, Any], ...] = (
    {"num_leaves": 4, "min_data_in_leaf": 20, "lambda_l2": 10.0, "feature_fraction": 0.3},
    {"num_leaves": 8, "min_data_in_leaf": 40, "lambda_l2": 10.0, "feature_fraction": 0.5},
    {"num_leaves": 16, "min_data_in_leaf": 80, "lambda_l2": 10.0, "feature_fraction": 0.5},
)

#: Tells the loss after so many trees; True when the trial is hopeless and may stop.
Watch = Callable[[int, float], bool]
#: Tries settings, watched, and answers with their loss.
Attempt = Callable[[dict[str, Any], Watch | None], float]


@dataclass(frozen=True)
class Budget:
    """How much to try: so many trials and, if given, at most so many seconds; no trials: the usual three settings.

    With a limit of time the result depends on the machine's speed; trials alone can be repeated.
    """

    trials: int = 0
    seconds: float | None = None

    @property
    def searched(self) -> bool:
        """Whether Optuna proposes settings."""
        return self.trials > 0 or self.seconds is not None


def search(attempt: Attempt, budget: Budget, seed: int) -> None:
    """Lets Optuna propose settings; the usual ones come first, and hopeless trials are stopped early."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=len(CANDIDATES), n_warmup_steps=50),
    )
    for settings in CANDIDATES[: budget.trials or None]:
        study.enqueue_trial(settings)

    def objective(trial: Any) -> float:
        def watch(trees: int, loss: float) -> bool:
            trial.report(loss, trees)
            return bool(trial.should_prune())

        settings = {
            "num_leaves": trial.suggest_int("num_leaves", 3, 63, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 10, 300, log=True),
            "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 100.0, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.1, 1.0),
        }
        try:
            return attempt(settings, watch)
        except Stopped:
            raise optuna.TrialPruned from None

    study.optimize(objective, n_trials=budget.trials or None, timeout=budget.seconds)


class Stopped(Exception):
    """A watched trial was given up."""
