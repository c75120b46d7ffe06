"""Every packaged query runs as it is, from the store's folder."""

import re
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

import stochmap.report
from stochmap.report._query import StoreQueries

QUERIES = sorted((Path(stochmap.report.__file__).parent / "sql").glob("*.sql"))


@pytest.mark.parametrize("query", QUERIES, ids=lambda path: path.stem)
def test_runs_as_it_is(query, origin, monkeypatch):
    monkeypatch.chdir(origin.path)
    text = query.read_text(encoding="utf-8")
    result = duckdb.connect().execute(text)
    names = [column[0] for column in result.description]
    rows = result.fetchall()
    assert rows or query.stem == "regret"
    # the head asks a question and names every column (truth_… and inputs_… as families)
    head = "\n".join(line for line in text.splitlines() if line.startswith("--"))
    assert re.match(r"-- [A-Z][^?]*\?", head)
    told = set(re.findall(r"\w+", head))
    assert {re.sub(r"^(truth|inputs)_.+", r"\1_", name) for name in names} <= told | {"truth_", "inputs_"}
    # the same rows as in Python, where paths are absolute
    with StoreQueries(origin.path) as queries:
        assert [tuple(row.values()) for row in queries.rows(query.stem)] == rows


def test_all_queries_are_here():
    assert {query.stem for query in QUERIES} >= {"summary", "recovery_error", "coverage", "status", "heat_maps"}


def test_heat_map_cells_are_those_of_the_run(new_store):
    store = new_store()
    store.add_mapping(200, runs=5, sparse=True, learners=("maximum_likelihood",))
    store.add_mapping(40, runs=5, sparse=True, learners=("maximum_likelihood",))
    with StoreQueries(store.path) as queries:
        rows = queries.rows("heat_maps")
    assert {row["num_samples"] for row in rows} == {200}
    ranked = sorted(store.fits[:5], key=lambda fit: fit["kl_fit_truth"])
    for role, fit in (("typical", ranked[2]), ("worst", ranked[4])):
        cells = [row for row in rows if row["role"] == role]
        assert {row["run_id"] for row in cells} == {fit["run_id"]}
        assert len(cells) == 16 * 8
        truth = {
            (row["x"], row["y"]): row["value"] for row in _table(store, "truths") if row["run_id"] == fit["run_id"]
        }
        assert len(truth) == 16 * 4  # the other half is not stored
        assert {(row["x"], row["y"]): row["truth"] for row in cells if row["truth"]} == truth
        table = np.zeros((16, 8))
        for row in cells:
            table[row["x"], row["y"]] = row["learned"]
        np.testing.assert_allclose(table.sum(1), 1)


def test_unseen_inputs_are_not_learned(new_store):
    store = new_store()
    store.add_mapping(6, runs=3, num_x=12, num_y=2, learners=("maximum_likelihood", "dirichlet"))
    with StoreQueries(store.path) as queries:
        rows = queries.rows("heat_maps")
    missing = [row for row in rows if row["learned"] is None]
    assert {row["learner"] for row in missing} == {"maximum_likelihood"}
    assert all(row["truth"] > 0 for row in missing)


def test_large_tables_and_grids_are_bounded(new_store):
    store = new_store()
    store.add_mapping(3000, problem="large", runs=20, num_x=70, num_y=66, learners=("dirichlet",))
    for scale in range(8):
        store.add_mapping(50, problem="grid", runs=1, num_x=2, num_y=2, scale=1.0 + scale, learners=("dirichlet",))
    with StoreQueries(store.path) as queries:
        cells, points = queries.rows("heat_maps"), queries.rows("scatter")
        again = queries.rows("scatter")
    large = [row for row in cells if row["problem"] == "large"]
    assert len(large) == 2 * 64 * 64
    assert {(row["num_x"], row["num_y"]) for row in large} == {(70, 66)}
    assert len({row["condition_id"] for row in cells if row["problem"] == "grid"}) == 6
    # scales 1 … 6, not an accident of hashes
    shown = {row["condition_id"] for row in points if row["problem"] == "grid"}
    scales = {row["run_id"] >> 32: row["truth_scale"] for row in _table(store, "runs") if row["problem"] == "grid"}
    assert {scales[condition] for condition in shown} == {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
    assert sum(row["problem"] == "large" for row in points) == 1500
    assert points == again


def _table(store, name) -> list[dict]:
    return [row for file in sorted((store.path / name).glob("*.parquet")) for row in pq.read_table(file).to_pylist()]
