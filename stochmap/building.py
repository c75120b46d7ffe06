"""From a plain table (of a TOML file, or of command-line options) to frozen dataclasses, by kind and by field."""

import dataclasses
import difflib
import importlib
import types
import typing
from collections.abc import Mapping
from typing import Any


class StudyError(ValueError):
    """A study that cannot be run: what is wrong, where, and what to do, in one line."""


def build(table: Mapping[str, type], options: Mapping[str, Any], where: str) -> Any:
    """Build the object that ``options`` describe: ``kind`` names the class, the other keys are its fields.

    ``kind`` is a key of ``table``, or ``package.module:Class`` for a class of the user's own. Values are converted
    to the fields' types; strings too, so that command-line options need no types of their own.

    Args:
        table: the known kinds.
        options: kind and fields.
        where: for messages, such as "problem 'mapping', truth".

    Raises:
        StudyError: an unknown kind or field (the valid ones are listed), a missing field, a value of the wrong type,
            or one that the class itself refuses.
    """
    cls = find_class(table, options, where)
    fields = {key: value for key, value in options.items() if key != "kind"}
    return construct(cls, fields, f"{where} ({options['kind']})")


def find_class(table: Mapping[str, type], options: Mapping[str, Any], where: str) -> type:
    """Return the class that the ``kind`` of ``options`` names, as :func:`build` does.

    Raises:
        StudyError: no table, no kind, or an unknown one.
    """
    if not isinstance(options, Mapping):
        raise StudyError(f'{where}: expected a table such as {{ kind = "{next(iter(table))}" }}, got {options!r}')
    if "kind" not in options:
        raise StudyError(f"{where}: `kind` is missing: choose one of {', '.join(table)}")
    kind = options["kind"]
    return table[kind] if isinstance(kind, str) and kind in table else _imported(kind, table, where)


def construct(cls: type, options: Mapping[str, Any], where: str) -> Any:
    """Build a frozen dataclass from its fields, as :func:`build` does once the class is known."""
    types_of = field_types(cls)
    for key in options:
        if key not in types_of:
            raise StudyError(f"{where}: unknown key `{key}`{_hint(key, types_of)}: valid keys are {_listed(types_of)}")
    for field in _fields(cls):
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and field.name not in options:
            raise StudyError(f"{where}: `{field.name}` is missing: give {field.name} = …")
    values = {key: convert(value, types_of[key], f"{where}, `{key}`") for key, value in options.items()}
    try:
        return cls(**values)
    except ValueError as error:
        raise StudyError(f"{where}: {error}") from error


def field_types(cls: type) -> dict[str, Any]:
    """Return the fields that a user may set, with their types."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in _fields(cls)}


def field_values(instance: Any) -> dict[str, Any]:
    """Return the fields that a user may set, with their values; defaults included."""
    return {field.name: getattr(instance, field.name) for field in _fields(type(instance))}


def is_scalar(kind: Any) -> bool:
    """Say whether a field holds one number or string, so that a list for it is an axis of the grid."""
    return kind in (int, float, str, bool) or (
        isinstance(kind, types.UnionType) and is_scalar(typing.get_args(kind)[0])
    )


def column_type(kind: Any) -> type:
    """Return the type of a field's column: int, float, bool, or str, for text and for anything else as JSON."""
    if isinstance(kind, types.UnionType):
        return column_type(typing.get_args(kind)[0])
    return kind if kind in (int, float, bool) else str


def convert(value: Any, kind: Any, where: str) -> Any:
    """Convert a TOML value or a string to a field's type.

    Raises:
        StudyError: it cannot be.
    """
    if isinstance(kind, types.UnionType):
        options = typing.get_args(kind)
        return None if value is None and type(None) in options else convert(value, options[0], where)
    if typing.get_origin(kind) is tuple:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            raise StudyError(f"{where}: expected a list, got {value!r}")
        return tuple(convert(part, typing.get_args(kind)[0], where) for part in parts)
    if kind is int:
        return parse_count(value, where)
    if kind is float and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    if kind is bool and (isinstance(value, bool) or value in ("true", "false")):
        return value in (True, "true")
    if kind is str and isinstance(value, str):
        return value
    raise StudyError(f"{where}: expected {_type_name(kind)}, got {value!r}")


def parse_count(value: Any, where: str) -> int:
    """Read a whole number as people write them: 16384, "10_000", "1e9", "2^20".

    Raises:
        StudyError: it is not one.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        text = value.strip().replace("_", "")
        base, caret, exponent = text.partition("^")
        try:
            number = int(base) ** int(exponent) if caret else int(text) if _is_integer(text) else float(text)
            if number == int(number):
                return int(number)
        except (ValueError, OverflowError):
            pass
    raise StudyError(f"{where}: expected a whole number such as 16384, 1e6 or 2^20, got {value!r}")


def _is_integer(text: str) -> bool:
    return text.lstrip("+-").isdigit()


def _fields(cls: type) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(cls) if field.repr]


def _imported(kind: Any, table: Mapping[str, type], where: str) -> type:
    if not isinstance(kind, str) or ":" not in kind:
        raise StudyError(
            f"{where}: unknown kind {kind!r}{_hint(kind, table)}: valid kinds are {_listed(table)}, "
            'or "package.module:Class" for one of your own'
        )
    module, _, name = kind.partition(":")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise StudyError(
            f"{where}: cannot import {kind!r} ({error}): check the name and that it is on the path"
        ) from error
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)) or cls.__hash__ is None:
        raise StudyError(f"{where}: {kind!r} must be a frozen dataclass, so that its fields are its options")
    return cls


def _hint(key: Any, valid: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(str(key), list(valid), n=1)
    return f" (did you mean `{close[0]}`?)" if close else ""


def _listed(valid: Mapping[str, Any]) -> str:
    return ", ".join(valid) if valid else "none"


def _type_name(kind: Any) -> str:
    return {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}.get(kind, str(kind))
