"""The checker that holds the library's functions to their annotations while tests run."""

import typing
from collections.abc import Callable
from typing import Any

from beartype import beartype


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with its annotations checked in every call."""
    hints = vars(function).get("__annotations__", getattr(function, "__annotations__", {}))
    # Methods are decorated one by one, where beartype cannot know which class Self is.
    return function if typing.Self in hints.values() else beartype(function)
