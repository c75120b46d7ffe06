"""Reading a store back: its tables as Arrow, and the mapping of any run as a module."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from stochmap.store._errors import StoreError
from stochmap.store._manifest import FOLDER, committed_chunks, data_path
from stochmap.store._objects import Objects, open_objects
from stochmap.store._ranges import ChunkRange, parse_chunk_name
from stochmap.store._store import STUDY_FILE

if TYPE_CHECKING:
    from stochmap.mappings import CategoricalMapping, GaussianMapping

_REPLICATES = 1 << 32  # run_id = condition_id · 2³² + replicate


@dataclass(frozen=True)
class StudyStore:
    """A store open for reading: what was published when it was opened, and nothing that is still being written."""

    objects: Objects
    study: Mapping[str, Any]
    """The identity, parsed."""
    chunks_of: Mapping[str, Sequence[ChunkRange]]
    """The published chunks that have a file, by table."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that the store keeps."""
        return tuple(self.chunks_of)

    def dataset(self, name: str) -> ds.Dataset:
        """A table as a pyarrow dataset, to be read in batches where it does not fit into memory.

        Raises:
            StoreError: the store does not keep the table.
        """
        return self._dataset(name, self._chunks(name))

    def table(
        self,
        name: str,
        columns: Sequence[str] | None = None,
        filters: pc.Expression | Sequence[Any] | None = None,
    ) -> pa.Table:
        """A table, or the `columns` of it; `filters` is a pyarrow expression or a list such as `[("n", ">", 3)]`.

        Raises:
            StoreError: the store does not keep the table, or the table has no such column.
        """
        dataset = self.dataset(name)
        unknown = [column for column in columns or () if column not in dataset.schema.names]
        if unknown:
            raise StoreError(
                f"table {name!r} has no column {unknown[0]!r}; its columns are {', '.join(dataset.schema.names)}"
            )
        if filters is not None and not isinstance(filters, pc.Expression):
            filters = pq.filters_to_expression(list(filters))
        return dataset.to_table(columns=None if columns is None else list(columns), filter=filters)

    def runs(self) -> pa.Table:
        """The table `runs`: one row a run."""
        return self.table("runs")

    def mapping(self, run_id: int | str, learner: str | None = None) -> "CategoricalMapping | GaussianMapping":
        """The true mapping of a run, or the one that `learner` made of its data.

        A cell that is not stored has probability 0, its logit is −∞; a row x without any stored cell was not
        identified and is NaN. `run_id` may be a string, as JSON and HTML have to write it.

        Raises:
            StoreError: no such run or learner, or the store does not keep the table that it takes.
        """
        run = _run_number(run_id)
        chunk = self._chunk_with(run)
        if learner is None:
            rows = self._rows_of("truths", chunk, run)
        else:
            learners = self._rows_of("fits", chunk, run).column("learner").to_pylist()
            if learner not in learners:
                raise StoreError(
                    f"run {run} was not learned by {learner!r}; its learners are {', '.join(dict.fromkeys(learners))}"
                )
            rows = self._rows_of("estimates", chunk, run)
            rows = rows.filter(pc.field("learner") == learner)
        if rows.num_rows == 0:
            what = "truth" if learner is None else f"estimates of {learner!r}"
            raise StoreError(f"{self.objects.url} keeps no {what} for run {run}")
        return _mapping(rows, self._rows_of("runs", chunk, run))

    def truth(self) -> "CategoricalMapping | GaussianMapping":
        """The true mapping of a dataset's store; a cell that is not stored has probability 0.

        Raises:
            StoreError: it is a study's store, where every run has a truth of its own.
        """
        if "inputs" not in self.chunks_of:
            raise StoreError(f"{self.objects.url} holds runs, each with a truth of its own; use mapping(run_id)")
        return _true_mapping(self.table("truths"), self.table("inputs").num_rows)

    def _chunks(self, name: str) -> Sequence[ChunkRange]:
        if name not in self.chunks_of:
            kept = ", ".join(self.chunks_of) or "none yet: no chunk is published"
            raise StoreError(
                f"{self.objects.url} keeps no table {name!r}, only {kept}; "
                "name it in the study's `keep` and use a new folder"
            )
        return self.chunks_of[name]

    def _dataset(self, name: str, chunks: Sequence[ChunkRange]) -> ds.Dataset:
        filesystem, base = self.objects.arrow_filesystem()
        paths = [base + data_path(name, chunk.name) for chunk in chunks]
        # Every file has the table's one schema: the first tells it, the others are not opened to find it out.
        with filesystem.open_input_file(paths[0]) as first:
            schema = pq.read_schema(first)
        return ds.FileSystemDataset.from_paths(
            paths, schema=schema, format=ds.ParquetFileFormat(), filesystem=filesystem
        )

    def _chunk_with(self, run: int) -> ChunkRange:
        condition, replicate = divmod(run, _REPLICATES)
        chunks = self._chunks("runs")
        for chunk in chunks:
            if chunk.condition_id == condition and chunk.first <= replicate < chunk.first + chunk.count:
                return chunk
        known = sum(chunk.count for chunk in chunks)
        example = chunks[0].condition_id * _REPLICATES + chunks[0].first
        raise StoreError(
            f"{self.objects.url} has no run {run} among its {known} (the first is {example}); "
            "take a run_id of table 'runs'"
        )

    def _rows_of(self, name: str, chunk: ChunkRange, run: int) -> pa.Table:
        if chunk not in self._chunks(name):
            raise StoreError(f"{self.objects.url} keeps nothing in table {name!r} for run {run}")
        return self._dataset(name, [chunk]).to_table(filter=pc.field("run_id") == run)


def open(path: str | Path) -> StudyStore:
    """Opens the store at a local folder or `s3://bucket/prefix` for reading.

    Raises:
        StoreError: there is no store.
    """
    objects = open_objects(path)
    study = read_study(objects)
    published = set(committed_chunks(objects))
    chunks_of: dict[str, list[ChunkRange]] = {}
    for item in objects.paths():
        table, _, file = item.partition("/")
        chunk = parse_chunk_name(file.removesuffix(".parquet")) if table != FOLDER else None
        if chunk is not None and chunk in published and file.endswith(".parquet"):
            chunks_of.setdefault(table, []).append(chunk)
    return StudyStore(objects, study, {table: sorted(chunks) for table, chunks in sorted(chunks_of.items())})


def read_study(objects: Objects) -> Mapping[str, Any]:
    """The identity of the store, parsed.

    Raises:
        StoreError: there is none.
    """
    try:
        return tomllib.loads(bytes(objects.get(STUDY_FILE)[0]).decode())
    except FileNotFoundError as error:
        raise StoreError(f"{objects.url} is no store, it has no {STUDY_FILE}; check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{objects.url}/{STUDY_FILE} is no TOML ({error}); check the path") from error


def _run_number(run_id: int | str) -> int:
    try:
        return int(run_id)
    except ValueError as error:
        raise StoreError(f"run_id {run_id!r} is no whole number; take one of table 'runs'") from error


def _true_mapping(truths: pa.Table, num_x: int) -> "CategoricalMapping | GaussianMapping":
    from stochmap.mappings import CategoricalMapping, GaussianMapping

    columns = {name: truths[name].to_numpy() for name in truths.column_names if not truths[name].null_count}
    if "mean" in columns:
        return GaussianMapping(columns["mean"], columns["std"])
    y = columns["y"].astype(np.int64)
    probability = np.zeros((num_x, int(y.max()) + 1))
    probability[columns["x"], y] = columns["probability"]
    return CategoricalMapping(_log(probability))


def _log(probability: np.ndarray) -> np.ndarray:
    return np.where(
        probability > 0, np.log(probability, where=probability > 0, out=np.zeros_like(probability)), -np.inf
    )


def _mapping(rows: pa.Table, run: pa.Table) -> "CategoricalMapping | GaussianMapping":

    from stochmap.mappings import CategoricalMapping, GaussianMapping

    parameters = rows.column("parameter").to_numpy()
    x = rows.column("x").to_numpy()
    value = rows.column("value").to_numpy()
    num_x = _size(run, "truth_num_x", x)
    if "probability" in parameters:
        y = rows.column("y").to_numpy()
        cells = parameters == "probability"
        probability = np.zeros((num_x, _size(run, "truth_num_y", y[cells])))
        probability[x[cells], y[cells].astype(np.int64)] = value[cells]
        logits = _log(probability)
        logits[np.setdiff1d(np.arange(num_x), x[cells])] = np.nan
        return CategoricalMapping(logits)
    moments = {}
    for parameter in ("mean", "std"):
        chosen = parameters == parameter
        moments[parameter] = np.full(num_x, np.nan)
        moments[parameter][x[chosen]] = value[chosen]
    return GaussianMapping(moments["mean"], moments["std"])


def _size(run: pa.Table, column: str, indices: np.ndarray) -> int:
    known = run.column(column)[0].as_py() if column in run.column_names and run.num_rows else None
    return int(known if known is not None else indices.max() + 1)
