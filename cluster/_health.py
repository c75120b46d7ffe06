"""Whether there still is a cluster to wait for."""

import time

from ._outcome import Failure
from ._session import Session

_LOOK_SECONDS = 5.0
_HEAD_SECONDS = 30.0  # Ray itself ends the process after 60


class Health:
    """Looks at the cluster every few seconds: how many tasks fit on it now, and whether it is lost.

    It is lost once its head has not answered for half a minute, or once it has had no machine for such a task for
    `patience` seconds (the time that an autoscaler may take; a Ray started here gets no second machine).
    """

    def __init__(self, session: Session, num_gpus: float, patience: float):
        self._session = session
        self._num_gpus = num_gpus
        self._patience = patience if session.origin != "started" else 0.0
        self.slots = session.slots(num_gpus)
        self.lost: Failure | None = None
        self._looked = self._head_seen = self._slots_seen = time.monotonic()

    def look(self) -> None:
        """Bring `slots` and `lost` up to date, if the last look is long enough ago."""
        now = time.monotonic()
        if self.lost is not None or now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        if not self._session.head_answers():
            if now - self._head_seen > _HEAD_SECONDS:
                self._give_up(f"its head has not answered for {now - self._head_seen:.0f} s")
            return
        self._head_seen = now
        try:
            self.slots = self._session.slots(self._num_gpus)
        except ConnectionError as error:
            self._give_up(str(error))
            return
        if self.slots > 0:
            self._slots_seen = now
        elif now - self._slots_seen > self._patience:
            self._give_up(f"it has had no machine for the work for {now - self._slots_seen:.0f} s")

    def _give_up(self, reason: str) -> None:
        self.lost = Failure("infrastructure", "ClusterLost", f"the Ray cluster is lost: {reason}")
