"""Build the report of a store: `python -m jobs.report DIR`."""

from typing import Annotated

from cyclopts import Parameter

from jobs import _command
from stochmap import report as reports
from stochmap.store import StoreError


def report(directory: Annotated[str, Parameter(name="DIR")], /) -> int:
    """Build the report of a store: one HTML file, its charts as PNG, and its queries as .sql files.

    Args:
        directory: The store, as given to jobs.recover or jobs.gradients --out.

    """
    if "://" in directory:
        raise _command.UsageError(f"{directory}: a report is made in a folder: copy the store to one first")
    try:
        if reports.holds_gradients(directory):
            paths, table = reports.build_gradients(directory), reports.gradients_table(directory)
        else:
            paths, table = reports.build(directory), reports.format_table(reports.summary(directory))
            table = "\n".join([table, *(f"calibration: {each}" for each in reports.calibration_findings(directory))])
    except ValueError as error:
        raise StoreError(str(error)) from error
    print(table)
    print(f"report: {paths.html}")
    return _command.DONE


if __name__ == "__main__":
    _command.run(report, "report", ["out/origin"])
