"""A plain `ray start --head` for tests: its own home with a token, its own ports and folder, killed without a trace."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RayHead:
    """A running head: where it is, and the environment that its owner's commands run in.

    `environment` has the owner's HOME (with the token that `ray start` found there) and no RAY_ADDRESS; a command that
    names the cluster needs RAY_AUTH_MODE=token beside it where it is Ray's own.
    """

    address: str
    dashboard_url: str
    environment: dict[str, str]
    folder: Path
    process: subprocess.Popen


@contextlib.contextmanager
def ray_head(variables: Mapping[str, str] | None = None, *, num_cpus: int = 2) -> Iterator[RayHead]:
    """Start a head with token authentication and a job server, and kill it and all its processes at the end.

    It and its workers have these environment variables beside this process's.
    """
    # Short, because the paths of Unix sockets below it must stay under 108 bytes.
    folder = Path(tempfile.mkdtemp(prefix="head-", dir="/tmp"))
    port, dashboard_port, client_port = _free_ports(3)
    home = folder / "home"
    (home / ".ray").mkdir(parents=True)
    (home / ".ray" / "auth_token").write_text(secrets.token_hex(32))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {
        **(variables or {}),
        "HOME": str(home),
        "TMPDIR": str(folder),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        # Without it SIGTERM waits for the node to drain.
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
    }
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"]
    command += [f"--num-cpus={num_cpus}", f"--port={port}", f"--ray-client-server-port={client_port}"]
    command += ["--include-dashboard=true", f"--dashboard-port={dashboard_port}"]
    command += ["--dashboard-agent-listen-port=0", "--dashboard-agent-grpc-port=0", "--metrics-export-port=0"]
    log = folder / "head.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        dashboard_url = f"http://127.0.0.1:{dashboard_port}"
        _wait(lambda: _serves(dashboard_url), process, log, seconds=60.0)
        yield RayHead(
            address=f"127.0.0.1:{port}",
            dashboard_url=dashboard_url,
            environment=environment,
            folder=folder,
            process=process,
        )
    finally:
        _kill_tree(process)
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _serves(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/api/version", timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code in (401, 403)  # it is there, and wants the token
    except OSError:
        return False
    return True


def _wait(ready, process: subprocess.Popen, log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the head did not start:\n{log.read_text()}")
        time.sleep(0.1)


def _kill_tree(process: subprocess.Popen) -> None:
    """Kill a process and what it started: by descent and by session, because Ray's workers leave its process group."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGSTOP)  # so that it starts nothing more, and reaps nothing
    victims = descendants(process.pid)
    for pid in [*victims, process.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def descendants(root: int) -> list[int]:
    """List the processes that descend from `root` or belong to the session it leads."""
    table = subprocess.run(["ps", "-eo", "pid=,ppid=,sess="], capture_output=True, text=True, check=True).stdout
    processes = [tuple(map(int, line.split())) for line in table.splitlines()]
    found = {root}
    while True:
        more = {pid for pid, parent, session in processes if (parent in found or session == root) and pid not in found}
        if not more:
            return sorted(found - {root})
        found |= more
