"""`make security` finds what it is there to find: each rule is shown a fault of its kind, and each list a stranger."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TOOL = Path(__file__).parents[3] / "tools" / "security.py"


@pytest.fixture(scope="module")
def security() -> ModuleType:
    """The tool, as a module."""
    spec = importlib.util.spec_from_file_location("security", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["security"] = module
    spec.loader.exec_module(module)
    return module


FAULTS = {
    "http-past-the-seams": "async def f(url):\n    await aiohttp.ClientSession().get(url)\n",
    "secrets-compared-in-variable-time": "def f(given, settings):\n    return given == settings.metrics_token\n",
    "sql-outside-of-models": 'async def f(tx, id_):\n    await tx.all(f"SELECT 1 FROM t WHERE id = {id_}")\n',
    "sql-made-of-values": 'async def f(tx, name):\n    await tx.value(f"SELECT {name} FROM t")\n',
    "tenant-set-beyond-the-transaction": "Q = \"SELECT set_config('app.current_tenant_id', $1, false)\"\n",
    "token-read-unverified": 'def f(t, k):\n    return jwt.decode(t, k, options={"verify_signature": False})\n',
    "data-that-runs": "def f(body):\n    return pickle.loads(body)\n",
    "a-shell": "def f(name):\n    subprocess.run(name, shell=True)\n",
    "tls-unverified": "async def f(http, url):\n    await http.get(url, ssl=False)\n",
    "every-origin-allowed": 'def f(headers):\n    headers["access-control-allow-origin"] = "*"\n',
    "decided-by-a-url-built-from-host": 'def f(request):\n    return request.url.path.startswith("/v1")\n',
    "a-secret-in-a-log": 'def f(log, message):\n    log.info("message_received", text=message.text)\n',
}
"""Code that each of our rules has to find."""
HARMLESS = """
def f(log, given, settings, tx):
    log.info("message_received", ms=3)
    return hmac.compare_digest(given, settings.metrics_token) and tx.all(f"SELECT {_COLUMNS} FROM t WHERE id = $1", 1)
"""


@pytest.fixture
def planted(security: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of faults, as if it stood at the top of the source."""
    monkeypatch.setattr(security, "ROOT", tmp_path)
    monkeypatch.setattr(security, "RULES", TOOL.parent / "semgrep.yml")
    place = tmp_path / "planted"
    place.mkdir()
    return place


def test_each_of_our_rules_finds_its_fault_and_no_other(
    security: ModuleType, planted: Path
) -> None:
    """Check 78; the static half of the timing rule."""
    for rule, code in FAULTS.items():
        (planted / f"{rule.replace('-', '_')}.py").write_text(code)
    (planted / "harmless.py").write_text(
        HARMLESS.replace('f"SELECT {_COLUMNS} FROM t WHERE id = $1"', '"SELECT 1"')
    )
    found = security.rules("planted")
    named = {(Path(one.split(":")[0]).stem, one.split()[1].rstrip(":")) for one in found}
    both = {
        ("sql_outside_of_models", "sql-made-of-values"),
        ("sql_made_of_values", "sql-outside-of-models"),
    }
    assert named - both == {(rule.replace("-", "_"), rule) for rule in FAULTS}


def test_every_rule_is_shown_a_fault() -> None:
    written = (TOOL.parent / "semgrep.yml").read_text("utf-8")
    assert set(re.findall(r"^  - id: (\S+)$", written, re.MULTILINE)) == set(FAULTS)


@pytest.mark.parametrize(
    ("code", "test"),
    [
        ("import yaml\nyaml.load(open('x'))\n", "B506"),
        ("import hashlib\nhashlib.md5(b'x')\n", "B324"),
        ("eval(input())\n", "B307"),
        ("import requests\nrequests.get('https://x', verify=False)\n", "B501"),
        ("import tarfile\ntarfile.open('x').extractall()\n", "B202"),
    ],
)
def test_bandit_finds_what_is_planted(
    security: ModuleType, planted: Path, code: str, test: str
) -> None:
    (planted / "fault.py").write_text(code)
    assert any(test in one for one in security.bandit("planted"))


SECRETS = [
    "key = 'AKIA" + "IOSFODNN7ABCDEFG'\n",
    "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n",
    "token = 'ghp_" + "a1B2" * 9 + "'\n",
    "url = 'postgresql://wafaa:" + "kx82mPQ1@db/wafaa'\n",
    "password = '" + "hunter2hunter2'\n",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_found(security: ModuleType, planted: Path, text: str) -> None:
    (planted / "settings.py").write_text(text)
    assert security.secrets("planted/settings.py")


@pytest.mark.parametrize("text", SECRETS[:3])
def test_a_real_secret_is_found_in_a_test(security: ModuleType, planted: Path, text: str) -> None:
    (planted / "test_x.py").write_text(text)
    assert security.secrets("planted/test_x.py", disabled=security.GUESSES)


@pytest.mark.parametrize(
    ("lock", "open_"),
    [
        ("x==1 \\\n    --hash=sha256:00\n    # via y\n", 0),
        ("x>=1 \\\n    --hash=sha256:00\n", 1),
        ("x==1\n", 1),
        ("x @ git+https://x.example/x\n", 1),
    ],
)
def test_an_open_lock_is_told(security: ModuleType, lock: str, open_: int) -> None:
    assert len(security.unlocked(lock)) == open_


@pytest.mark.parametrize(
    ("pth", "runs"),
    [("/opt/lib\n", False), ("import os; os.system('x')\n", True), ("lib\nimport\tx\n", True)],
)
def test_code_in_a_pth_is_told(security: ModuleType, pth: str, runs: bool) -> None:
    assert security.runs_code(pth) is runs


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True), ("Apache-2.0 OR BSD-3-Clause", True), ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("GNU General Public License v3", False), ("LGPL-3.0-only", False), ("AGPL-3.0", False), ("", False),
        ("Proprietary", False), ("BUSL-1.1", False),
    ],
)  # fmt: skip
def test_licences_are_allowed_by_name(security: ModuleType, licence: str, allowed: bool) -> None:
    assert security.allowed(licence) is allowed


def test_what_the_product_is_built_from(security: ModuleType, monkeypatch: Any) -> None:
    """Check 78: locked by hash, few direct dependencies, no start-up code, licences allowed; all of it on a bill."""
    monkeypatch.setattr(security, "ROOT", TOOL.parents[1])
    for check in (
        security.locks,
        security.dependencies,
        security.startup_code,
        security.licences,
        security.bill_of_materials,
    ):
        assert check() == []


def test_only_wheels_are_installed() -> None:
    """Check 78."""
    setup = (TOOL.parent / "setup.py").read_text("utf-8")
    assert 'ONLY_AS_LOCKED = ("--quiet", "--require-hashes", "--no-build")' in setup
    assert setup.count('"pip", "sync"') == setup.count('"pip", "sync", *ONLY_AS_LOCKED') == 2
    assert "--only-binary :all: --require-hashes" in setup
