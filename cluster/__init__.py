"""Running a function over many items: in this process, on this machine's cores, or on a Ray cluster."""

from ._executor import Executor as Executor
from ._executor import InProcessExecutor as InProcessExecutor
from ._outcome import Failure as Failure
from ._outcome import Outcome as Outcome
from ._outcome import Work as Work
from ._pinning import pin_to_own_core as pin_to_own_core
from ._progress import Progress as Progress
from ._ray import RayExecutor as RayExecutor
from ._resources import Resources as Resources
from ._resources import local_resources as local_resources
from ._signals import Stopped as Stopped
from ._signals import interruptible as interruptible

__all__ = [
    "Executor",
    "Failure",
    "InProcessExecutor",
    "Outcome",
    "Progress",
    "RayExecutor",
    "Resources",
    "Stopped",
    "Work",
    "interruptible",
    "local_resources",
    "pin_to_own_core",
]
