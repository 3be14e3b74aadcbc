"""The JSON Schema of Rampart's events on the bus: `python -m rampart_cli.event_schema docs/event.schema.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rampart.adapters.bus_event import BusEvent


def event_schema_text() -> str:
    """The schema (2020-12) as it is published in `docs/event.schema.json`; new fields may come at any time."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | BusEvent.model_json_schema()
    schema["additionalProperties"] = True
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(event_schema_text())
