"""The code on the page about gradients runs, from the first block to the last, as one program."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "gradients.md"


def test_the_code_of_the_page_runs():
    text = PAGE.read_text(encoding="utf-8")
    blocks = list(re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    assert len(blocks) == 9
    namespace = {"__name__": "page"}
    for block in blocks:
        line = text[: block.start()].count("\n") + 1
        exec(compile("\n" * line + block[1], str(PAGE), "exec"), namespace)


def test_the_page_names_every_problem_and_column():
    from stochmap import lab
    from stochmap.store import gradient_schemas

    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{kind}`" in text for kind in lab.PROBLEMS)
    columns = gradient_schemas({}, {}, identity="", stream_version=1)["gradients"].names
    about = {"condition_id", "problem", "problem_kind", "distribution", "dimension", "num_classes", "estimator"}
    about |= {"estimator_kind", "parameter"}
    assert [name for name in columns if name not in about and f"`{name}`" not in text] == []
