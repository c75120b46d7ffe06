"""What can go wrong with a store; every message says what, where and what to do, in one line."""


class StoreError(Exception):
    """Base of all errors of this package."""


class IdentityDiffers(StoreError):
    """The folder holds another study, or something that is no store."""


class StoreBusy(StoreError):
    """Another living driver holds the store's lease."""


class LeaseLost(StoreError):
    """The handle's lease is no longer the current one: another driver has taken the store over, or it was released."""


class NotDeterministic(StoreError):
    """The same chunk gave different bytes twice on one platform."""
