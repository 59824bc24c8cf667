"""The registry in MLflow: runs, versions, champion and challenger. The only file that knows MLflow.

The store is an `mlruns` folder: `mlflow.db` (SQLite) and `artifacts/` beside it, with locations kept relative to
the project's home, so that the checkout can be moved. A bundle is a plain folder among a run's artifacts: no
pyfunc, no pickle. A registered model's aliases are `champion` and `challenger`; the tag `previous` remembers
whom a champion replaced, for the rollback. Who is champion is decided by the pointer of `models.champions`, which
is replaced in one step; MLflow's alias is its mirror, so a promotion that is killed leaves the old one or the new.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from engagement.errors import BadInput, BrokenBundle, NoModel
from models.bundle import load_bundle, verify_bundle
from models.champions import FOLDER, SHADOWS, Champion, champions, point_to
from models.propensity import PropensityModel
from models.signing import signer_or_first

CHAMPION, CHALLENGER = "champion", "challenger"
_LOCATION = "mlruns/artifacts"
_BUNDLE = "bundle"


@dataclass(frozen=True)
class Version:
    """One registered model; `metrics` are those of its test part.

    Attributes:
        created: when it was registered; since: since when it is champion, 0 if it is not. Microseconds UTC.
    """

    conversion: str
    version: str
    aliases: tuple[str, ...]
    digest: str
    created: int
    run_id: str
    metrics: Mapping[str, float]
    since: int = 0


class Registry:
    """The models of one `mlruns` folder, which is made when first written to.

    Args:
        home: the project's folder, where the key is that signs what is promoted; by default that around the store.
    """

    def __init__(self, store: Path, home: Path | None = None) -> None:
        # Nothing leaves this machine: MLflow reports usage unless told not to, before it is imported.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("DO_NOT_TRACK", "true")
        self.store = store.resolve()
        self.home = (home or self.store.parent).resolve()

    @cached_property
    def _client(self) -> Any:
        import logging

        for name in ("alembic", "mlflow", "mlflow.store.db.utils"):
            logging.getLogger(name).setLevel(logging.WARNING)
        from mlflow import MlflowClient

        self.store.mkdir(parents=True, exist_ok=True)
        return MlflowClient(tracking_uri=f"sqlite:///{self.store / 'mlflow.db'}")

    def start_run(self, conversion: str, parameters: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """A new run in the conversion's experiment; returns its id."""
        run = self._client.create_run(self._experiment(conversion), tags=dict(tags), run_name=conversion)
        from mlflow.entities import Param

        texts = [Param(key, str(value)[:5900]) for key, value in parameters.items()]
        self._client.log_batch(run.info.run_id, params=texts)
        return str(run.info.run_id)

    def artifacts(self, run_id: str) -> Path:
        """The folder of a run's artifacts; files written there are the run's."""
        folder = self.store / "artifacts" / run_id / "artifacts"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def bundle_folder(self, run_id: str) -> Path:
        """Where the run's bundle belongs."""
        return self.artifacts(run_id) / _BUNDLE

    def finish_run(self, run_id: str, metrics: Mapping[str, float], now: int) -> None:
        """Logs the finite metrics in one go and closes the run. `now` is in microseconds UTC."""
        from mlflow.entities import Metric

        finite = [Metric(k, v, now // 1000, 0) for k, v in metrics.items() if v == v and abs(v) != float("inf")]
        self._client.log_batch(run_id, metrics=finite)
        self._client.set_terminated(run_id)

    def fail_run(self, run_id: str) -> None:
        """Closes a run that went wrong."""
        self._client.set_terminated(run_id, status="FAILED")

    def register(self, conversion: str, run_id: str, digest: str) -> str:
        """Registers the run's bundle as a new version, the challenger; returns the version."""
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(conversion)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{_LOCATION}/{run_id}/artifacts/{_BUNDLE}"
        made = self._client.create_model_version(conversion, source, run_id, tags={"digest": digest})
        self._client.set_registered_model_alias(conversion, CHALLENGER, made.version)
        return str(made.version)

    def versions(self, conversion: str | None = None) -> list[Version]:
        """All versions (of a conversion), the newest first; none where nothing was ever stored."""
        if not (self.store / "mlflow.db").is_file():
            return []  # looking must not make a store
        where = f"name='{conversion}'" if conversion else ""
        leading = {(one.conversion, one.version): one.since for one in champions(self.store).values()}
        challengers = {
            (model.name, str(version))
            for model in self._client.search_registered_models()
            for alias, version in model.aliases.items()
            if alias == CHALLENGER
        }
        found = self._client.search_model_versions(where, max_results=1000)
        ordered = sorted(found, key=lambda one: (one.name, -int(one.version)))
        return [self._version(one, leading, challengers) for one in ordered]

    def find(self, conversion: str, version: str | None = None) -> Version:
        """A version, or without a number the champion, else the challenger.

        Raises:
            NoModel: there is none.
        """
        versions = self.versions(conversion)
        for alias in (CHAMPION, CHALLENGER):
            for one in versions:
                if one.version == version or (version is None and alias in one.aliases):
                    return one
        if version is None or not versions:
            raise NoModel("no model for", conversion, f"Train one: mqm train {conversion} --log LOG.")
        known = ", ".join(one.version for one in versions)
        raise NoModel(f"no such version of {conversion}", version, f"There are: {known}.")

    def challenger(self, conversion: str) -> Version:
        """The challenger.

        Raises:
            NoModel: there is none.
        """
        for one in self.versions(conversion):
            if CHALLENGER in one.aliases:
                return one
        raise NoModel("no challenger for", conversion, f"Train one: mqm train {conversion} --log LOG.")

    def load(self, version: Version) -> PropensityModel:
        """The model of a version, verified.

        Raises:
            BrokenBundle: it is not what its manifest says, or not the bundle that was registered.
        """
        folder = self.bundle_folder(version.run_id)
        model = load_bundle(folder, version.version)
        if version.digest and model.digest != version.digest:
            cure = "Train again, or roll back to a whole bundle."
            raise BrokenBundle(f"{folder}: not the bundle that was registered", model.digest, cure)
        return model

    def manifest(self, version: Version) -> dict[str, Any]:
        """The verified manifest of a version's bundle."""
        return verify_bundle(self.bundle_folder(version.run_id))

    def champion(self, conversion: str) -> Version | None:
        """The champion; None where nobody was promoted, or nobody whom this registry knows."""
        from mlflow.exceptions import MlflowException

        pointer = champions(self.store).get(conversion)
        if pointer is None or not (self.store / "mlflow.db").is_file():
            return None
        try:
            found = self._client.get_model_version(conversion, pointer.version)
        except MlflowException:
            return None
        return self._version(found, {(conversion, pointer.version): pointer.since}, set())

    def promote(self, version: Version, now: int) -> None:
        """Makes a version champion, after its bundle was loaded, repeated its golden scores and was signed.

        Args:
            now: microseconds UTC, since when it is champion.

        Raises:
            BrokenBundle: as `load`. BadInput: there is no key to sign with.
        """
        model = self.load(version)
        with self._locked(version.conversion):
            before = self.champion(version.conversion)
            if before is not None and before.version != version.version:
                self._client.set_model_version_tag(version.conversion, version.version, "previous", before.version)
            self._point(version, model.digest, now)

    def shadow(self, version: Version) -> None:
        """Has a version score in the champion's shadow, after it was loaded and signed as for a promotion.

        Raises:
            BrokenBundle: as `load`. BadInput: there is no key to sign with.
        """
        model = self.load(version)
        signer_or_first(self.home).sign(self.bundle_folder(version.run_id))
        folder = self.bundle_folder(version.run_id).relative_to(self.store)
        point_to(self.store, Champion(version.conversion, version.version, model.digest, str(folder)), SHADOWS)

    def rollback(self, conversion: str, now: int) -> Version:
        """Makes the champion's predecessor champion again, as of `now` (microseconds UTC), and returns it.

        Raises:
            NoModel: there is no champion. BadInput: it had no predecessor.
        """
        champion = self.champion(conversion)
        if champion is None:
            raise NoModel("no champion for", conversion, f"Promote one: mqm promote {conversion}.")
        # Whom the predecessor had replaced is its own tag still: a rollback never points forward again.
        tags = self._client.get_model_version(conversion, champion.version).tags
        if "previous" not in tags:
            cure = "It was the first; promote another."
            raise BadInput(f"version {champion.version} of {conversion} replaced nobody", None, cure)
        before = self.find(conversion, tags["previous"])
        digest = self.load(before).digest
        with self._locked(conversion):
            self._point(before, digest, now)
        return self.find(conversion, before.version)

    def mirror(self, conversion: str) -> None:
        """Lets MLflow's alias say what the pointer says, should a promotion have been killed in between."""
        champion = self.champion(conversion)
        if champion is not None:
            with self._locked(conversion):
                self._alias(champion)

    def _point(self, version: Version, digest: str, now: int) -> None:
        folder = self.bundle_folder(version.run_id)
        signer_or_first(self.home).sign(folder)
        place, since = str(folder.relative_to(self.store)), version.since or now
        point_to(self.store, Champion(version.conversion, version.version, digest, place, since))
        self._alias(version)

    def _alias(self, version: Version) -> None:
        name, number = version.conversion, version.version
        aliases = {alias: str(of) for alias, of in self._client.get_registered_model(name).aliases.items()}
        if aliases.get(CHAMPION) != number:
            self._client.set_registered_model_alias(name, CHAMPION, number)
        if aliases.get(CHALLENGER) == number:
            self._client.delete_registered_model_alias(name, CHALLENGER)

    @contextmanager
    def _locked(self, conversion: str) -> Iterator[None]:
        """One promotion of a conversion at a time; the lock dies with its process."""
        folder = self.store / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f".{conversion}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _version(
        self, one: Any, leading: Mapping[tuple[str, str], int], challengers: set[tuple[str, str]]
    ) -> Version:
        metrics = self._client.get_run(one.run_id).data.metrics
        created = int(one.creation_timestamp) * 1000
        key = (one.name, str(one.version))
        aliases = (CHAMPION,) if key in leading else (CHALLENGER,) if key in challengers else ()
        digest = one.tags.get("digest", "")
        since = leading.get(key, 0)
        return Version(*key, aliases, digest, created, one.run_id, metrics, since)

    def _experiment(self, conversion: str) -> str:
        known = self._client.get_experiment_by_name(conversion)
        if known is not None:
            return str(known.experiment_id)
        made = self._client.create_experiment(conversion)
        # MLflow makes any local location absolute when it creates an experiment; keep the relative one.
        from mlflow.store.tracking.dbmodels.models import SqlExperiment

        with self._client._tracking_client.store.ManagedSessionMaker(read_only=False) as session:
            row = session.query(SqlExperiment).filter(SqlExperiment.experiment_id == int(made)).one()
            row.artifact_location = _LOCATION
        return str(made)
