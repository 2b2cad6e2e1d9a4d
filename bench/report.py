"""Writes RESULTS.md from the results of every race: figures with their goals beside them, good or bad."""

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RACES = (
    "webhook_accept", "statuses", "accept_tail", "overload", "turn", "tenant_flat", "noisy_neighbour", "growth", "index", "queue",
    "footprint", "sealing", "token", "export", "up",
)  # fmt: skip
MARKS = ("<!-- figures -->", "<!-- /figures -->")


def figures(results: dict[str, Any]) -> list[str]:
    """A race's rows."""
    goals = results["goals"]
    return [
        f"| {name} | {value:.3g} | {goals.get(name, '')} |"
        for name, value in results["figures"].items()
    ]


def race(folder: str) -> str:
    """A race's table."""
    results = json.loads((HERE / folder / "results.json").read_text())
    machine = results["machine"]
    about = f"{machine['date']}, {machine['cores']} shared cores, load {machine['load']}, Python {machine['python']}"
    table = ["| figure | measured | goal |", "| --- | --- | --- |", *figures(results)]
    return "\n".join([f"### {results['race']}", "", f"{about}.", "", *table, *costs(results)])


def costs(results: dict[str, Any]) -> list[str]:
    """What one operation cost each racer."""
    if "racers" not in results:
        return []
    told = []
    for name, summary in results["racers"].items():
        cpu = [
            f"{group[:-7]} {value['median']:,.0f}"
            for group, value in summary.items()
            if group.endswith("_cpu_us")
        ]
        told.append(
            f"- {name}: {summary['per_second']['median']:,.0f} a second; CPU in µs each: {', '.join(cpu)}"
        )
    return ["", *told]


def retrieval() -> str:
    """Recall on the public question sets."""
    results = json.loads((HERE / "retrieval" / "results.json").read_text())
    floors = {floor["name"]: floor for floor in results["floors"]}
    rows = [
        f"| {one['name']} | {one['recall_at_1']:.3f} (≥ {floors[one['name']]['recall_at_1']}) | "
        f"{one['recall_at_5']:.3f} (≥ {floors[one['name']]['recall_at_5']}) | {one['mrr_at_10']:.3f} |"
        for one in results["results"]
    ]
    head = ["| set | recall@1 (floor) | recall@5 (floor) | MRR@10 |", "| --- | --- | --- | --- |"]
    return "\n".join(["### Retrieval", "", *head, *rows])


def answerability() -> str:
    """How often the gate refuses what can be answered, and what can't, on questions it wasn't fitted on."""
    results = json.loads((HERE / "answerability" / "results.json").read_text())
    rows = []
    for one in results["held_out_own_language"]:
        hard = {name: part["refused"] for name, part in one.items() if isinstance(part, dict)}
        refused = ", ".join(f"{name} {share:.0%}" for name, share in hard.items())
        rows.append(
            f"| {one['cases']} ({one['language']}) | {one['questions']} | {one['wrongly_refused']:.1%} | {refused} |"
        )
    head = [
        "| held-out questions | number | wrongly refused | rightly refused |",
        "| --- | --- | --- | --- |",
    ]
    return "\n".join(["### Answerability", "", *head, *rows])


def main() -> None:
    """Writes the page's figures; its words stay."""
    page = HERE / "RESULTS.md"
    before, _, rest = page.read_text().partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    body = "\n\n".join([*(race(folder) for folder in RACES), retrieval(), answerability()])
    page.write_text(f"{before}{MARKS[0]}\n\n{body}\n\n{MARKS[1]}{after}")


if __name__ == "__main__":
    main()
