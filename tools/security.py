"""Checks the source for known mistakes and secrets, and what the product is built from: `make security` calls it.

bandit, our own semgrep rules and detect-secrets look at the source; the locks, the environment and the licences are
looked at here. A software bill of materials and the list of licences are left in `.build/`. Nothing is asked of the
network. It ends with an error if there is one finding.
"""

# ruff: noqa: S603, T201 - it runs the programs of the checks and tells what they found.

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BACKEND = ROOT / "backend"
BUILD = ROOT / ".build"
PROGRAMS = ROOT / ".tools" / "checks" / "bin"
RULES = ROOT / "tools" / "semgrep.yml"
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-checks.lock")
SOURCE = ("backend/app", "backend/main.py", "backend/migrations", "backend/simulators", "tools")
TRIED = ("backend/tests", "bench", "web")
MOST_DEPENDENCIES = 25

BY_RUFF = ("B101", "B104", "B105", "B106", "B107", "B108", "B311", "B404", "B603", "B606", "B607")
"""bandit's tests that Ruff makes as well (S101 …), where each exception has its reason at the spot."""
BY_RULES = ("B608",)
"""Statements made of text: our semgrep rules tell a module's constant from a value."""
NO_SECRETS = (
    r"smtp://user:password@host",  # How the setting is written.
    r"^(_WEIGHTS|SHA256) = ",  # What the model's files weigh in SHA-256.
    r"^_ALPHABET = ",  # What recovery codes are made of.
    r"\"(a credential|credentials)\",$",  # What isn't exported, by what it is.
    r"\"client_keys\": \"keys\"",
    r"client_secret_(basic|post)",  # Ways to show a secret (RFC 6749).
)
GUESSES = (
    "KeywordDetector",
    "HexHighEntropyString",
    "Base64HighEntropyString",
    "BasicAuthDetector",
    "JwtTokenDetector",
)
"""Detectors that go by looks. Tests are full of made-up secrets, so there only the forms of real ones are sought."""

LICENCES = re.compile(
    r"MIT|BSD|Apache|PSF|Python Software Foundation|ISC|Zlib|CC0|0BSD|MPL|Mozilla|Unlicense",
    re.IGNORECASE,
)
"""Licences under which the product may be given on."""
NOT_ALLOWED = re.compile(r"\bA?L?GPL|GNU|SSPL|BUSL|Commons Clause|non-?commercial", re.IGNORECASE)

Check = Callable[[], "list[str]"]


def main() -> None:
    """Runs every check, two at a time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--short", action="store_true", help="leave out what takes long and changes seldom"
    )
    arguments = parser.parse_args()
    checks: list[Check] = [rules, bandit, secrets, locks, dependencies, startup_code, licences]
    if not arguments.short:
        checks += [secrets_of_tests, bill_of_materials]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda check: check(), checks))
    for check, findings in zip(checks, found, strict=True):
        print(f"{check.__name__.replace('_', ' ')}: {len(findings)} findings")
        print(*(f"  {one}" for one in findings), sep="\n", end="\n" if findings else "")
    sys.exit(1 if any(found) else 0)


def rules(*paths: str) -> "list[str]":
    """What our semgrep rules find."""
    command = ["scan", "--config", RULES, "--metrics", "off", "--disable-version-check"]
    command += ["--project-root", ROOT, "--quiet", "--json"]  # The rules' paths begin there.
    told = json.loads(_run("semgrep", *command, *(paths or SOURCE)))
    errors = [f"semgrep: {error['message']}" for error in told["errors"]]
    if not told["paths"]["scanned"]:
        errors.append("semgrep looked at nothing.")
    return errors + [
        f"{one['path']}:{one['start']['line']} {one['check_id'].rpartition('.')[2]}: {one['extra']['message']}"
        for one in told["results"]
    ]


def bandit(*paths: str) -> "list[str]":
    """What bandit finds, but for what Ruff and our rules look at with more sense."""
    command = ["--quiet", "--recursive", "--format", "json"]
    told = json.loads(
        _run("bandit", *command, "--skip", ",".join(BY_RUFF + BY_RULES), *(paths or SOURCE))
    )
    return [f"bandit: {error}" for error in told["errors"]] + [
        f"{one['filename']}:{one['line_number']} {one['test_id']} {one['issue_text']}"
        for one in told["results"]
    ]


def secrets(*paths: str, disabled: Sequence[str] = ()) -> "list[str]":
    """What looks like a secret."""
    options = [
        f"--exclude-lines={'|'.join(NO_SECRETS)}",
        f"--exclude-files={RULES.name}|signing/texts.py",  # Words of pages: "Password".
        *(f"--disable-plugin={one}" for one in disabled),
    ]
    wanted = paths or (*SOURCE, "deploy", "docs", "README.md", "ARCHITECTURE.md", "Makefile", ".ci")
    told = json.loads(_run("detect-secrets", "scan", "--no-verify", *options, *wanted))
    return [
        f"{path}:{one['line_number']} {one['type']}"
        for path, found in told["results"].items()
        for one in found
    ]


def secrets_of_tests() -> "list[str]":
    """Real secrets in tests, races and web pages."""
    return secrets(*TRIED, disabled=GUESSES)


def locks() -> "list[str]":
    """Requirements without a version or a hash."""
    return [
        f"{name}: {line}"
        for name in LOCKS
        for line in unlocked((BACKEND / name).read_text("utf-8"))
    ]


def unlocked(text: str) -> "list[str]":
    """What a lock leaves open."""
    whole = re.sub(r"\\\n\s*", " ", text).splitlines()
    wanted = [line for line in whole if line.strip() and not line.lstrip().startswith("#")]
    return [line[:80] for line in wanted if "==" not in line or "--hash=sha256:" not in line]


def dependencies() -> "list[str]":
    """More direct dependencies at run time than anybody can keep an eye on."""
    told = tomllib.loads((BACKEND / "pyproject.toml").read_text("utf-8"))
    direct = told["project"]["dependencies"]
    return [f"{len(direct)} dependencies"] if len(direct) > MOST_DEPENDENCIES else []


def startup_code() -> "list[str]":
    """Packages of the product with a `.pth` file that runs code at every start of Python."""
    return [
        f"{one.metadata['Name']}: {file}"
        for one in _of_the_product()
        for file in one.files or ()
        if file.suffix == ".pth" and runs_code(file.read_text("utf-8"))
    ]


def runs_code(pth: str) -> bool:
    """Whether a `.pth` file does more than name directories."""
    return any(line.startswith(("import ", "import\t")) for line in pth.splitlines())


def licences() -> "list[str]":
    """Packages of the product under a licence that isn't on the list. All are written to `.build/licences.txt`."""
    told = {f"{one.metadata['Name']} {one.version}": licence_of(one) for one in _of_the_product()}
    BUILD.mkdir(exist_ok=True)
    lines = (
        f"{name}: {licence}\n"
        for name, licence in sorted(told.items(), key=lambda pair: pair[0].lower())
    )
    (BUILD / "licences.txt").write_text("".join(lines), "utf-8")
    return [
        f"{name}: {licence or 'no licence'}"
        for name, licence in told.items()
        if not allowed(licence)
    ]


def licence_of(one: Distribution) -> str:
    """A package's licence, as it says itself."""
    told = one.metadata.json
    by_class = [
        line.rpartition("::")[2].strip()
        for line in told.get("classifier", [])
        if "License ::" in line
    ]
    whole = str(told.get("license_expression") or told.get("license") or ", ".join(by_class))
    return (
        "MIT"
        if "Permission is hereby granted, free of charge" in whole
        else whole.partition("\n")[0]
    )


def allowed(licence: str) -> bool:
    """Whether the product may be given on with it."""
    return bool(LICENCES.search(licence)) and not NOT_ALLOWED.search(licence)


def bill_of_materials() -> "list[str]":
    """Writes `.build/sbom.cdx.json` (CycloneDX) of what the product runs on."""
    BUILD.mkdir(exist_ok=True)
    target = BUILD / "sbom.cdx.json"
    options = ["--pyproject", BACKEND / "pyproject.toml", "--output-reproducible", "--of", "JSON"]
    _run("cyclonedx-py", "requirements", BACKEND / LOCKS[0], *options, "-o", target)
    listed = {one["name"].lower() for one in json.loads(target.read_text("utf-8"))["components"]}
    return [
        f"the bill of materials lacks {name}" for name in _locked(LOCKS[0]) if name not in listed
    ]


def _of_the_product() -> "Iterator[Distribution]":
    """What is installed of what the product runs on, without what only tests need."""
    wanted = {_plain(name) for name in _locked(LOCKS[0])}
    return (one for one in distributions() if _plain(one.metadata["Name"]) in wanted)


def _locked(lock: str) -> "list[str]":
    return re.findall(r"^([\w.-]+)==", (BACKEND / lock).read_text("utf-8").lower(), re.MULTILINE)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _run(program: str, *words: object) -> str:
    """What a program of the checks says. That it found something is no error; that it can't run is."""
    command = [str(PROGRAMS / program), *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{program} doesn't run:\n{done.stderr[-3000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
