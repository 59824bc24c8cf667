"""The registry in MLflow: runs, versions, champion and challenger. The only file that knows MLflow.

The store is an `mlruns` folder: `mlflow.db` (SQLite) and `artifacts/` beside it, with locations kept relative to
the project's home, so that the checkout can be moved. A bundle is a plain folder among a run's artifacts: no
pyfunc, no pickle. A registered model's aliases are `champion` and `challenger`; the tag `previous` remembers
whom a champion replaced, for the rollback.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from engagement.errors import BadInput, BrokenBundle, NoModel
from models.bundle import load_bundle, verify_bundle
from models.champions import SHADOWS, Champion, point_to
from models.propensity import PropensityModel
from models.signing import signer_or_first

CHAMPION, CHALLENGER = "champion", "challenger"
_LOCATION = "mlruns/artifacts"
_BUNDLE = "bundle"


@dataclass(frozen=True)
class Version:
    """One registered model. `created` is in microseconds UTC; `metrics` are those of its test part."""

    conversion: str
    version: str
    aliases: tuple[str, ...]
    digest: str
    created: int
    run_id: str
    metrics: Mapping[str, float]


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
        aliases: dict[tuple[str, str], list[str]] = {}
        for model in self._client.search_registered_models():
            for alias, version in model.aliases.items():
                aliases.setdefault((model.name, str(version)), []).append(alias)
        found = self._client.search_model_versions(where, max_results=1000)
        ordered = sorted(found, key=lambda one: (one.name, -int(one.version)))
        return [self._version(one, aliases.get((one.name, str(one.version)), [])) for one in ordered]

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

    def promote(self, version: Version) -> None:
        """Makes a version champion, after its bundle was loaded, repeated its golden scores and was signed.

        Raises:
            BrokenBundle: as `load`. BadInput: there is no key to sign with.
        """
        model = self.load(version)
        signer_or_first(self.home).sign(self.bundle_folder(version.run_id))
        before = next((v for v in self.versions(version.conversion) if CHAMPION in v.aliases), None)
        name, number = version.conversion, version.version
        if before is not None and before.version != number:
            self._client.set_model_version_tag(name, number, "previous", before.version)
        self._client.set_registered_model_alias(name, CHAMPION, number)
        if CHALLENGER in version.aliases:
            self._client.delete_registered_model_alias(name, CHALLENGER)
        folder = self.bundle_folder(version.run_id).relative_to(self.store)
        point_to(self.store, Champion(name, number, model.digest, str(folder)))

    def shadow(self, version: Version) -> None:
        """Has a version score in the champion's shadow, after it was loaded and signed as for a promotion.

        Raises:
            BrokenBundle: as `load`. BadInput: there is no key to sign with.
        """
        model = self.load(version)
        signer_or_first(self.home).sign(self.bundle_folder(version.run_id))
        folder = self.bundle_folder(version.run_id).relative_to(self.store)
        point_to(self.store, Champion(version.conversion, version.version, model.digest, str(folder)), SHADOWS)

    def rollback(self, conversion: str) -> Version:
        """Makes the champion's predecessor champion again and returns it.

        Raises:
            NoModel: there is no champion. BadInput: it had no predecessor.
        """
        champion = next((v for v in self.versions(conversion) if CHAMPION in v.aliases), None)
        if champion is None:
            raise NoModel("no champion for", conversion, f"Promote one: mqm promote {conversion}.")
        tags = self._client.get_model_version(conversion, champion.version).tags
        if "previous" not in tags:
            cure = "It was the first; promote another."
            raise BadInput(f"version {champion.version} of {conversion} replaced nobody", None, cure)
        before = self.find(conversion, tags["previous"])
        tag = self._client.get_model_version(conversion, before.version).tags.get("previous")
        self.promote(before)
        # Whom *it* had replaced stays its way back; a rollback must not point forward again.
        if tag is None:
            self._client.delete_model_version_tag(conversion, before.version, "previous")
        else:
            self._client.set_model_version_tag(conversion, before.version, "previous", tag)
        return self.find(conversion, before.version)

    def _version(self, one: Any, aliases: list[str]) -> Version:
        metrics = self._client.get_run(one.run_id).data.metrics
        created = int(one.creation_timestamp) * 1000
        digest = one.tags.get("digest", "")
        return Version(one.name, str(one.version), tuple(sorted(aliases)), digest, created, one.run_id, metrics)

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
