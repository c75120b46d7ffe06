"""Build the report of a store: queries, charts, page, files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ._numbers import one_line, plural
from ._query import SQL_FOLDER, StoreQueries


@dataclass(frozen=True)
class ReportPaths:
    """The files of a report."""

    html: Path
    pngs: list[Path]
    sql: list[Path]


def build(path: str | Path) -> ReportPaths:
    """Write PATH/report/index.html, its charts as PNG and its queries as PATH/report/sql/*.sql.

    The store may be unfinished: the report tells of the runs that are there. Sections whose tables are not kept are
    left out with a sentence that says so.

    Raises:
        ValueError: if the folder holds no finished run.
    """
    from ._page import Page, render
    from ._section import Material
    from ._sections import every_section
    from ._style import chart_defaults

    with StoreQueries(path) as queries, chart_defaults():
        material = Material.of(queries)
        sections, left_out = every_section(material)
        runs = sum(problem.runs for problem in material.problems)
        facts = [
            plural(len(material.problems), "problem"),
            plural(len(material.overview), "condition"),
            plural(runs, "run"),
        ]
        facts += [plural(len(material.styles), "learner"), plural(sum(row.runs for row in material.summary), "fit")]
        facts += [f"seed {one_line(material.plan.seed)}"] if material.plan.seed else []
        page = Page(
            title=one_line(material.plan.name) if material.plan.name else queries.path.name,
            facts=facts,
            incomplete=not (queries.path / "manifest" / "SUCCESS.json").exists(),
            sections=sections,
            left_out=left_out,
            query="summary",
            units="KL divergences are in nats.",
        )
        html = render(page)
        answerable = [file for file in sorted(SQL_FOLDER.glob("*.sql")) if not queries.missing(file.stem)]
    folder = queries.path / "report"
    (folder / "sql").mkdir(parents=True, exist_ok=True)
    pngs = [(folder / f"{chart.name}.png", chart.png) for section in sections for chart in section.charts]
    for file, content in [*pngs, (folder / "index.html", html.encode())]:
        replace_file(file, content)
    copies = [Path(shutil.copyfile(file, folder / "sql" / file.name)) for file in answerable]
    return ReportPaths(html=folder / "index.html", pngs=[file for file, _ in pngs], sql=copies)


def replace_file(file: Path, content: bytes) -> None:
    """Write beside the file, then take its place: a reader sees the old report or the new one."""
    draft = file.with_name(f".{file.name}.new")
    draft.write_bytes(content)
    draft.replace(file)
