"""One connection to Ray: a private local one that is started and stopped here, or a cluster that is joined and left."""

import contextlib
import importlib
import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from ._resources import Resources, usable_cpus

_LOG = logging.getLogger("cluster")

_CHECKOUT = Path(__file__).resolve().parent.parent
# In the syntax of a .gitignore, whose own entries Ray leaves out as well.
_NOT_SHIPPED = [".git/", "/out/", ".venv/", "venv/", "build/", "dist/", "*.egg-info/", "__pycache__/", ".*_cache/"]
_PROBE_SECONDS = 5.0


class Session:
    """A connection to Ray, open from `open_session` to `close`.

    `origin` says whose Ray it is: a private one that was "started" here, a cluster that was "joined", or one that this
    process was connected to before ("found"), which is left as it is. `logs` is the folder of the workers' logs on
    their machine, where it is known.
    """

    def __init__(self, origin: Literal["started", "joined", "found"], before: dict[str, str], context: Any = None):
        self.origin = origin
        self._before = before
        information = getattr(context, "address_info", {})  # a Ray Client has none
        self.logs = f"{information['session_dir']}/logs" if "session_dir" in information else None
        self._head = information.get("gcs_address")

    def resources(self) -> Resources:
        """Return what the machines that are alive have in all, whether or not it is in use."""
        nodes = _alive_nodes()
        return Resources(
            nodes=len(nodes),
            cpus=int(sum(node.get("CPU", 0) for node in nodes)),
            memory=int(sum(node.get("memory", 0) for node in nodes)),
        )

    def slots(self, num_gpus: float) -> int:
        """Return how many tasks of one CPU and `num_gpus` GPUs fit at once on the machines that are alive."""
        return sum(
            min(int(node.get("CPU", 0)), int(node.get("GPU", 0) / num_gpus) if num_gpus > 0 else sys.maxsize)
            for node in _alive_nodes()
        )

    def head_answers(self) -> bool:
        """Tell whether the cluster's head accepts connections.

        To be asked before any call that needs the head: with the head gone, such a call blocks until Ray ends the
        process a minute later.
        """
        return self._head is None or _answers(self._head, seconds=2.0)

    def close(self) -> None:
        """Stop the local Ray, or leave the cluster; leave a Ray alone that was there before."""
        if self.origin != "found":
            import ray

            ray.shutdown()
            _restore(self._before)


def open_session(address: str | None, workers: int | None, num_gpus: float) -> Session:
    """Connect to the cluster that `address` or RAY_ADDRESS names, or else start a Ray of our own on this machine.

    Raises:
        ConnectionError: nobody answers there, or not with this token.
        ValueError: the address is not one of a cluster, or this machine has not the GPUs asked for.
        RuntimeError: this process is connected to Ray already, and an address was given.
    """
    import ray

    before = _ray_variables()
    if ray.is_initialized():
        if address is not None:
            raise RuntimeError(
                f"this process is connected to Ray already: leave out the address {address!r}, "
                "or call ray.shutdown() first"
            )
        return Session("found", before)
    target = address or os.environ.get("RAY_ADDRESS") or "local"
    with _keeping_sigterm():
        _keep_off_stdout()
        try:
            context = _start(workers, num_gpus) if target == "local" else _join(target)
        except BaseException:
            ray.shutdown()
            _restore(before)
            raise
    return Session("started" if target == "local" else "joined", before, context)


def _start(workers: int | None, num_gpus: float) -> Any:
    import ray

    # Ray listens on every network interface, and whoever can talk to it can run code as this user, so the token
    # authentication that Ray turns on by itself stays on. Without a token in the environment Ray would write a new one
    # to ~/.ray/auth_token, where it switches on authentication for every later `ray start` of the user's: a private Ray
    # that ends with this process gets a private token that ends with it too. What the user has set comes first.
    if not {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys():
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    # Nobody reads the metrics of a private Ray; gathering them takes a hundredth of two cores.
    for name in ("enable_metrics_collection", "event_stats", "task_events_report_interval_ms"):
        os.environ.setdefault(f"RAY_{name}", "0")
    _reload_authentication()
    search_path = [str(_CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    with _variable("PYTHONPATH", os.pathsep.join(search_path)):
        context = ray.init(
            "local",
            num_cpus=workers or usable_cpus(),
            num_gpus=None if num_gpus > 0 else 0,
            # Nothing goes through the object store; left alone, it takes a third of the memory.
            object_store_memory=100 * 2**20,
            include_dashboard=False,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    if ray.cluster_resources().get("GPU", 0) < num_gpus:
        raise ValueError(f"a task needs {num_gpus:g} GPUs and this machine has not as many: lower num_gpus")
    return context


def _join(address: str) -> Any:
    import ray

    if address.startswith(("http://", "https://")):
        raise ValueError(
            f"{address} is the address of a job server, not of a cluster: "
            f"RAY_ADDRESS={address} ray job submit --working-dir . -- python -m ..."
        )
    if address != "auto" and not _answers(address.removeprefix("ray://"), _PROBE_SECONDS):
        # Ray itself would try for two minutes, and then end the process with a SIGTERM.
        raise ConnectionError(
            f"no Ray cluster answers at {address}: leave out the address to run on this machine alone"
        )
    # Ray switches the token on by itself only for the cluster that "auto" finds, not for one that is named. A token
    # that the cluster did not ask for does no harm.
    if "RAY_AUTH_MODE" not in os.environ and _has_token():
        os.environ["RAY_AUTH_MODE"] = "token"
    _reload_authentication()
    # A driver that was submitted as a job has its environment from the submission; one that joins from outside brings
    # its own modules along, since the cluster's machines need not have the checkout.
    submitted = "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ
    runtime_env = None if submitted else {"working_dir": str(_CHECKOUT), "excludes": _NOT_SHIPPED}
    try:
        return ray.init(address, runtime_env=runtime_env, logging_level=logging.ERROR, log_to_driver=False)
    except ConnectionError as error:
        reason = str(error).partition("\n")[0]
        raise ConnectionError(
            f"the Ray cluster at {address} cannot be joined ({reason}): if it asks for a token, set RAY_AUTH_TOKEN"
        ) from error


def _answers(address: str, seconds: float) -> bool:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"a cluster's address is host:port, ray://host:port or auto: got {address!r}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()
    except OSError:
        return False
    return True


def _alive_nodes() -> list[dict[str, float]]:
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _has_token() -> bool:
    named = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()
    return bool(named) or (Path.home() / ".ray" / "auth_token").exists()


def _reload_authentication() -> None:
    """Have Ray read the variables again: it reads mode and token once a process, and sessions may differ in both."""
    raylet = importlib.import_module("ray._raylet")
    with contextlib.suppress(AttributeError):
        raylet.Config.initialize("")
        raylet.AuthenticationTokenLoader.instance().reset_cache()


def _keep_off_stdout() -> None:
    """Have Ray log what it would otherwise print in between the program's own output, even with log_to_driver=False."""
    worker: Any = importlib.import_module("ray._private.worker")
    if hasattr(worker, "print_to_stdstream"):
        worker.print_to_stdstream = _log_message


def _log_message(data: Mapping[str, Any], *arguments: Any, **options: Any) -> None:
    """Log what Ray has to say, such as which worker process died; how that affects the work is said elsewhere."""
    for text in data["lines"]:
        _LOG.info("ray: %s", text)


def _ray_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("RAY_")}


def _restore(before: dict[str, str]) -> None:
    """Undo what a session set, so that it shows neither in child processes nor in the next session."""
    for name in _ray_variables().keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
    _reload_authentication()


@contextlib.contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextlib.contextmanager
def _keeping_sigterm() -> Iterator[None]:
    """Put the caller's SIGTERM handler back, since ray.init installs one that calls sys.exit."""
    handler = signal.getsignal(signal.SIGTERM)
    if handler is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        yield
    except SystemExit as exit_by_ray:
        signal.signal(signal.SIGTERM, handler)
        if exit_by_ray.code == signal.SIGTERM:
            signal.raise_signal(signal.SIGTERM)
        raise
    finally:
        signal.signal(signal.SIGTERM, handler)
