import shutil
import tempfile
from pathlib import Path

import commands
import pytest
import sample_cases


@pytest.fixture(scope="module")
def home():
    """A home of the tests' own; its path is short, because those of Ray's sockets must stay under 108 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="j-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A folder for the stores that several modules compare with, written in this process, on its two devices."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="session")
def study(shared):
    path = shared / "study.toml"
    path.write_text(commands.STUDY)
    return path


@pytest.fixture(scope="session")
def reference(shared, study):
    """The small study."""
    assert commands.call("recover", study, "--out", shared / "reference", "--in-process") == 0
    return shared / "reference"


@pytest.fixture(scope="session")
def gate(shared):
    """A file that keeps the second problem of `gated` waiting while it is there."""
    return shared / "gate"


@pytest.fixture(scope="session")
def gated(shared, gate):
    """The small study, its second problem behind a gate."""
    path, kind = shared / "gated.toml", 'kind = "normal_inverse_gamma", num_x = 2'
    assert kind in commands.STUDY
    path.write_text(commands.STUDY.replace(kind, f'kind = "gated_truth:Gated", gate = "{gate}", num_x = 2'))
    return path


@pytest.fixture(scope="session")
def gated_reference(shared, gated):
    assert commands.call("recover", gated, "--out", shared / "gated-reference", "--in-process") == 0
    return shared / "gated-reference"


@pytest.fixture(scope="session")
def written(shared) -> dict[str, Path]:
    """One dataset of each sort."""
    assert sample_cases.write(shared / "written", "--in-process") == 0
    return {sort: shared / "written" / sort for sort in sample_cases.SORTS}


@pytest.fixture(scope="session")
def hashes(written) -> dict[str, str]:
    return {sort: sample_cases.row_hash(out) for sort, out in written.items()}


@pytest.fixture(scope="session")
def cut(shared) -> dict[str, Path]:
    """The same in small files."""
    assert sample_cases.write(shared / "cut", "--in-process", "--rows-per-file", "1999") == 0
    return {sort: shared / "cut" / sort for sort in sample_cases.SORTS}
