"""Each process on a core of its own: in fresh processes, since a process is pinned for life."""

import contextlib
import os
import subprocess
import sys

import pytest

from cluster import _pinning, _resources

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")

PIN = """
import os, sys
from cluster import pin_to_own_core
core = pin_to_own_core()
print(core, pin_to_own_core(), sorted(os.sched_getaffinity(0)), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def pinned(child_environment, tmp_path):
    """Start a process that pins itself; return it and the line it says."""
    environment = child_environment | {"TMPDIR": str(tmp_path)}
    with contextlib.ExitStack() as stack:

        def start(prelude=""):
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", prelude + PIN],
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            return process, process.stdout.readline().strip()

        yield start


def said(core):
    return f"{core} {core} [{core}]"


def test_as_many_processes_as_cores_have_one_each_and_the_next_has_none(pinned):
    cores = sorted(os.sched_getaffinity(0))
    answers = [pinned()[1] for _ in cores]
    assert sorted(answers) == sorted(said(core) for core in cores)
    late, answer = pinned()
    assert answer == f"None None {cores}"
    late.kill()
    assert "has no core of its own: each of the" in late.communicate()[1]


def test_a_core_is_free_again_when_its_process_is_killed(pinned):
    first, answer = pinned()
    first.kill()
    first.wait()
    assert pinned()[1] == answer


def test_only_allowed_cores_are_taken(pinned):
    core = max(os.sched_getaffinity(0))
    only = f"import os; os.sched_setaffinity(0, {{{core}}})\n"
    assert pinned(only)[1] == said(core)
    assert pinned(only)[1] == f"None None [{core}]"


def test_without_affinity_it_says_so(pinned):
    process, answer = pinned("import os; del os.sched_setaffinity\n")
    assert answer.startswith("None None")
    process.kill()
    assert "this system cannot bind a process to a core" in process.communicate()[1]


def test_a_container_with_less_time_than_cores_is_left_alone(pinned):
    share = "from cluster import _pinning; _pinning.cpu_quota = lambda: 0.5\n"
    process, answer = pinned(share)
    assert answer.startswith("None None")
    process.kill()
    assert "0.5 CPUs' worth of time" in process.communicate()[1]


def test_a_folder_of_somebody_elses_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(_pinning.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"worker-cores-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="belongs to another user"):
        _pinning._lock_folder()


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2.0),
    ],
)
def test_the_quota_is_read_from_either_version_of_control_groups(monkeypatch, tmp_path, files, quota):
    monkeypatch.setattr(_resources, "_CGROUPS", tmp_path)
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert _resources.cpu_quota() == quota


def test_local_resources_follow_affinity_quota_and_memory_limit(monkeypatch, tmp_path):
    monkeypatch.setattr(_resources, "_CGROUPS", tmp_path)
    unlimited = _resources.local_resources()
    assert (unlimited.nodes, unlimited.cpus) == (1, len(os.sched_getaffinity(0)))
    assert unlimited.memory == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    (tmp_path / "cpu.max").write_text("50000 100000")
    (tmp_path / "memory.max").write_text("1000000")
    assert _resources.local_resources() == _resources.Resources(nodes=1, cpus=1, memory=1_000_000)
