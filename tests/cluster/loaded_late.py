"""Notes what its process was like when it was imported."""

import os

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
PLATFORMS = os.environ.get("JAX_PLATFORMS")
CHOSEN = os.environ.get("CHOSEN")


class Item:
    """An item whose class lives in this module, so that unpickling the item imports it."""


def tell(item):
    return {"cores": CORES, "platforms": PLATFORMS, "chosen": CHOSEN}
