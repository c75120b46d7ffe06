"""What the laboratory's page says of learning follows from the store: family, t, start, and errors of the quantiles."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import special

from stochmap.report._gradient_learning_sections import learning_findings
from stochmap.report._query import StoreQueries


def rows_of(
    folder,
    *,
    kind="bernoulli_toy",
    family="bernoulli",
    t: float | None = 0.499,
    start=0.0,
    values=(),
    names=("score_function",),
):
    """The query's rows of a store whose runs end at these values."""
    (folder / "learning").mkdir(parents=True)
    rows = [
        {"condition_id": 1, "task": "task", "problem_kind": kind, "distribution": family, "t": t, "learning_rate": 0.01}
        | {"estimator": name, "run": run, "step": 10_000, "parameter": 0, "start": start, "value": float(value)}
        for name in names
        for run, value in enumerate(values)
    ]
    fields = {"t": pa.float64()}
    table = pa.Table.from_pylist(rows)
    table = table.set_column(table.column_names.index("t"), "t", table["t"].cast(fields["t"]))
    pq.write_table(table, folder / "learning" / "0.parquet")
    with StoreQueries(folder, needed=()) as queries:
        return {row["estimator"]: row for row in queries.rows("gradients/quantiles")}


VALUES = np.linspace(-2.0, 1.0, 200)


def test_known_values_stand_beside_the_authors_setting_alone(tmp_path):
    cases = {"same": {}, "other_t": {"t": 0.3}, "other_start": {"start": 0.4}}
    told = {}
    for name, options in cases.items():
        rows = rows_of(tmp_path / name, values=VALUES, **options)
        (told[name],) = learning_findings("toy", 0, 10_000, rows)
    assert [name for name, text in told.items() if "0.13 to 0.77" in text] == ["same"]
    assert "0.13 to 0.77" not in learning_findings("toy", 0, 500, rows_of(tmp_path / "short", values=VALUES))[0]
    assert "above its start in 33.5 %" in told["same"]
    assert "above its start in 20 %" in told["other_start"]  # of values above the logit 0.4


@pytest.mark.parametrize(("t", "text"), [(0.3, "the optimum is 0."), (0.8, "the optimum is 1.")])
def test_the_optimum_of_a_toy_is_that_of_its_t(tmp_path, t, text):
    names = ("rebar", "straight_through")
    rebar, straight = learning_findings("toy", 0, 10, rows_of(tmp_path, t=t, values=VALUES, names=names))
    assert text in rebar
    assert f"θ = t = {t}" in straight


def test_other_bits_are_not_taken_for_the_toy(tmp_path):
    names = ("score_function", "rebar", "straight_through")
    own = rows_of(tmp_path / "own", kind="my.costs:Bits", t=None, values=VALUES, names=names)
    (text,) = learning_findings("bits", 0, 10, own)
    assert "medians of θ" in text
    assert "optimum" not in text
    median = special.expit(-0.5)  # shown as a probability although its kind does not say so
    assert own["rebar"]["q50"] == pytest.approx(median, abs=1e-3)
    normal = rows_of(tmp_path / "normal", kind="my.bernoulli:Cost", family="gaussian", t=None, values=VALUES)
    assert normal["score_function"]["q50"] == pytest.approx(-0.5)


def test_quantiles_have_the_errors_of_their_ranks(tmp_path):
    # Of n = 200: the ranks 10 ± 3.08 are 6 and 14, 100 ± 7.07 are 92 and 108.
    row = rows_of(tmp_path, family="gaussian", t=None, values=np.arange(200.0))["score_function"]
    assert (row["q05_error"], row["q50_error"], row["q95_error"]) == (4.0, 8.0, 4.0)
