"""What a linter that nobody here wrote says of the API's description: Redocly's, with all that it recommends."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.cli.description import describe

ROOT = Path(__file__).parents[3]
NODE = ROOT / ".venv" / "bin" / "node"
LINTER = ROOT / "web" / "node_modules" / "@redocly" / "cli" / "bin" / "cli.js"
ALONE = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
"""It tells nobody that it ran, and asks nobody for a newer one."""

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> str:
    """What an installation serves."""
    return json.dumps(describe())


def lint(document: Document, at: Path) -> tuple[dict[str, int], set[str]]:
    """What the linter counts, warnings as errors, and the names of the rules that found something."""
    (at / "openapi.json").write_text(json.dumps(document))
    words = ["lint", "openapi.json", "--extends", "recommended-strict", "--format", "json"]
    done = subprocess.run(
        [str(NODE), str(LINTER), *words],
        cwd=at, env=os.environ | ALONE, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    told = json.loads(done.stdout)
    return told["totals"], {problem["ruleId"] for problem in told["problems"]}


def test_the_linter_finds_nothing(document: str, tmp_path: Path) -> None:
    """No error, no warning, and nothing that it was told to overlook."""
    assert lint(json.loads(document), tmp_path) == (
        {"errors": 0, "warnings": 0, "ignored": 0},
        set(),
    )


def test_the_linter_finds_what_is_spoilt(document: str, tmp_path: Path) -> None:
    """One mistake of each of five kinds."""
    spoilt = json.loads(document)
    login, read, write = (
        spoilt["paths"]["/v1/auth/login"]["post"],
        spoilt["paths"]["/v1/conversations/{conversation_id}/messages"]["get"],
        spoilt["paths"]["/v1/conversations/{conversation_id}/messages"]["post"],
    )
    del login["security"]
    del login["responses"]["4XX"]
    login["responses"]["5XX"] = {"$ref": "#/components/nowhere"}
    read["responses"]["200"]["content"]["application/json"]["itemSchema"] = {}
    del write["parameters"]
    _, found = lint(spoilt, tmp_path)
    assert found >= {
        "security-defined", "operation-4xx-response", "no-unresolved-refs", "struct", "path-parameters-defined",
    }  # fmt: skip
