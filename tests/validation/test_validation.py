"""The rule that accepts a row, and the sections that are cheap; `python -m jobs.validate` runs them all."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from stochmap import validation
from stochmap.validation import Row, _calibration, failures, z_limit
from stochmap.validation._rows import generator, mean_row, share_row, variance_row
from stochmap.validation._runs import draw_runs, one_row

RNG = np.random.default_rng(6)
PAGE = Path(__file__).parents[2] / "docs" / "validation.md"


def test_the_limit_is_the_normal_quantile_shared_by_the_rows():
    assert z_limit(1) == pytest.approx(stats.norm.isf(5e-7), rel=1e-12)
    assert z_limit(100) == pytest.approx(stats.norm.isf(5e-9), rel=1e-12)


@pytest.mark.parametrize(
    ("row", "z"),
    [
        (Row("C", "s", "q", 1.0, 1.2, 0.1), 2.0),
        (Row("C", "s", "q", 1.0, 0.8, 0.1), -2.0),
        (Row("C", "s", "q", 1.0, 1.2, 0.1, rounding=0.15), 0.5),
        (Row("C", "s", "q", 1.0, 1.1, 0.1, rounding=0.15), 0.0),
        (Row("C", "s", "q", 1.0, 1.0 + 1e-14), 0.0),
        (Row("C", "s", "q", 1.0, 1.0 + 1e-9), math.inf),
        (Row("C", "s", "q", 0.0, 1e-300), math.inf),
        (Row("C", "s", "q", 1.0, 0.5, relation="≤"), 0.0),
        (Row("C", "s", "q", 1.0, 1.5, relation="≤"), math.inf),
        (Row("C", "s", "q", 1.0, 1.5, 0.5, relation="≤"), 1.0),
        (Row("C", "s", "q", 1.0, 0.5, relation="≥"), -math.inf),
        (Row("C", "s", "q", math.inf, math.inf), 0.0),
        (Row("C", "s", "q", math.inf, 3.0), -math.inf),
        (Row("C", "s", "q", 1.0, math.nan), math.inf),
        (Row("C", "s", "q", 1.0, math.nan, relation="≤"), math.inf),
    ],
)
def test_what_a_row_misses_by(row, z):
    assert row.z == pytest.approx(z, rel=1e-9)
    assert (row in failures([row])) == (abs(z) > z_limit(1))


def test_rows_from_draws():
    values = RNG.normal(3.0, 2.0, size=10_000)
    mean = mean_row("C", "s", "q", 3.0, values)
    assert mean.standard_error == pytest.approx(0.02, rel=0.05)
    assert abs(mean.z) < 4
    assert abs(mean_row("C", "s", "q", 3.2, values).z) > 8
    variance = variance_row("C", "s", "q", 4.0, values)
    assert variance.standard_error == pytest.approx(4 * np.sqrt(2 / 10_000), rel=0.1)
    assert abs(variance.z) < 4
    assert abs(variance_row("C", "s", "q", 5.0, values).z) > 8
    assert share_row("C", "s", "q", 0.5, 60, 100).z == pytest.approx(2.0)
    assert generator(1, "a").random() == generator(1, "a").random()
    assert len({generator(1, "a").random(), generator(1, "b").random(), generator(2, "a").random()}) == 3


def test_runs_repeat_and_do_not_share_streams():
    first, again, other, reseeded = (
        np.asarray(draw_runs(seed, name, one_row([0.25] * 4), 1, 200).statistics.n)
        for seed, name in ((3, "a"), (3, "a"), (3, "b"), (4, "a"))
    )
    np.testing.assert_array_equal(first, again)
    assert (first.sum(axis=-1) == 200).all()
    assert not (first == other).all()
    assert not (first == reseeded).all()


@pytest.mark.parametrize("section", ["F", "H"])
def test_sections_are_accepted(section):
    rows = validation.SECTIONS[section](11)
    assert not failures(rows)
    assert {row.section for row in rows} == {section}
    assert len({row.quantity for row in rows}) == len(rows)
    page = validation.format_markdown(rows, validation.TITLES, "")
    assert columns(page, section) == columns(PAGE.read_text(encoding="utf-8"), section)  # which is of another seed


def columns(page: str, section: str) -> list[list[str]]:
    """Source, quantity and expected value of a section's rows on a page."""
    text = page.partition(f"\n## {section}. ")[2].partition("\n## ")[0]
    return [line.split(" | ")[:3] for line in text.splitlines() if line.startswith("| ")][1:]


def test_the_page_holds_every_section_and_its_count():
    text = PAGE.read_text(encoding="utf-8")
    rows = [row for section in validation.SECTIONS for row in columns(text, section)]
    assert all(columns(text, section) for section in validation.SECTIONS)
    limit = f"|z| ≤ {z_limit(len(rows)):.2f}"
    assert limit in text
    assert f"All {len(rows)} rows are accepted" in text
    empty = validation.format_markdown([], validation.TITLES, "python -m jobs.validate").splitlines()[4:6]
    assert "\n".join(empty) in text  # the rule, as the code states it now


@pytest.mark.parametrize(
    ("shares", "failing"),
    [
        ({256: 0.06, 1024: 0.35, 16384: 0.89}, []),
        ({256: 0.06, 1024: 0.2, 16384: 0.89}, [1024]),
        ({256: 0.95, 1024: 0.95, 16384: 0.95}, [256, 1024, 16384]),
    ],
)
def test_rows_of_coverage_fail_where_a_posterior_covers_otherwise(monkeypatch, shares, failing):
    def covers(random: np.random.Generator, joint: np.ndarray, n: int) -> bool:
        return np.ptp(joint) > 0 and random.random() < shares[n]

    monkeypatch.setattr(_calibration, "_covers", covers)
    assert [row.quantity.split("n = ")[-1] for row in failures(_calibration._fixed_prior(3))] == [*map(str, failing)]


def test_every_section_has_a_title_and_a_failing_row_is_named():
    assert set(validation.SECTIONS) <= set(validation.TITLES)
    rows = [Row("C", "Wilks 1938", "a | b", 1.0, 1.0), Row("C", "Wilks 1938", "wrong", 1.0, 2.0, 0.01)]
    text = validation.format_table(rows, validation.TITLES)
    assert "C. Estimating a distribution" in text
    assert "1 of 2 rows fail: C: wrong (z = 100.00)." in text
    page = validation.format_markdown(rows, validation.TITLES, "python -m jobs.validate --seed 3")
    assert "| Wilks 1938 | a \\| b | 1 | 1 | 0 | 0.00 |" in page
    assert "100.00 **fails**" in page
    assert "`python -m jobs.validate --seed 3`" in page
    assert "All 1 rows are accepted" in validation.format_table(rows[:1], validation.TITLES)
