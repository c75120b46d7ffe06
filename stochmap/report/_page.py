"""The page: sections into one HTML file that needs nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ._query import sql_text
from ._section import Section
from ._style import LEARNER_COLOURS, LEARNER_DARK

_TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True)
class Page:
    """All that the template shows."""

    title: str
    facts: list[str]
    incomplete: bool
    sections: list[Section]
    left_out: list[str]
    query: str  # an example, at the foot
    units: str = ""


def render(page: Page) -> str:
    """The page as HTML; every name in it is escaped."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["tight"] = lambda text: re.sub(r" (?=[±%])|(?<=±) ", "\u00a0", text)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    names = dict.fromkeys(name for section in page.sections for name in section.queries)
    return template.render(
        page=page, sql={name: sql_text(name) for name in names}, light=LEARNER_COLOURS, dark=LEARNER_DARK
    )
