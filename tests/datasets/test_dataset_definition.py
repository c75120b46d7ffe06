"""What a dataset is: what its identity and key follow from, and what they do not."""

import numpy as np
import pytest
from dataset_cases import dataset

from stochmap.building import StudyError
from stochmap.ingest import read_mapping
from stochmap.streams import run_keys
from stochmap.study import dataset_from_options, load_dataset

LOGITS = {"kind": "normal_logits", "num_x": 4, "num_y": 3}


def test_the_size_is_no_part_of_it():
    first, small = dataset_from_options({"truth": LOGITS, "rows": "1e3"})
    second, large = dataset_from_options({"truth": LOGITS, "rows": 2_000_000_000})
    assert (small, large) == (1000, 2_000_000_000)
    assert first == second
    assert dataset_from_options({"truth": LOGITS})[1] is None


def test_the_key_is_that_of_its_content_under_the_seed():
    """Datasets that differ in anything have other keys; those that differ in the seed alone have the same id."""
    found = [
        dataset(LOGITS),
        dataset({**LOGITS, "scale": 2.0}),
        dataset({**LOGITS, "num_x": 5}),
        dataset(LOGITS, inputs={"kind": "zipf"}),
        dataset({"kind": "reversible", "num_x": 4}),
        dataset({"kind": "reversible", "num_x": 4}, sequence={"length": 5}),
        dataset({"kind": "reversible", "num_x": 4}, sequence={"length": 6}),
    ]
    assert len({tuple(each.key.tolist()) for each in found}) == len(found)
    assert len({each.identity_hash() for each in found}) == len(found)
    other = dataset(LOGITS, seed=4)
    assert (other.id, other.table_id) == (found[0].id, found[0].table_id)
    np.testing.assert_array_equal(other.key, run_keys(4, other.id << 32))
    assert not np.array_equal(other.key, found[0].key)
    for each in found:
        assert 0 <= each.id < 1 << 31
        assert 0 <= each.table_id < 1 << 31
        assert each.id != each.table_id


def test_ids_never_change():
    """What is stored under them could not be extended otherwise."""
    assert (dataset(LOGITS).id, dataset(LOGITS).identity_hash()) == (1888165646, "e1163e1cdf651f0d")


def test_defaults_written_out_make_no_other_dataset():
    assert dataset() == dataset({"kind": "normal_logits", "num_x": 16, "num_y": 8, "scale": 1.0})
    assert dataset() == dataset({"num_x": "16"}, inputs={"kind": "uniform"})


def test_a_fixed_truth_is_its_content(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,probability\n0,0,0.25\n0,1,0.75\n")
    (tmp_path / "b.csv").write_text("y,x,probability\n1,0,0.75\n0,0,0.25\n")
    (tmp_path / "c.csv").write_text("x,y,probability\n0,0,0.5\n0,1,0.5\n")
    a, b, c = (
        dataset_from_options({"truth": {"kind": "fixed", "path": str(tmp_path / name)}}, read_mapping)[0]
        for name in ("a.csv", "b.csv", "c.csv")
    )
    assert a.identity() == b.identity() != c.identity()
    assert "path" not in a.identity()["truth"]


def test_a_file_and_options_make_the_same_dataset(tmp_path):
    (tmp_path / "mine.toml").write_text(
        'chains = 7\nseed = 3\nsequence = { length = 5 }\ntruth = { kind = "reversible", num_x = 4 }\n'
    )
    from_file, chains = load_dataset(tmp_path / "mine.toml")
    assert chains == 7
    assert from_file == dataset({"kind": "reversible", "num_x": "4"}, sequence={"length": "5"})
    assert load_dataset(tmp_path / "mine.toml", chains=9, seed=None)[1] == 9
    assert load_dataset(tmp_path / "mine.toml", seed=4)[0].seed == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"truth": LOGITS, "rows": 0}, "rows: must be at least 1 and fewer than 2\\^56 rows in all, got 0"),
        ({"truth": LOGITS, "rows": 1 << 56}, "fewer than 2\\^56"),
        ({"truth": LOGITS, "rows": "many"}, "rows: expected a whole number"),
        ({"truth": LOGITS, "chains": 5}, "chains: a dataset is measured in rows: give rows"),
        ({"truth": LOGITS, "seed": 1 << 63}, "seed: must be in 0 … 2\\^63 - 1"),
        ({"truth": LOGITS, "problem": []}, "unknown key `problem`: valid keys are rows, chains, seed"),
        ({"truth": "normal_logits"}, "truth: expected a table"),
        ({"truth": LOGITS, "inputs": {"exponent": 1}}, "inputs: `kind` is missing"),
        ({"truth": LOGITS, "sequence": {"length": 5}}, "4 × 3: use a square one"),
        ({"truth": {"kind": "gaussian"}, "sequence": {"length": 5}}, "1 × Gaussian: use a square one"),
        ({"truth": {"kind": "reversible", "num_x": 4}, "sequence": {"length": 0}}, "must be in 1 … 2\\^24, got 0"),
        ({"truth": {"kind": "reversible", "num_x": 4}, "sequence": {}}, "give the length of each chain"),
        ({"truth": {"kind": "reversible", "num_x": 4}, "sequence": 5}, "give the length of each chain"),
        (
            {"truth": {"kind": "reversible", "num_x": 4}, "sequence": {"length": 1 << 20}, "chains": 1 << 36},
            "chains: must be at least 1 and fewer than 2\\^56 rows in all",
        ),
        ({"truth": {"kind": "reversible", "num_x": 4}, "sequence": {"length": 5}, "rows": 5}, "give chains"),
        ({"truth": {"kind": "fixed", "path": "nowhere.csv"}}, "needs a reader of tables"),
        ({"truth": {"kind": "own_kinds:Plain"}}, "must be a frozen dataclass"),
        ({"truth": {"kind": "own_kinds:NoLearner"}}, "truth: NoLearner does not serve"),
        ({"truth": LOGITS, "inputs": {"kind": "own_kinds:NoLearner"}}, "inputs: NoLearner does not serve"),
    ],
)
def test_what_is_no_dataset_is_refused(options, message):
    with pytest.raises(StudyError, match=message):
        dataset_from_options(options)
