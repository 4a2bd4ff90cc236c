"""The OpenAPI document, put together from its snapshots, so that it can be linted without building anything.

The suite `api` holds the snapshots to the document, and that there are no others.
"""

import json
import sys
from pathlib import Path

SNAPSHOTS = Path(__file__).resolve().parents[2] / "tests" / "suites" / "api" / "snapshots" / "openapi"


def read(snapshot):
    """The JSON below a snapshot's heading."""
    return json.loads(snapshot.read_text().split("\n---\n", 1)[1])


def document():
    whole = read(SNAPSHOTS / "document.snap")
    for snapshot in sorted((SNAPSHOTS / "operations").glob("*.snap")):
        [(path, operation)] = read(snapshot).items()
        whole["paths"].setdefault(path, {}).update(operation)
    for snapshot in sorted((SNAPSHOTS / "schemas").glob("*.snap")):
        whole["components"]["schemas"][snapshot.stem] = read(snapshot)
    return whole


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2)
