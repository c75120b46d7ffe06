"""What the commands share: options, one-line errors, exit codes."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import cyclopts
from cyclopts import Parameter

from cluster import Stopped
from stochmap.building import StudyError, parse_count
from stochmap.store import LeaseLost, NotDeterministic, StoreBusy, StoreError

DONE, FAILED, USAGE, STOPPED = 0, 1, 2, 3
"""Exit codes: done; failed; bad input, nothing was done; stopped part-way, the same command goes on."""


class UsageError(ValueError):
    """Options that do not go together, or cannot be followed: what, and what to do, in one line."""


class NoCluster(Exception):
    """The cluster that was named cannot be joined."""


def _count(_: Any, tokens: Sequence[Any]) -> int:
    return parse_count(tokens[0].value, tokens[0].keyword or "value")


Count = Annotated[int, Parameter(converter=_count)]
"""A whole number as people write them: 16384, 10_000, 1e6, 2^20."""

Flag = Annotated[bool, Parameter(negative="")]


def run(command: Callable[..., int], name: str, examples: Sequence[str] = ()) -> None:
    """Run a command on this process's arguments, and exit with its code.

    Its signature is its options, its docstring and the examples (arguments) the help. Bad input is one line on stderr
    and exit code 2.
    """
    epilogue = "\n".join(["Examples:", "", *(f"- python -m jobs.{name} {example}" for example in examples)])
    app = cyclopts.App(
        name=f"python -m jobs.{name}",
        help_epilogue=epilogue if examples else None,
        version_flags=[],
        suppress_keyboard_interrupt=False,
    )
    app.default(command)
    options = {"exit_on_error": False, "print_error": False, "result_action": "return_value"}
    try:
        code = app(sys.argv[1:], **options)
    except (cyclopts.CycloptsError, StudyError, UsageError) as error:
        code = _complain(name, str(error), USAGE)
    except (StoreBusy, LeaseLost, NotDeterministic, NoCluster) as error:
        code = _complain(name, str(error), FAILED)
    except StoreError as error:
        code = _complain(name, str(error), USAGE)
    except Stopped as error:
        code = _complain(name, f"{error}; what is finished is kept: the same command goes on from there", STOPPED)
    except BrokenPipeError:  # whoever read our output has enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    sys.stdout.flush()
    sys.exit(code or DONE)


def _complain(name: str, message: str, code: int) -> int:
    print(f"{name}: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return code
