"""The configuration: checked against a JSON schema, completed with its defaults, unknown keys refused by name."""

import difflib
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from toolkit.errors import InputError


def read_schema(path: str | Path) -> dict:
    """A JSON schema written as YAML."""
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def complete(settings: dict, schema: dict) -> dict:
    """A copy of `settings` with the schema's defaults filled in at every depth.

    Raises InputError that names the first key which is unknown (with the nearest known one) or has an unusable value.
    """
    settings = _with_defaults(settings, schema)
    errors = sorted(Draft202012Validator(schema).iter_errors(settings), key=lambda error: list(map(str, error.path)))
    if errors:
        raise _explained(errors[0])
    return settings


def _with_defaults(value: object, schema: dict) -> object:
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    filled = dict(value)
    for key, part in schema["properties"].items():
        if key not in filled and "default" in part:
            filled[key] = part["default"]
        if key in filled:
            # A block left empty in YAML reads as null: the user means its defaults.
            empty_block = filled[key] is None and part.get("type") == "object"
            filled[key] = _with_defaults({} if empty_block else filled[key], part)
    return filled


def _explained(error) -> InputError:
    where = ".".join(map(str, error.path))
    subject = f"configuration, {where}" if where else "configuration"
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        nearest = difflib.get_close_matches(str(unknown), known, n=1, cutoff=0.5)
        hint = f"Did you mean '{nearest[0]}'?" if nearest else f"Known here: {', '.join(known)}"
        return InputError(subject, f"unknown key '{unknown}'", hint)
    if error.validator == "not":  # a schema keeps an old option in this way, with the new form as its description
        return InputError(subject, "this option has moved", error.schema["description"])
    description = error.schema.get("description", "See the comments in config.yaml")
    return InputError(subject, error.message, f"It means: {description}")
