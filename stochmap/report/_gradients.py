"""Build the report of a gradient laboratory's store: the same page as a study's, of sections of its own."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

from ._build import ReportPaths, replace_file
from ._numbers import count, one_line, plural
from ._query import SQL_FOLDER, StoreQueries

QUERIES = ("gradients/summary", "gradients/measurements", "gradients/quantiles", "gradients/curves")


def holds_gradients(path: str | Path) -> bool:
    """Whether a store's folder is a gradient laboratory's."""
    return any((Path(path) / table).is_dir() for table in ("gradients", "learning", "curves"))


def build_gradients(path: str | Path) -> ReportPaths:
    """Write PATH/report/index.html, its charts as PNG and its queries as PATH/report/sql/gradients/*.sql.

    Raises:
        ValueError: the folder holds no measurement.
    """
    from ._gradient_material import LabMaterial
    from ._gradient_sections import every_section
    from ._page import Page, render
    from ._style import chart_defaults

    study = read_study(path)
    with StoreQueries(path, needed=()) as queries, chart_defaults():
        material = LabMaterial.of(queries, budget=int(study.get("budget", 64)))
        sections = every_section(material)
        if not sections:
            raise ValueError(f"{path}: no measurement is finished: run the job again, it goes on where it stopped")
        facts = [plural(len(material.cells), "problem"), plural(len(material.labels), "estimator")]
        facts += [f"{count(int(study['repeats']))} estimates each"] if "repeats" in study else []
        facts += [f"seed {study['seed']}"] if "seed" in study else []
        answerable = [name for name in QUERIES if not queries.missing(name)]
        page = Page(
            title=one_line(str(study.get("name") or queries.path.name)),
            facts=facts,
            incomplete=not (queries.path / "manifest" / "SUCCESS.json").exists(),
            sections=sections,
            left_out=[],
            query=answerable[0],
        )
        html = render(page)
    folder = Path(path).absolute() / "report"
    (folder / "sql" / "gradients").mkdir(parents=True, exist_ok=True)
    pngs = [(folder / f"{chart.name}.png", chart.png) for section in sections for chart in section.charts]
    for file, content in [*pngs, (folder / "index.html", html.encode())]:
        replace_file(file, content)
    copies = [Path(shutil.copyfile(SQL_FOLDER / f"{name}.sql", folder / "sql" / f"{name}.sql")) for name in answerable]
    return ReportPaths(html=folder / "index.html", pngs=[file for file, _ in pngs], sql=copies)


def gradients_table(path: str | Path) -> str:
    """The summary as a text table for a terminal; of a single problem with few parameters, one row a parameter."""
    from ._gradient_table import measurement_table, summary_table

    with StoreQueries(path, needed=()) as queries:
        if queries.missing("gradients/summary"):
            return "no estimator was measured"
        rows = queries.rows("gradients/summary")
        if len({row["condition_id"] for row in rows}) == 1 and rows[0]["parameters"] <= 4:
            return measurement_table(queries.rows("gradients/measurements"))
    return summary_table(rows, budget=int(read_study(path).get("budget", 64)))


def read_study(path: str | Path) -> dict:
    """What study.toml says; nothing where there is none that can be read."""
    try:
        return tomllib.loads((Path(path) / "study.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
