"""In which keys two identity texts differ."""

import tomllib
from typing import Any

_SHOWN = 3


def describe_difference(stored: str, asked: str) -> str:
    """The differing keys with both values, on one line; empty where the two say the same."""
    try:
        theirs = _flat(tomllib.loads(stored))
    except tomllib.TOMLDecodeError as error:
        return f"its study.toml is no TOML ({error})"
    ours = _flat(tomllib.loads(asked))
    differences = [
        f"{key}: {_value(theirs, key)} in the store, {_value(ours, key)} asked"
        for key in dict.fromkeys([*ours, *theirs])
        if _value(theirs, key) != _value(ours, key)
    ]
    more = len(differences) - _SHOWN
    return "; ".join(differences[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        parts = {f"{key}.{name}" if key else name: inner for name, inner in value.items()}
    elif isinstance(value, list) and value and all(isinstance(inner, dict) for inner in value):
        parts = {f"{key}.{label}": inner for label, inner in zip(_labels(value), value, strict=True)}
    else:
        return {key: value}
    return {name: leaf for part, inner in parts.items() for name, leaf in _flat(inner, part).items()}


def _labels(tables: list[dict[str, Any]]) -> list[str]:
    """What tells the tables of a list apart: their names or kinds where these do, else their positions."""
    for field in ("name", "kind"):
        labels = [str(table.get(field, "")) for table in tables]
        if all(labels) and len(set(labels)) == len(labels):
            return labels
    return [str(i) for i in range(len(tables))]


def _value(flat: dict[str, Any], key: str) -> str:
    return repr(flat[key]) if key in flat else "absent"
