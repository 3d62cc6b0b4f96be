"""Says of runs which datasets they worked on. Imports MLflow.

Through MLflow's client that takes a third of what a trial's run takes otherwise. All trials of a
sweep have the same datasets: in the home's own database a run's links are copied from those that
the client gave another run, with whatever a release of MLflow puts into them. The first copy is
read back through the client; where that does not read what it reads of the original, the copy is
taken back, and every run is told by the client.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import DatasetInput, InputTag
from mlflow.store.tracking.dbmodels.models import SqlDataset, SqlInput, SqlInputTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT
from sqlalchemy import URL, Connection, create_engine, delete, insert, select, tuple_
from sqlalchemy.exc import SQLAlchemyError

from lanewise.dashboards.datasets import Dataset

LINKS, TAGS, DATASETS = (model.__table__ for model in (SqlInput, SqlInputTag, SqlDataset))


class Inputs:
    """Links runs with datasets.

    Args:
        file: the home's own database; None: what the client speaks to is for the client alone.
    """

    def __init__(self, client: MlflowClient, file: Path | None) -> None:
        self._client = client
        self._copies = None if file is None else Copies(file)
        self._original: str | None = None  # the run whose links the client made last ...
        self._datasets: tuple[Dataset, ...] = ()  # ... and with what
        self._is_proven = False

    def close(self) -> None:
        if self._copies is not None:
            self._copies.close()
        self._copies = None

    def log(self, run_id: str, datasets: Sequence[Dataset]) -> None:
        """Links a run with datasets; a link that it has stays as it is."""
        datasets = tuple(datasets)
        if datasets == self._datasets and self._is_copied(run_id):
            return
        self._client.log_inputs(run_id, [_input(dataset) for dataset in datasets])
        self._original, self._datasets = run_id, datasets

    def _is_copied(self, run_id: str) -> bool:
        """Whether the run got from its original all that the client would have given it."""
        if self._copies is None or self._original is None:
            return False
        try:
            made = self._copies.make(self._original, run_id, self._datasets)
            if made and not self._is_proven:
                self._is_proven = self._read(run_id) == self._read(self._original)
                if not self._is_proven:
                    self._copies.take_back(made)
                    made = []
        except SQLAlchemyError:  # this MLflow keeps them otherwise
            made = []
        if not made:
            self.close()
        return bool(made)

    def _read(self, run_id: str) -> list[Any]:
        """What MLflow says that a run worked on, of the datasets that are asked about."""
        known = {(dataset.name, dataset.digest) for dataset in self._datasets}
        inputs = self._client.get_run(run_id).inputs.dataset_inputs
        found = [i for i in inputs if (i.dataset.name, i.dataset.digest) in known]
        return sorted((found_input.to_dictionary() for found_input in found), key=repr)


class Copies:
    """Links of runs with datasets, as rows of MLflow's SQLite database."""

    def __init__(self, file: Path) -> None:
        self._engine = create_engine(URL.create("sqlite", database=str(file)))
        self._read: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {}

    def close(self) -> None:
        self._engine.dispose()

    def make(self, original: str, run_id: str, datasets: Sequence[Dataset]) -> list[str]:
        """Gives a run the links of another one with datasets: all of them or, at a kill, none.

        Returns:
            The ids of the links; none where the original has others than those.
        """
        with self._engine.begin() as connection:
            if original not in self._read:
                self._read[original] = _links(connection, original, datasets)
            links, tags = self._read[original]
            if len(links) != len(datasets):
                return []
            # The same each time: what was made before a kill is not made again.
            ids = {link["input_uuid"]: _id(link["source_id"], run_id) for link in links}
            mine = {"destination_id": run_id}
            links = [link | mine | {"input_uuid": ids[link["input_uuid"]]} for link in links]
            connection.execute(insert(LINKS).prefix_with("OR IGNORE"), links)
            there = select(LINKS.c.input_uuid).where(LINKS.c.input_uuid.in_(ids.values()))
            made = set(connection.scalars(there))
            tags = [tag | {"input_uuid": ids[tag["input_uuid"]]} for tag in tags]
            tags = [tag for tag in tags if tag["input_uuid"] in made]
            if tags:
                connection.execute(insert(TAGS).prefix_with("OR IGNORE"), tags)
            return list(ids.values())

    def take_back(self, ids: Sequence[str]) -> None:
        with self._engine.begin() as connection:
            for table in (TAGS, LINKS):
                connection.execute(delete(table).where(table.c.input_uuid.in_(ids)))


def _links(
    connection: Connection, run_id: str, datasets: Sequence[Dataset]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(the links of a run with datasets, the tags of these), whole rows."""
    names = [(dataset.name, dataset.digest) for dataset in datasets]
    found = connection.execute(
        select(LINKS)
        .join(DATASETS, LINKS.c.source_id == DATASETS.c.dataset_uuid)
        .where(LINKS.c.destination_type == "RUN", LINKS.c.destination_id == run_id)
        .where(tuple_(DATASETS.c.name, DATASETS.c.digest).in_(names))
    )
    links = [dict(row) for row in found.mappings()]
    ids = [link["input_uuid"] for link in links]
    tags = connection.execute(select(TAGS).where(TAGS.c.input_uuid.in_(ids)))
    return links, [dict(row) for row in tags.mappings()]


def _id(dataset: str, run_id: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{dataset} {run_id}").hex


def _input(dataset: Dataset) -> DatasetInput:
    entity = MlflowDataset(
        dataset.name,
        dataset.digest,
        dataset.source_type,
        dataset.source,
        profile=dataset.profile,
    )
    return DatasetInput(entity, [InputTag(MLFLOW_DATASET_CONTEXT, dataset.context)])
