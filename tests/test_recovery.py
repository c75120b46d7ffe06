import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from example_study import COUNT, OPTIONS, chunk_of, example
from scipy import special
from tables import decoded, digest, joined, sorted_rows

from stochmap.calibration import LOG_LIKELIHOOD
from stochmap.learners import LEARNERS, Status
from stochmap.metrics import METRIC_COLUMNS
from stochmap.recovery import LEVEL, POSTERIOR_DRAWS, run_chunk
from stochmap.sampling import categorical_sampler, count_pairs, draw_pairs, gaussian_sampler, value_moments
from stochmap.sharding import batch_size
from stochmap.streams import run_keys
from stochmap.study import from_options
from stochmap.truths import Dirichlet, NormalInverseGamma, Zipf

TESTS = Path(__file__).parent
PROBLEMS = ("mapping", "gaussian")

Decoded = dict[str, dict[str, np.ndarray]]


def run(study, problem: str, first: int, count: int) -> Decoded:
    return decoded(run_chunk(study, chunk_of(study, problem, first, count)))


@pytest.fixture(scope="module")
def study():
    return example()


@pytest.fixture(scope="module")
def tables(study) -> dict[str, Decoded]:
    return {problem: run(study, problem, 0, COUNT) for problem in PROBLEMS}


@pytest.fixture(scope="module")
def on_other_devices(tmp_path_factory) -> dict[int, dict[str, np.ndarray]]:
    """The same chunk by processes with 1 and with 8 devices."""
    folder = tmp_path_factory.mktemp("devices")
    processes = {}
    for devices in (1, 8):
        environment = {**os.environ, "JAX_NUM_CPU_DEVICES": str(devices), "JAX_PLATFORMS": "cpu"}
        environment["PYTHONPATH"] = os.pathsep.join([str(TESTS.parent), str(TESTS)])
        command = [sys.executable, str(TESTS / "example_study.py"), str(folder / f"{devices}.npz")]
        # Its data and closed forms only, in a third of the time; tests/jobs has gradient descent on 8 devices.
        command += ["few"] if devices == 8 else []
        processes[devices] = subprocess.Popen(command, env=environment)
    assert [process.wait(timeout=300) for process in processes.values()] == [0, 0]
    found = {devices: dict(np.load(folder / f"{devices}.npz")) for devices in processes}
    assert {devices: int(columns.pop("devices")) for devices, columns in found.items()} == {1: 1, 8: 8}
    return found


def test_the_tables_that_are_kept(tables):
    common = {"runs", "truths", "samples", "fits", "estimates", "history", "calibration"}
    assert set(tables["mapping"]) == common | {"counts"}
    assert set(tables["gaussian"]) == common | {"moments"}
    bare = run(example(keep=[]), "mapping", 0, 1)
    assert set(bare) == {"runs", "fits"}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_each_run_is_told_once(study, tables, problem):
    runs, chunk = tables[problem]["runs"], chunk_of(study, problem, 0, COUNT)
    np.testing.assert_array_equal(runs["run_id"], chunk.run_ids)
    np.testing.assert_array_equal(runs["replicate"], np.arange(COUNT))
    keys = run_keys(study.seed, chunk.run_ids)
    assert [key.decode() for key in runs["key"]] == [f"{high:08x}{low:08x}" for high, low in keys]
    assert set(runs["problem"]) == {problem}
    assert (runs["num_samples"] == study.problem(problem).num_samples[0]).all()
    if problem == "mapping":
        assert set(runs["truth_kind"]) == {"dirichlet"}
        assert (runs["truth_concentration"] == 0.7).all()
        assert (runs["truth_num_y"] == 4).all()
        assert set(runs["inputs_kind"]) == {"zipf"}
        assert (runs["inputs_exponent"] == 2.0).all()
        assert np.isnan(runs["truth_beta"]).all()  # of the other problem


def test_truths_are_those_of_the_runs_keys(study, tables):
    keys = run_keys(study.seed, chunk_of(study, "mapping", 0, COUNT).run_ids)
    truths = tables["mapping"]["truths"]
    np.testing.assert_array_equal(truths["value"].reshape(COUNT, 5, 4), Dirichlet(5, 4, 0.7).draw(keys).probabilities)
    assert set(truths["parameter"]) == {"probability"}
    keys = run_keys(study.seed, chunk_of(study, "gaussian", 0, COUNT).run_ids)
    truths, table = tables["gaussian"]["truths"], NormalInverseGamma(num_x=3).draw(keys)
    for name in ("mean", "std"):
        np.testing.assert_array_equal(
            truths["value"][truths["parameter"] == name].reshape(COUNT, 3), getattr(table, name)
        )
    assert np.isnan(truths["y"]).all()


def test_truths_leave_out_what_is_0():
    options = {
        "name": "sparse",
        "num_samples": 20,
        "truth": {"kind": "sparse", "num_x": 5, "num_y": 4, "outcomes": 2},
        "learners": [{"kind": "maximum_likelihood"}],
    }
    study = from_options({"keep": ["truths"], "problem": [options]})
    truths = run(study, "sparse", 0, 3)["truths"]
    assert len(truths["value"]) == 3 * 5 * 2
    assert (truths["value"] > 0).all()
    assert set(truths["parameter"]) == {"probability"}


def test_counts_are_those_of_the_samples(tables):
    """The pairs that are stored are the pairs that were learned from."""
    samples, counts = tables["mapping"]["samples"], tables["mapping"]["counts"]
    runs = tables["mapping"]["runs"]
    assert np.isnan(samples["value"]).all()
    for index in (0, 127, 128, 255, 256, COUNT - 1):
        mine = samples["run_id"] == runs["run_id"][index]
        assert mine.sum() == 300
        expected = count_pairs(samples["x"][mine], samples["y"][mine], 5, 4).n
        told = counts["run_id"] == runs["run_id"][index]
        found = np.zeros((5, 4), int)
        found[counts["x"][told], counts["y"][told]] = counts["n"][told]
        np.testing.assert_array_equal(found, expected)
        assert runs["num_visited_x"][index] == (expected.sum(axis=1) > 0).sum()
    assert (counts["n"] > 0).all()


def test_samples_are_the_pairs_that_anyone_can_draw(study, tables):
    """From the stored truth and key alone: `draw_pairs`, any window."""
    runs, samples = tables["mapping"]["runs"], tables["mapping"]["samples"]
    truths = tables["mapping"]["truths"]["value"].reshape(COUNT, 5, 4)
    key = np.array([int(runs["key"][77][:8], 16), int(runs["key"][77][8:], 16)], dtype=np.uint32)
    x, y, _ = draw_pairs(categorical_sampler(Zipf(2.0).probabilities(5), truths[77]), key, 100, 50)
    mine = samples["run_id"] == runs["run_id"][77]
    np.testing.assert_array_equal(samples["x"][mine][100:150], x)
    np.testing.assert_array_equal(samples["y"][mine][100:150], y)


def test_moments_are_those_of_the_samples(tables):
    samples, moments, runs = (tables["gaussian"][name] for name in ("samples", "moments", "runs"))
    truths = tables["gaussian"]["truths"]
    assert np.isnan(samples["y"]).all()
    for index in (0, 127, 128, COUNT - 1):
        run_id = runs["run_id"][index]
        mine, told = samples["run_id"] == run_id, moments["run_id"] == run_id
        expected = value_moments(samples["x"][mine], samples["value"][mine], 3)
        np.testing.assert_array_equal(moments["x"][told], np.flatnonzero(expected.n))
        np.testing.assert_array_equal(moments["n"][told], expected.n[expected.n > 0])
        np.testing.assert_allclose(moments["mean"][told], expected.mean[expected.n > 0], rtol=1e-12)
        np.testing.assert_allclose(moments["m2"][told], expected.m2[expected.n > 0], rtol=1e-11)
        mean, std = (
            truths["value"][(truths["run_id"] == run_id) & (truths["parameter"] == name)] for name in ("mean", "std")
        )
        key = np.array([int(runs["key"][index][:8], 16), int(runs["key"][index][8:], 16)], dtype=np.uint32)
        drawn = draw_pairs(gaussian_sampler(np.full(3, 1 / 3), mean, std), key, 0, 40)
        np.testing.assert_array_equal(samples["value"][mine], drawn.value)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_learner_has_a_row_and_its_numbers(study, tables, problem):
    fits = tables[problem]["fits"]
    learners = list(study.problem(problem).learners)
    assert len(fits["run_id"]) == COUNT * len(learners)
    for learner in learners:
        np.testing.assert_array_equal(
            np.sort(fits["run_id"][fits["learner"] == learner]), tables[problem]["runs"]["run_id"]
        )
    assert set(fits["status"]) <= {status.name.lower() for status in Status}
    exact = fits["learner"] != "gradient_descent"
    assert set(fits["status"][exact]) == {"exact"}
    assert set(fits["status"][~exact]) <= {"converged", "boundary"}
    assert set(METRIC_COLUMNS) <= set(fits)
    never = {"mean_error", "reference_mean_error", "std_error", "reference_std_error"}
    if problem == "gaussian":
        never = {
            "total_variation",
            "reference_total_variation",
            "l2_squared",
            "reference_l2_squared",
            "hellinger",
            "regret",
        }
    for name in METRIC_COLUMNS:
        assert np.isnan(fits[name]).all() == (name in never), name
    posterior = np.isin(fits["learner"], ["dirichlet", "normal_inverse_gamma"])
    assert np.isnan(fits["kl_all"][~posterior]).all()
    assert not np.isnan(fits["kl_all"][posterior]).any()
    assert np.isnan(fits["coverage"][fits["learner"] == "gradient_descent"]).all()


def test_estimates_are_what_the_numbers_were_computed_from(tables):
    estimates, fits, counts = (tables["mapping"][name] for name in ("estimates", "fits", "counts"))
    run_id = tables["mapping"]["runs"]["run_id"][5]
    n = np.zeros((5, 4))
    told = counts["run_id"] == run_id
    n[counts["x"][told], counts["y"][told]] = counts["n"][told]
    expected = {
        "maximum_likelihood": n / n.sum(axis=1, keepdims=True),
        "dirichlet": (n + 0.5) / (n.sum(1, keepdims=True) + 2),
    }
    for learner, table in expected.items():
        mine = (estimates["run_id"] == run_id) & (estimates["learner"] == learner)
        np.testing.assert_allclose(estimates["value"][mine].reshape(5, 4), table, rtol=1e-12)
        assert (estimates["lower"][mine] <= estimates["upper"][mine]).all()
    truth = tables["mapping"]["truths"]
    p = truth["value"][truth["run_id"] == run_id].reshape(5, 4)
    inputs = Zipf(2.0).probabilities(5)
    row = (fits["run_id"] == run_id) & (fits["learner"] == "dirichlet")
    kl = (p * np.log(p / expected["dirichlet"])).sum(axis=1)
    assert fits["kl_truth_fit"][row][0] == pytest.approx(inputs @ kl, rel=1e-10)
    mine = (estimates["run_id"] == run_id) & (estimates["learner"] == "dirichlet")
    inside = (estimates["lower"][mine] <= p.ravel()) & (p.ravel() <= estimates["upper"][mine])
    assert fits["coverage"][row][0] == pytest.approx(inside.mean())
    assert LEVEL == 0.95


def test_the_calibration_is_where_the_truth_lies_in_the_posterior(study, tables):
    """Of exact posteriors only: transforms and ranks of every cell, and the rank of the data's log-likelihood."""
    for problem, quantities in (("mapping", {"probability"}), ("gaussian", {"mean", "std"})):
        table, truths = tables[problem]["calibration"], tables[problem]["truths"]
        assert set(table["learner"]) == {{"mapping": "dirichlet", "gaussian": "normal_inverse_gamma"}[problem]}
        assert set(table["quantity"]) == quantities | {LOG_LIKELIHOOD}
        whole = table["quantity"] == LOG_LIKELIHOOD
        np.testing.assert_array_equal(np.isnan(table["pit"]), whole)
        np.testing.assert_array_equal(np.isnan(table["x"]), whole)
        assert whole.sum() == COUNT
        assert (table["draws"] == POSTERIOR_DRAWS).all()
        # A share of 99 draws is within five of its standard errors of the probability that it estimates.
        pit, share = table["pit"][~whole], (table["rank"][~whole] + 0.5) / (POSTERIOR_DRAWS + 1)
        assert (np.abs(share - pit) < 5.0 * np.sqrt(pit * (1 - pit) / POSTERIOR_DRAWS) + 0.01).all()
        assert len(truths["run_id"]) == len(pit)
    counts, first = tables["mapping"]["counts"], tables["mapping"]["truths"]
    n = counts["n"][(counts["run_id"] == counts["run_id"][0]) & (counts["x"] == 0)]
    mine = tables["mapping"]["calibration"]
    mine = (mine["run_id"] == counts["run_id"][0]) & (mine["x"] == 0) & (mine["y"] == 1)
    c = counts["n"][(counts["run_id"] == counts["run_id"][0]) & (counts["x"] == 0) & (counts["y"] == 1)].sum() + 0.5
    p = first["value"][(first["run_id"] == counts["run_id"][0]) & (first["x"] == 0) & (first["y"] == 1)]
    expected = special.betainc(c, n.sum() + 2.0 - c, p)
    np.testing.assert_allclose(tables["mapping"]["calibration"]["pit"][mine], expected, rtol=1e-12)


def test_an_estimate_says_whether_its_row_was_seen(study):
    """One sample of five rows: four keep the prior."""
    entry = {**OPTIONS["problem"][0], "num_samples": 1, "learners": [{"kind": "dirichlet", "concentration": 0.5}]}
    found = run(example(problem=[entry]), "mapping", 0, 20)
    rows, counts = found["estimates"], found["counts"]
    seen = dict(zip(counts["run_id"].tolist(), counts["x"].tolist(), strict=True))
    np.testing.assert_array_equal(
        rows["seen"], [seen[run] == x for run, x in zip(rows["run_id"], rows["x"], strict=True)]
    )
    assert (rows["value"][~rows["seen"]] == 0.25).all()
    assert rows["seen"].sum() == 20 * 4


def test_the_history_belongs_to_the_learner_that_has_one(tables):
    for problem in PROBLEMS:
        history, fits = tables[problem]["history"], tables[problem]["fits"]
        assert set(history["learner"]) == {"gradient_descent"}
        assert (history["step"] >= 0).all()
        mine = history["run_id"] == fits["run_id"][0]
        steps = fits["steps"][(fits["run_id"] == fits["run_id"][0]) & (fits["learner"] == "gradient_descent")]
        assert history["step"][mine].max() == steps[0]


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("cuts", [(0, 200, COUNT), (0, 1, 128, COUNT), (0, 255, 257, COUNT)])
def test_borders_of_chunks_do_not_matter(study, tables, problem, cuts):
    """Every table to the last bit, fits too: a run does not know its place in a batch, or its neighbours."""
    parts = [run(study, problem, first, stop - first) for first, stop in zip(cuts, cuts[1:], strict=False)]
    whole = tables[problem]
    for name, table in joined(*parts).items():
        assert digest(table) == digest(whole[name]), name


def test_a_run_far_away_can_be_run_alone(study):
    """Replicate 2³² − 1, the last one: `--only-run` is a chunk of one."""
    (last,) = run(study, "gaussian", (1 << 32) - 1, 1)["runs"]["replicate"]
    assert last == (1 << 32) - 1


@pytest.mark.parametrize("problem", PROBLEMS)
def test_data_and_fits_do_not_depend_on_which_learners_are_listed(study, tables, problem):
    options = example().problem(problem)
    for kept in ([0], [2, 0], [1]):
        entry = next(entry for entry in OPTIONS["problem"] if entry["name"] == options.name)
        fewer = example(problem=[{**entry, "learners": [entry["learners"][index] for index in kept]}])
        names = [entry["learners"][index]["kind"] for index in kept]
        found = run(fewer, problem, 0, 70)
        for name, table in found.items():
            whole = tables[problem][name]
            mine = np.isin(whole["run_id"], table["run_id"])
            if "learner" in whole:
                mine &= np.isin(whole["learner"], names)
            expected = {column: values[mine] for column, values in whole.items() if column in table}
            table = {column: values for column, values in table.items() if not column.startswith("truth_")}
            expected = {column: values for column, values in expected.items() if column in table}
            assert digest(table) == digest(expected), name


def test_another_seed_gives_other_runs(study, tables):
    other = run(example(seed=12), "mapping", 0, 10)
    assert not set(other["runs"]["key"]) & set(tables["mapping"]["runs"]["key"])
    assert not np.isin(other["truths"]["value"], tables["mapping"]["truths"]["value"]).any()


@pytest.mark.parametrize("devices", [1, 8])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_data_are_the_same_on_any_number_of_devices(tables, on_other_devices, problem, devices):
    """Against the two devices of this process."""
    assert batch_size() == 256
    for name in ("runs", "truths", "counts", "moments", "samples"):
        if name in tables[problem]:
            for column, values in sorted_rows(tables[problem][name]).items():
                np.testing.assert_array_equal(values, on_other_devices[devices][f"{problem}/{name}/{column}"])


@pytest.mark.parametrize("devices", [1, 8])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_fits_are_the_same_on_any_number_of_devices(tables, on_other_devices, problem, devices):
    """To the last bit: each device runs the program of one device."""
    for name in ("fits", "estimates", "history", "calibration"):
        if f"{problem}/{name}/learner" in on_other_devices[devices]:
            here = tables[problem][name]
            mine = np.isin(here["learner"], on_other_devices[devices][f"{problem}/{name}/learner"])
            assert mine.any()
            for column, values in sorted_rows({column: values[mine] for column, values in here.items()}).items():
                np.testing.assert_array_equal(values, on_other_devices[devices][f"{problem}/{name}/{column}"])


def test_without_64_bit_mode_it_says_so():
    code = "import stochmap, sys; sys.path.insert(0, 'tests'); from example_study import *; s = example()\n"
    code += "stochmap.run_chunk(s, chunk_of(s, 'mapping', 0, 1))"
    environment = {**os.environ, "PYTHONPATH": str(TESTS.parent), "JAX_ENABLE_X64": "0"}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=TESTS.parent, capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    assert 'call jax.config.update("jax_enable_x64", True) first' in found.stderr


def test_learners_and_truths_of_the_users_own_are_run():
    options = {
        "name": "own",
        "num_samples": 50,
        "truth": {"kind": "own_kinds:Cycle", "num_x": 4},
        "inputs": {"kind": "own_kinds:Edges"},
        "learners": [{"kind": "own_kinds:Constant"}, {"kind": "maximum_likelihood"}],
    }
    study = from_options({"keep": ["truths", "estimates"], "problem": [options]})
    found = run(study, "own", 0, 5)
    assert (found["runs"]["num_visited_x"] == 2).all()
    constant = found["estimates"]["learner"] == "own_kinds:Constant"
    assert (found["estimates"]["value"][constant] == 0.25).all()
    assert set(LEARNERS) & set(found["fits"]["learner"]) == {"maximum_likelihood"}


def test_every_learner_of_every_run_has_a_key_of_its_own():
    """The key follows from the run's key and the learner's name: not from its place, or from the others listed."""
    first, second = ({"kind": "own_kinds:Guess", "name": name} for name in ("first", "second"))
    truth = {"kind": "dirichlet", "num_x": 2, "num_y": 3}

    def guesses(*learners: dict) -> dict[str, np.ndarray]:
        options = {"name": "guess", "num_samples": 5, "truth": truth, "learners": list(learners)}
        found = run(from_options({"keep": ["estimates"], "problem": [options]}), "guess", 0, 70)["estimates"]
        return {learner["name"]: found["value"][found["learner"] == learner["name"]] for learner in learners}

    both, alone = guesses(first, second), guesses(second)
    np.testing.assert_array_equal(both["second"], alone["second"])
    assert len(np.unique(np.concatenate([both["first"], both["second"]]))) == 2 * 70 * 6
