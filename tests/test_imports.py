"""Imports flow one way; the heavy edges load when they are used; the public names are these."""

import ast
import graphlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import stochmap
from stochmap import metrics, store

ROOT = Path(__file__).parents[1]

# Each row may import from the rows above it; within a row there are no cycles.
ORDER = [
    {"streams", "compiling", "sharding", "columns", "building"},
    {"mappings", "variates"},
    {"truths", "sampling", "posteriors", "estimators"},
    {"learners"},
    {"metrics", "calibration", "information"},
    {"study", "lab"},
    {"recovery", "datasets"},
    {"validation", "planning"},
]
NUMERICAL = set().union(*ORDER)
EDGES = {"ingest", "store", "report"}
HEAVY = {"ray", "pyarrow", "duckdb", "obstore", "matplotlib", "jinja2", "polars", "pandas"}


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names of all modules that a file imports, inside functions too."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*parts, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def room(dotted: str) -> str | None:
    """Return the part of the library that a dotted name lies in."""
    parts = dotted.split(".")
    return parts[1] if parts[0] == "stochmap" and len(parts) > 1 else None


def files(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py"))


def rooms() -> dict[str, set[str]]:
    """Return, for each part of the library, the parts that it imports."""
    found: dict[str, set[str]] = {}
    for path in files("stochmap"):
        name = path.relative_to(ROOT / "stochmap").parts[0].removesuffix(".py")
        targets = {target for dotted in imported(path) if (target := room(dotted))}
        found.setdefault(name, set()).update(targets - {name})
    return found


def test_every_part_of_the_library_has_its_place():
    assert set(rooms()) - {"__init__"} == NUMERICAL | EDGES


def test_imports_flow_one_way():
    graph = rooms()
    for level, row in enumerate(ORDER):
        allowed = set().union(*ORDER[: level + 1])
        for name in row:
            assert graph[name] <= allowed, f"{name} imports {graph[name] - allowed}"
    list(graphlib.TopologicalSorter({name: graph[name] for name in NUMERICAL | EDGES}).static_order())


def test_nothing_numerical_imports_an_edge_or_what_edges_are_made_of():
    for path in files("stochmap"):
        name = path.relative_to(ROOT / "stochmap").parts[0].removesuffix(".py")
        if name in NUMERICAL:
            tops = {dotted.split(".")[0] for dotted in imported(path)}
            assert not tops & {*HEAVY, "cluster", "jobs"}, path
            assert not {room(dotted) for dotted in imported(path)} & EDGES, path


@pytest.mark.parametrize("folder", ["stochmap", "cluster"])
def test_nothing_imports_the_jobs(folder):
    for path in files(folder):
        assert not any(dotted.split(".")[0] == "jobs" for dotted in imported(path)), path


def test_the_cluster_knows_ray_and_the_standard_library():
    for path in files("cluster"):
        tops = {dotted.split(".")[0] for dotted in imported(path)}
        assert tops <= {*sys.stdlib_module_names, "ray", "cluster"}, path


def test_the_library_does_not_know_ray():
    for path in files("stochmap"):
        assert not {dotted.split(".")[0] for dotted in imported(path)} & {"ray", "cluster"}, path


def test_importing_the_library_loads_no_edge():
    code = "import sys, stochmap; print(sorted(name.split('.')[0] for name in sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(found.stdout))
    assert "jax" in loaded
    assert not loaded & {"ray", "pyarrow", "duckdb", "obstore", "matplotlib", "cluster", "jobs"}


def test_the_public_names():
    tree = ast.parse(Path(stochmap.__file__).read_text())
    names = [alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert " ".join(sorted(names)) == (
        "CategoricalMapping Chunk Counts GaussianMapping Moments Study StudyError calibration draw_pairs estimators "
        "information ingest lab learners mappings metrics posteriors run_chunk run_keys sampling streams truths"
    )
    assert all(hasattr(stochmap, name) for name in names)
    assert stochmap.__version__.count(".") == 2


def test_the_store_has_the_metrics_columns():
    assert tuple(store.METRIC_COLUMNS) == tuple(metrics.METRIC_COLUMNS)
