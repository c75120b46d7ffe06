"""Check a store against its manifest: `python -m jobs.verify DIR`."""

import sys
from typing import Annotated

from cyclopts import Parameter

from jobs import _command
from stochmap import store as stores


def verify(directory: Annotated[str, Parameter(name="DIR")], /) -> int:
    """Re-hash every file of a store against its manifest, count rows, and look for duplicates and strays.

    Exit code 0: everything is as the manifest says; 1: something is not, each in one line.

    Args:
        directory: The store, as given to jobs.recover --out.

    """
    found = stores.verify(directory)
    for problem in found.problems:
        print(f"verify: {problem}", file=sys.stderr)
    tables = ", ".join(f"{table} {rows:,}" for table, rows in found.rows.items())
    print(f"{found.chunks} chunks, {found.files} files, {found.bytes / 1e6:.1f} MB; rows: {tables}")
    print(f"{len(found.problems)} problems" if found.problems else "everything is as the manifest says")
    return _command.FAILED if found.problems else _command.DONE


if __name__ == "__main__":
    _command.run(verify, "verify", ["out/origin"])
