"""Which failures are Ray's and which are the work's."""

import pytest
from ray import exceptions

from cluster import _window


def raised_in_a_task(cause):
    """Return what `ray.get` raises for a task that ended in `cause`."""
    error = exceptions.RayTaskError(
        "task", "Traceback: it was here", cause, proctitle="ray::task", pid=1, ip="127.0.0.1"
    )
    return error.as_instanceof_cause()


@pytest.mark.parametrize(
    "error",
    [
        exceptions.WorkerCrashedError(),
        exceptions.LocalRayletDiedError(),
        exceptions.NodeDiedError("the node is gone"),
        exceptions.OutOfMemoryError("the node ran low on memory"),
        exceptions.ObjectLostError("00", None, ""),
        exceptions.OwnerDiedError("00", None, ""),
        exceptions.RaySystemError("the raylet is gone"),
        exceptions.RpcError("no answer"),
        exceptions.RuntimeEnvSetupError("no pip"),
        exceptions.TaskCancelledError(),
        exceptions.OutOfDiskError(),
        raised_in_a_task(exceptions.NodeDiedError("while fetching an argument")),
        ConnectionError("the client has lost its server"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_lost_with_the_infrastructure(error):
    failure = _window.classify(error, "/tmp/ray/logs")
    assert failure.kind == "infrastructure"
    assert "/tmp/ray/logs" in failure.message
    assert "RayTaskError" not in failure.type


@pytest.mark.parametrize("cause", [ModuleNotFoundError("no module"), KeyError("key"), ValueError("value")])
def test_raised_in_python(cause):
    failure = _window.classify(raised_in_a_task(cause), None)
    assert (failure.kind, failure.type, failure.message) == ("bug", type(cause).__name__, str(cause))
    assert "it was here" in failure.traceback
