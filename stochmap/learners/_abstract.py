import abc
import enum
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
from jaxtyping import Array, Float, Int, PRNGKeyArray

from stochmap.mappings import AbstractMapping
from stochmap.posteriors import AbstractPosterior, Interval


class Status(enum.IntEnum):
    """How a fit ended. An expected numerical outcome is a value, never an exception."""

    EXACT = 0
    """In closed form."""
    CONVERGED = 1
    """The optimality certificate holds."""
    BOUNDARY = 2
    """The optimum lies at infinity (some outcome was never seen); stopped within the wider tolerance."""
    MAX_STEPS = 3
    """Out of steps before the certificate held: raise max_steps or the learning rate."""
    NON_FINITE = 4
    """The loss or a parameter became infinite or NaN: lower the learning rate."""


class History(NamedTuple):
    """The learner's loss per sample at some of the steps (a likelihood's in nats); unused places: step −1, loss NaN."""

    step: Int[Array, "points"]
    loss: Float[Array, "points"]


class AbstractConfidence(eqx.Module):
    """Intervals that do not come from an exact posterior; leading axes are independent runs."""

    @abc.abstractmethod
    def interval(self, level: float) -> dict[str, Interval]:
        """Return each parameter's confidence interval (host)."""
        ...


class Fit(eqx.Module):
    """What a learner made of one dataset."""

    mapping: AbstractMapping
    status: Int[Array, ""]
    steps: Int[Array, ""]
    posterior: AbstractPosterior | None = None
    confidence: AbstractConfidence | None = None
    history: History | None = None

    def interval(self, level: float) -> dict[str, Interval] | None:
        """Return each parameter's interval (of the posterior where there is one), or None without any (host)."""
        source = self.posterior if self.posterior is not None else self.confidence
        return None if source is None else source.interval(level)


@runtime_checkable
class Learner(Protocol):
    """From data to a Fit: a frozen dataclass whose fields are the learner's options.

    Called for one run, traced, and vmapped outside; whatever is random comes from the key.

    What it is given is what it ``needs``: "statistics" (Counts, Moments); "values", where Gaussians come as Values and
    tables as Counts, which are their pairs but for the order; "pairs", which no study gives.
    """

    needs: ClassVar[Literal["statistics", "values", "pairs"]]
    families: ClassVar[frozenset[str]]

    def __call__(self, key: PRNGKeyArray, data: Any) -> Fit: ...
