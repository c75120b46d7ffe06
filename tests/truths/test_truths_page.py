"""docs/truths.md tells the kinds that there are, with their fields and defaults, and its examples run."""

import dataclasses
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from stochmap.building import build, field_types
from stochmap.streams import run_keys
from stochmap.truths import INPUTS, TRUTHS, CategoricalTable, Fixed, with_inputs

PAGE = (Path(__file__).parents[2] / "docs" / "truths.md").read_text()
TYPES = {int: "whole number", float: "number", str: "text", tuple[float, ...]: "list of numbers"}
KEY = run_keys(1, 0)
THREE = CategoricalTable(np.full((3, 3), 1 / 3), np.full(3, 1 / 3))


def sections(text: str) -> dict[str, str]:
    """Return what is written under each second-level heading that is a kind."""
    parts = re.split(r"^## `(.+)`\n", text, flags=re.MULTILINE)
    texts = (re.split(r"^##? ", part, flags=re.MULTILINE)[0] for part in parts[2::2])
    return dict(zip(parts[1::2], texts, strict=True))


def table_rows(text: str) -> list[list[str]]:
    """Return the cells of a section's table, without its heading."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


HEAD, INPUTS_PAGE = PAGE.split("\n# Inputs\n")
DESCRIBED = {
    **{("truth", kind): text for kind, text in sections(HEAD).items()},
    **{("inputs", kind): text for kind, text in sections(INPUTS_PAGE).items()},
}
TABLES = {"truth": TRUTHS, "inputs": INPUTS}


def test_every_kind_is_told_in_the_order_of_its_table():
    assert list(sections(HEAD)) == list(TRUTHS)
    assert list(sections(INPUTS_PAGE)) == list(INPUTS)
    assert [row[0].strip("`") for row in table_rows(HEAD.split("\n## ")[0])] == list(TRUTHS)


@pytest.mark.parametrize(("what", "kind"), DESCRIBED)
def test_the_fields_are_those_of_the_class(what, kind):
    cls = TABLES[what][kind]
    defaults = {field.name: field.default for field in dataclasses.fields(cls)}
    expected = [
        [f"`{name}`", TYPES[of], "" if defaults[name] is dataclasses.MISSING else str(defaults[name])]
        for name, of in field_types(cls).items()
    ]
    assert [row[:3] for row in table_rows(DESCRIBED[what, kind])] == expected
    assert all(row[3] for row in table_rows(DESCRIBED[what, kind]))


@pytest.mark.parametrize(("what", "kind"), DESCRIBED)
def test_its_example_runs(what, kind):
    (example,) = re.findall(r"```toml\n(.*?)```", DESCRIBED[what, kind], flags=re.DOTALL)
    options = tomllib.loads(example)[what]
    assert options["kind"] == kind
    built = build(TABLES[what], options, "page")
    if what == "inputs":
        assert with_inputs(THREE, built).inputs.sum() == pytest.approx(1.0, rel=1e-15)
    else:
        truth = Fixed(built.path, THREE) if isinstance(built, Fixed) else built
        assert len(truth.draw(KEY).inputs) == truth.num_x


def test_it_says_which_kinds_have_a_sparse_form():
    said = {kind for (what, kind), text in DESCRIBED.items() if what == "truth" and "Has a sparse form" in text}
    assert said == {kind for kind, cls in TRUTHS.items() if hasattr(cls, "draw_sparse")}


def test_its_python_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(code, {})  # noqa: S102
    assert len(capsys.readouterr().out.split(",")) == 3
