"""The configuration, checked and completed: each system's block, and each entry of speech features, by its own schema."""

from pathlib import Path

from models.registry import SYSTEMS, get_system
from models.speech.registry import check_entry, entry_schemas
from toolkit.settings import complete, read_schema


def read_configuration(settings: dict, schema_file: str | Path) -> dict:
    """`settings` with all defaults; InputError names the first key that is unknown or has an unusable value."""
    schema = read_schema(schema_file)
    properties = schema["properties"]
    for name in SYSTEMS:
        properties[name] = read_schema(get_system(name).folder / "options.schema.yaml")
    ready_made = {name: part["default"] for name, part in properties["speech"]["properties"].items()}
    entries = ready_made | (settings.get("speech") or {})
    properties["speech"]["properties"] = entry_schemas(entries)
    settings = complete({**settings, "speech": entries}, schema)
    for name in settings["systems"]:
        get_system(name)
        if "speech" in settings[name]:
            check_entry(f"configuration, {name}.speech", settings[name]["speech"], settings["speech"])
    return settings
