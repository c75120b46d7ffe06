"""The code on the pages runs, block by block in one namespace, as a reader would type it."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["bayes.md", "information.md"]


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    assert blocks
    namespace = {"__name__": page}
    for block in blocks:
        line = text[: block.start(1)].count("\n")
        exec(compile("\n" * line + block[1], page, "exec"), namespace)  # noqa: S102
