import shutil
import tempfile
from pathlib import Path

import commands
import pytest


@pytest.fixture(scope="module")
def home():
    """A home of the tests' own; its path is short, because those of Ray's sockets must stay under 108 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="j-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def study(home):
    path = home / "study.toml"
    path.write_text(commands.STUDY)
    return path


@pytest.fixture(scope="module")
def reference(home, study):
    """The small study, run in process on one device."""
    out = home / "reference"
    done = commands.run("recover", study, "--out", out, "--in-process", home=home)
    assert done.returncode == 0, done.stderr
    return out
