import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

# `cluster` and the modules beside this file are not installed: they are imported from where they lie.
for folder in (CHECKOUT, CHECKOUT / "tests" / "cluster"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from ray_head import ray_head  # noqa: E402

from cluster import RayExecutor  # noqa: E402


@pytest.fixture(scope="module")
def private_machine():
    """A home and a folder for temporary files of the tests' own, for Ray's files and the locks on cores."""
    # Short, because the paths of Ray's sockets below it must stay under 108 bytes.
    folder = Path(tempfile.mkdtemp(prefix="c-", dir="/tmp"))
    (folder / "home").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("RAY_")]:
            patch.delenv(name)
        patch.setenv("HOME", str(folder / "home"))
        patch.setenv("TMPDIR", str(folder))
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def local_ray(private_machine):
    """A Ray on this machine, of two workers, started once for a module (a later module must not find it running)."""
    with RayExecutor(workers=2) as executor:
        yield executor


@pytest.fixture(scope="module")
def head():
    """A running `ray start --head` with token authentication and a job server: see `ray_head.RayHead`."""
    with ray_head() as running:
        yield running


@pytest.fixture
def child_environment(private_machine):
    """The environment for a Python process that imports `cluster` and the tests' work."""
    path = os.pathsep.join([str(CHECKOUT), str(CHECKOUT / "tests" / "cluster")])
    return {**os.environ, "PYTHONPATH": path}
