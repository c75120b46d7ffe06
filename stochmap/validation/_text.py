"""Rows as a table for a terminal, and as Markdown."""

from collections.abc import Mapping

from ._rows import Row, failures, z_limit


def format_table(rows: list[Row], titles: Mapping[str, str]) -> str:
    """Return the rows as text, a heading for each section, and last whether all are accepted."""
    bad = set(failures(rows))
    width = max((len(_quantity(row)) for row in rows), default=0)
    lines: list[str] = []
    for section in dict.fromkeys(row.section for row in rows):
        lines += ["", f"{section}. {titles[section]}"]
        lines.append(f"  {'':{width}} {'expected':>14} {'ours':>14} {'s.e.':>9} {'z':>6}")
        for row in (row for row in rows if row.section == section):
            mark = "  FAILS" if row in bad else ""
            cells = [_number(row.expected, row), _number(row.ours, row), _error(row), _z(row)]
            lines.append(f"  {_quantity(row):{width}} {cells[0]:>14} {cells[1]:>14} {cells[2]:>9} {cells[3]:>6}{mark}")
    return "\n".join([*lines, "", verdict(rows)])


def format_markdown(rows: list[Row], titles: Mapping[str, str], command: str) -> str:
    """Return the rows as a Markdown page that says how they were made and accepted."""
    limit = z_limit(len(rows))
    lines = [
        "# Published values against ours",
        "",
        f"Made by `{command}`. A row is accepted if |z| ≤ {limit:.2f}, the normal quantile of 1e-6 shared by",
        f"{len(rows)} rows; z is what ours misses by, beyond the rounding of the published value's last digit, in",
        "standard errors. Where none is stated, ours must agree but for floating point or keep to its bound (≤, ≥) as",
        "it stands: most such rows draw nothing, and where one does, its bound leaves far more room than chance needs.",
        "",
        verdict(rows),
    ]
    bad = set(failures(rows))
    for section in dict.fromkeys(row.section for row in rows):
        lines += ["", f"## {section}. {titles[section]}", "", "| source | quantity | expected | ours | s.e. | z |"]
        lines.append("|---|---|---:|---:|---:|---:|")
        for row in (row for row in rows if row.section == section):
            cells = [
                row.source,
                _quantity(row),
                _number(row.expected, row),
                _number(row.ours, row),
                _error(row),
                _z(row),
            ]
            cells[-1] += " **fails**" if row in bad else ""
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, ""])


def verdict(rows: list[Row]) -> str:
    """Say whether all rows are accepted, and which are not."""
    bad = failures(rows)
    if not bad:
        largest = max((abs(row.z) for row in rows), default=0.0)
        return (
            f"All {len(rows)} rows are accepted; the largest |z| is {largest:.2f}, the limit {z_limit(len(rows)):.2f}."
        )
    named = "; ".join(f"{row.section}: {row.quantity} (z = {_z(row)})" for row in bad)
    return f"{len(bad)} of {len(rows)} rows fail: {named}."


def _quantity(row: Row) -> str:
    bound = f" {row.relation} bound" if row.relation != "=" else ""
    return row.quantity if not bound or row.relation in row.quantity else row.quantity + bound


def _number(value: float, row: Row) -> str:
    return f"{value:.8g}"


def _error(row: Row) -> str:
    return f"{row.standard_error:.2g}" if row.standard_error else "0"


def _z(row: Row) -> str:
    return f"{row.z:.2f}"
