"""`wafaa up` with a Kafka that asks who comes: a question is in the log before its answer; a wrong password is told."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.home import installed
from tests.fixtures.kafka import Kafka
from tests.fixtures.nursery import ROOT
from tests.fixtures.shop_logged import kafka_settings


def settings_for(kafka: Kafka, **more: Any) -> dict[str, str]:
    """The environment of an installation that reaches it by TLS, with name and password."""
    guarded = {name.upper(): value for name, value in kafka.guarded(**more).items()}
    return {"QUEUE_BROKER": "kafka", **kafka_settings(kafka, **guarded)}


@pytest.mark.timeout(300)
async def test_a_question_is_answered_through_a_log_that_asks_who_comes(
    kafka: Kafka, tmp_path: Path
) -> None:
    settings = settings_for(kafka)
    async with installed(tmp_path / "home", settings) as here:
        question = here.says("كم سعر الفلات وايت؟")
        assert await here.until_taken(question, 60)
        assert await here.answered(question.id)
        assert here.answers_twice() == []
        assert (await here.parts())["event log"]
        assert await kafka.read(f"{settings['KAFKA_PREFIX']}inbound", 1)
        told = {line["name"]: line for line in _doctor(tmp_path / "home", settings)}
        assert told["event log"]["state"] == "ok"
        wrong = settings | {"KAFKA_SASL_PASSWORD": "guessed"}
        told = {line["name"]: line for line in _doctor(tmp_path / "home", wrong)}
        assert told["event log"]["state"] == "fail"
        assert "KAFKA_SASL_PASSWORD" in told["event log"]["detail"]
        without = {k: v for k, v in settings.items() if k != "KAFKA_SASL_PASSWORD"}
        told = {line["name"]: line for line in _doctor(tmp_path / "home", without)}
        assert "KAFKA_SASL_PASSWORD" in told["settings"]["detail"]


def _doctor(home: Path, settings: dict[str, str]) -> list[dict[str, str]]:
    """What `wafaa doctor` finds, for a program to read."""
    environment = os.environ | settings | {"PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-P", "-m", "app.cli", "doctor", "--json"]
    done = subprocess.run(
        argv, cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found
