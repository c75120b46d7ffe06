import numpy as np
import pyarrow.compute as pc
import pytest
from store_cases import CONDITION, NUM_X, NUM_Y, SCHEMAS, columns, constant, make_store, tables

from stochmap import store as stochmap_store
from stochmap.store import ChunkRange, StoreError, commit, to_arrow

CHUNKS = [ChunkRange(CONDITION, 0, 4), ChunkRange(CONDITION, 4, 3), ChunkRange(3, 0, 2)]
RUN = CONDITION * 2**32 + 5


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    store = make_store(folder)
    for chunk in CHUNKS:
        commit(store, chunk, tables(chunk))
    gaussian = ChunkRange(11, 0, 2)
    runs = columns(gaussian)["runs"]
    run_id = np.repeat(runs["run_id"], 4)
    x = np.tile(np.array([0, 2], np.int32), 4)
    parameter = stochmap_store.Labels(np.tile(np.array([0, 0, 1, 1], np.int8), 2), ("mean", "std"))
    common = {"run_id": run_id, "parameter": parameter, "x": x, "y": None, "value": np.arange(8.0)}
    parts = {
        "runs": {**runs, "truth_num_x": None, "truth_num_y": None},
        "fits": columns(gaussian)["fits"],
        "truths": common,
        "estimates": {
            **common,
            "learner": constant(8, "dirichlet"),
            "lower": None,
            "upper": None,
            "seen": np.ones(8, bool),
        },
    }
    commit(store, gaussian, {name: to_arrow(name, block, SCHEMAS[name]) for name, block in parts.items()})
    return stochmap_store.open(folder)


def test_the_tables_and_the_study_are_there(opened):
    assert set(opened.tables) == {"runs", "truths", "counts", "fits", "estimates", "history"}
    assert opened.study["seed"] == 42
    assert opened.runs().num_rows == 11
    assert opened.runs().schema.equals(SCHEMAS["runs"])


def test_columns_and_filters_choose(opened):
    table = opened.table("truths", ["x", "value"], [("run_id", "=", RUN), ("x", ">", 1)])
    assert table.column_names == ["x", "value"]
    assert table.num_rows == 2 * NUM_Y
    same = opened.table("truths", ["x", "value"], (pc.field("run_id") == RUN) & (pc.field("x") > 1))
    assert table.equals(same)
    assert opened.dataset("truths").count_rows() == 9 * NUM_X * NUM_Y + 8


def test_a_table_that_is_not_kept_is_named_with_those_that_are(opened):
    with pytest.raises(
        StoreError, match="keeps no table 'samples', only counts, estimates, fits, history, runs, truths"
    ):
        opened.table("samples")
    with pytest.raises(StoreError, match="no column 'z'; its columns are run_id, parameter, x, y, value"):
        opened.table("truths", ["z"])


def test_only_what_is_published_is_read(tmp_path):
    store = make_store(tmp_path)
    assert stochmap_store.open(tmp_path).tables == ()
    with pytest.raises(StoreError, match="no chunk is published"):
        stochmap_store.open(tmp_path).runs()
    commit(store, CHUNKS[0], tables(CHUNKS[0]))
    (tmp_path / "runs" / f"{CHUNKS[1].name}.parquet").write_bytes(b"PAR1 half a file")
    assert stochmap_store.open(tmp_path).runs().num_rows == 4
    with pytest.raises(StoreError, match="no such folder"):
        stochmap_store.open(tmp_path / "nowhere")


def test_one_run_is_read_from_its_own_file_alone(opened, monkeypatch):
    seen = []
    original = type(opened)._dataset

    def watched(self, name, chunks):
        seen.extend(chunks)
        return original(self, name, chunks)

    monkeypatch.setattr(type(opened), "_dataset", watched)
    with pytest.raises(StoreError, match="was not learned by 'oracle'; its learners are maximum_likelihood, dirichlet"):
        opened.mapping(RUN, "oracle")
    assert set(seen) == {CHUNKS[1]}


@pytest.mark.parametrize("run_id", [RUN + 100, 7, -1, str(RUN + 100)])
def test_an_unknown_run_is_one_line(opened, run_id):
    with pytest.raises(StoreError, match=f"has no run {run_id} among its 11"):
        opened.mapping(run_id)


def test_a_run_id_that_is_no_number_is_one_line(opened):
    with pytest.raises(StoreError, match="run_id 'first' is no whole number"):
        opened.mapping("first")


def expected_probability(chunk: ChunkRange, run: int) -> np.ndarray:
    truths = columns(chunk)["truths"]
    return truths["value"][truths["run_id"] == run].reshape(NUM_X, NUM_Y)


@pytest.mark.parametrize("run_id", [RUN, str(RUN)])
def test_the_true_and_the_learned_mapping_of_a_run(opened, run_id):
    mappings = pytest.importorskip("stochmap.mappings")
    truth = opened.mapping(run_id)
    assert isinstance(truth, mappings.CategoricalMapping)
    np.testing.assert_allclose(np.exp(truth.logits), expected_probability(CHUNKS[1], RUN), rtol=1e-6)
    learned = opened.mapping(run_id, "dirichlet")
    np.testing.assert_allclose(np.exp(learned.logits), expected_probability(CHUNKS[1], RUN) / 2, rtol=1e-6)


def test_a_gaussian_of_a_run(opened):
    mappings = pytest.importorskip("stochmap.mappings")
    for mapping in (opened.mapping(11 << 32), opened.mapping(11 << 32, "dirichlet")):
        assert isinstance(mapping, mappings.GaussianMapping)
        np.testing.assert_array_equal(mapping.mean, [0.0, np.nan, 1.0])
        np.testing.assert_array_equal(mapping.std, [2.0, np.nan, 3.0])
    with pytest.raises(StoreError, match="keeps no estimates of 'maximum_likelihood' for run"):
        opened.mapping(11 << 32, "maximum_likelihood")


def test_cells_that_are_not_stored_have_probability_zero_and_rows_without_any_are_nan(tmp_path):
    pytest.importorskip("stochmap.mappings")
    chunk = ChunkRange(2, 0, 1)
    parts = tables(chunk)
    truths = {
        "run_id": np.full(3, 2 << 32),
        "parameter": constant(3, "probability"),
        "x": np.array([0, 1, 1], np.int32),
        "y": np.array([1, 0, 2], np.int32),
        "value": np.array([1.0, 0.25, 0.75]),
    }
    parts["truths"] = to_arrow("truths", truths, SCHEMAS["truths"])
    commit(make_store(tmp_path), chunk, parts)
    logits = np.asarray(stochmap_store.open(tmp_path).mapping(2 << 32).logits)
    expected = np.full((NUM_X, NUM_Y), np.nan)
    expected[:2] = [[0, 1, 0], [0.25, 0, 0.75]]
    np.testing.assert_allclose(np.exp(logits), expected, rtol=1e-6)
    assert np.isneginf(logits[:2]).sum() == 3
