"""Stores that are not like the origin: partial, tiny, infinite, oddly named."""

import math
import re
import subprocess
import sys

import numpy as np
import pytest

from stochmap.report import build, format_table, summary
from stochmap.report._charts import Series, along_samples
from stochmap.report._conditions import Plan, problems_of
from stochmap.report._numbers import number
from stochmap.report._query import StoreQueries
from stochmap.report._section import Material
from stochmap.report._sections import every_section
from stochmap.report._style import chart_defaults, learner_styles


def _page(store) -> str:
    return build(store.path).html.read_text(encoding="utf-8")


def _body(page: str) -> str:
    """The words of a page: no styles, charts or SQL."""
    page = re.sub(r"<(style|svg|pre)\b.*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", page).replace("\u00a0", " ")


def test_one_run_of_one_learner(new_store):
    store = new_store()
    store.add_mapping(100, runs=1, num_x=4, num_y=3, learners=("dirichlet",))
    page = _page(store)
    body = _body(page)
    assert not re.search(r"\bnan\b", page)
    assert "1 problem" in body
    assert "1 run " in body
    assert "(1 run)" in body
    assert "Rows of 1 run have no interval" in body
    assert "worst:" not in body
    assert "This store is not complete" in body
    (row,) = summary(store.path)
    assert row.error.standard_error is row.efficiency.half_width is row.coverage.standard_error is None
    assert number(store.fits[0]["kl_fit_truth"]) in format_table([row])
    with StoreQueries(store.path) as queries:
        found = [*queries.rows("recovery_error"), *queries.rows("coverage")]
    intervals = [value for row in found for name, value in row.items() if name.endswith(("_low", "_high"))]
    assert intervals == [None] * len(intervals)
    assert page == _page(store)  # building again changes nothing


def test_tables_that_are_not_kept(new_store):
    store = new_store(keep=frozenset())
    store.add_mapping(100, runs=3, num_x=4, num_y=3)
    store.add_gaussian(100, runs=3)
    page = _page(store)
    body = _body(page)
    for anchor in ("heat-maps", "scatter", "densities", "history"):
        assert f'id="{anchor}"' not in page
    for anchor in ("recovery", "gaussian", "coverage", "status"):
        assert f'id="{anchor}"' in page
    assert len(re.findall("this store does not hold", body)) == 4
    assert "Add &#34;truths&#34; and &#34;estimates&#34; to keep" in body


def test_a_table_that_no_learner_writes(new_store):
    store = new_store()
    store.add_mapping(100, runs=2, num_x=4, num_y=3, learners=("dirichlet",))
    (store.path / "study.toml").write_text('name = "s"\nseed = 1\nkeep = ["truths", "estimates", "history"]\n')
    with StoreQueries(store.path) as queries, chart_defaults():
        sections, left_out = every_section(Material.of(queries))
    assert "heat-maps" in [section.anchor for section in sections]
    assert left_out == ['Loss curves: the study keeps "history", but no finished run has written any.']


def test_infinite_errors_are_never_averaged(new_store):
    store = new_store(keep=frozenset())
    # the truth rules out half of the cells, which add-½ does not: KL(fit‖truth) is infinite in every run
    store.add_mapping(500, runs=6, num_x=4, num_y=4, sparse=True, learners=("maximum_likelihood", "dirichlet"))
    rows = {row.learner: row for row in summary(store.path)}
    assert rows["dirichlet"].error is rows["dirichlet"].efficiency is None
    assert rows["dirichlet"].infinite_error == 6
    assert rows["maximum_likelihood"].error.value > 0
    assert "∞ in 100 %" in format_table(list(rows.values()))
    body = _body(_page(store))
    assert "dirichlet infinite in 100 % of the runs" in body
    assert "no mean, since KL(fit‖truth) is infinite in 100 % of the runs" in body


def test_one_infinite_run_is_enough(new_store):
    store = new_store()
    runs = store.add_mapping(100, runs=5, num_x=3, num_y=3, learners=("dirichlet",))
    store.write("fits", store.chunk, [runs[0] | {"kl_fit_truth": math.inf, "kl_truth_fit": math.inf}, *runs[1:]])
    (row,) = summary(store.path)
    assert row.error is row.efficiency is None
    assert (row.infinite_error, row.infinite_share, row.scored) == (1, 0.2, 5)


ODD = "a <b>&\"'$x_1$ 模型"


def test_odd_names_and_paths(new_store):
    store = new_store("problem=other/a,b [x] 'q' *")
    store.add_mapping(
        100, problem=ODD, runs=2, num_x=3, num_y=3, learners=("</style><script>alert(1)</script>", "$\\frac$")
    )
    page = _page(store)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a &lt;b&gt;&amp;&#34;&#39;$x_1$ 模型" in page
    assert "a,b [x] &#39;q&#39; *" in page
    assert {row.problem for row in summary(store.path)} == {ODD}
    for png in (store.path / "report").glob("*.png"):
        assert re.fullmatch(r"[A-Za-z0-9._=-]+\.png", png.name)


def test_grid_axes_are_told_apart(new_store):
    store = new_store()
    for scale in (0.5, 2.0):
        for num_samples in (50, 500):
            store.add_mapping(num_samples, runs=3, num_x=3, num_y=3, scale=scale, learners=("dirichlet",))
    rows = summary(store.path)
    assert [(row.condition, row.num_samples) for row in rows] == [
        (f"scale {scale}", n) for scale in ("0.5", "2") for n in (50, 500)
    ]
    assert "mapping (scale 0.5)" in format_table(rows).splitlines()
    with StoreQueries(store.path) as queries, chart_defaults():
        sections, _ = every_section(Material.of(queries))
    charts = {section.anchor: [chart.title for chart in section.charts] for section in sections}
    assert charts["coverage"] == ["mapping · scale 0.5", "mapping · scale 2"]
    assert len(charts["heat-maps"]) == 2


def test_an_axis_other_than_samples_is_the_horizontal_one():
    row = {"problem": "p", "num_samples": 50, "runs": 3, "min_visited_x": 1, "unseen_runs": 0, "truth_kind": "k"}
    overview = [row | {"condition_id": i, "truth_scale": scale} for i, scale in enumerate((10.0, 2.0))]
    (problem,) = problems_of(overview, Plan())
    assert problem.x_name == "truth_scale"
    assert [(c.x, c.facet, c.label) for c in problem.conditions] == [(2.0, "", "scale 2"), (10.0, "", "scale 10")]


def test_learners_keep_the_order_of_every_problem(tmp_path):
    study = 'name = "s"\n'
    for problem, kinds in {"p": "abd", "q": "acde", "r": "fa"}.items():
        learners = ", ".join(f'{{ kind = "{kind}" }}' for kind in kinds)
        study += f'[[problem]]\nname = "{problem}"\nlearners = [{learners}]\n'
    (tmp_path / "study.toml").write_text(study)
    assert Plan.read(tmp_path).learners == ["f", "a", "b", "c", "d", "e"]
    assert Plan.read(tmp_path / "nowhere") == Plan()
    (tmp_path / "study.toml").write_text("learners = [")
    assert Plan.read(tmp_path) == Plan()


def test_conditions_that_look_alike_get_their_number():
    row = {"problem": "p", "num_samples": 50, "runs": 3, "min_visited_x": 1, "unseen_runs": 0, "truth_kind": "k"}
    (problem,) = problems_of([row | {"condition_id": i} for i in (10, 11)], Plan())
    assert problem.facets == ["condition 0000000a", "condition 0000000b"]
    assert [c.label for c in problem.conditions] == problem.facets


def test_one_condition_of_many_axes_is_drawn_once():
    with chart_defaults():
        styles = learner_styles(["a", "b", "c"])
        series = [
            Series.of("a", [[100.0, 0.02, 0.019, 0.021], [10.0, 0.2, 0.19, 0.21]]),
            Series.of("b", [[10.0, 0.3, -0.1, 0.7], [100.0, math.nan, math.nan, math.nan]]),
            Series.of("c", [[10.0, math.nan, math.nan, math.nan]]),
        ]
        figure = along_samples(
            series, styles, x_label="n", y_label="e", log_y=True, reference=(np.array([10, 100]), np.ones(2), "theory")
        )
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    reference, *lines = [line for line in axes.lines if line.get_linestyle() != "None"]
    assert list(reference.get_ydata()) == [1, 1]
    assert list(lines[0].get_ydata()) == [0.2, 0.02]
    np.testing.assert_allclose(lines[0].get_xdata(), [10, 100], rtol=0.05)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["theory", "a", "b"]


def test_not_a_store(tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(ValueError, match="not a study store with a finished chunk"):
        build(tmp_path)
    with pytest.raises(ValueError, match=r"no runs/\*\.parquet"):
        summary(tmp_path / "nowhere")
    assert not (tmp_path / "report").exists()


def test_the_package_is_light():
    script = (
        "import importlib.util, sys, types\n"
        # the package alone, without what stochmap itself imports
        "spec = importlib.util.find_spec('stochmap')\n"
        "stochmap = types.ModuleType('stochmap'); stochmap.__path__ = list(spec.submodule_search_locations)\n"
        "sys.modules['stochmap'] = stochmap\n"
        "import stochmap.report\n"
        "heavy = {'jax', 'ray', 'matplotlib', 'duckdb', 'pyarrow', 'jinja2', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
