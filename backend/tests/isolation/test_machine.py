"""Whatever order things happen in: clients live their lives, others reach for what came of it, and get nothing."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from app.api.app import create_app
from tests.isolation.asgi import Answer, Request, send
from tests.isolation.attempts import Caller, unknown_like
from tests.isolation.operations import Operation, operations
from tests.isolation.proof import Proof
from tests.isolation.world import House, World

STEPS = 5_000
EXAMPLES, LENGTH = 70, 100
AGENT_ACTS = ("takeover", "handback", "resolve", "messages")
HOUSES = st.integers(0, 2)
PICK = st.integers(0, 10_000)

ResultT = TypeVar("ResultT")
Headers = tuple[tuple[str, str], ...]


class Life:
    """What the machine's rules do, in the loop of the test."""

    def __init__(self, app: FastAPI, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self.app, self.world, self.loop = app, world, loop
        self.proof = Proof(app, world)
        self.steps = 0
        self.visitors: list[tuple[int, Headers, str]] = []
        self.things: dict[int, list[str]] = {
            n: [house.conversation, *house.objects["document"]]
            for n, house in enumerate(world.houses)
        }
        self.named = [one for one in operations(app) if any(n.endswith("_id") for n in one.names)]
        self.callers = sorted(world.houses[0].callers)
        self.reading = [one for one in operations(app) if one.method == "GET"]

    def do(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Runs it there and waits."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def ask(self, house: int, headers: Headers, method: str, path: str, body: Any = None) -> Answer:
        """One request, looked through for what is others'."""
        raw = b"" if body is None else json.dumps(body).encode()
        typed = (("Content-Type", "application/json"),) if raw else ()
        answer = self.do(send(self.app, Request(method, path, "", (*headers, *typed), raw)))
        self.look(self.world.houses[house], "machine", f"{method} {path}", answer)
        return answer

    def look(self, house: House, caller: str, title: str, answer: Answer, *sent: str) -> None:
        """Fails at the first byte that isn't the caller's."""
        self.proof.look(house, caller, title, answer, sent=sent)
        assert self.proof.report.leaks == []

    def keep(self, house: int, *ids: str) -> None:
        """From now on these are the client's, and nobody else may read them."""
        self.world.houses[house].ids |= frozenset(ids)
        self.things[house] += ids


class Lives(RuleBasedStateMachine):
    """The machine, over one world: what earlier runs left is there for later ones."""

    life: ClassVar[Life]

    @rule(house=HOUSES)
    def visit(self, house: int) -> None:
        self.life.steps += 1
        key = self.life.world.houses[house].business.channel_key
        told = self.life.ask(house, (), "POST", "/web/v1/sessions", {"channel_key": key})
        session = json.loads(told.body)
        bearer = (("Authorization", f"Bearer {session['session_token']}"),)
        self.life.visitors.append((house, bearer, session["conversation_id"]))
        self.life.keep(house, session["conversation_id"])

    @rule(who=PICK, number=PICK)
    def say(self, who: int, number: int) -> None:
        self.life.steps += 1
        if self.life.visitors:
            house, bearer, talk = self.life.visitors[who % len(self.life.visitors)]
            words = f"{self.life.world.houses[house].secret.decode()} says {number}"
            body = {"client_message_id": str(uuid4()), "text": words}
            path = f"/web/v1/conversations/{talk}/messages"
            said = self.life.ask(house, bearer, "POST", path, body)
            assert said.status == 202
            self.life.keep(house, json.loads(said.body)["message_id"])

    @rule(house=HOUSES, which=PICK, act=st.sampled_from(AGENT_ACTS))
    def work(self, house: int, which: int, act: str) -> None:
        self.life.steps += 1
        own, one = self.life.things[house], self.life.world.houses[house]
        body = {"text": f"{one.secret.decode()} answers"} if act == "messages" else None
        path = f"/v1/conversations/{own[which % len(own)]}/{act}"
        assert self.life.ask(house, one.callers["agent"](), "POST", path, body).status < 500

    @rule(house=HOUSES, caller=PICK, which=PICK)
    def read(self, house: int, caller: int, which: int) -> None:
        self.life.steps += 1
        name = self.life.callers[caller % len(self.life.callers)]
        operation = self.life.reading[which % len(self.life.reading)]
        one = self.life.world.houses[house]
        answer = self.life.do(send(self.life.app, Caller(operation, one, name).request()))
        self.life.look(one, name, operation.title, answer)

    @rule(house=HOUSES, caller=PICK, which=PICK, other=st.integers(1, 2), thing=PICK)
    def reach(self, house: int, caller: int, which: int, other: int, thing: int) -> None:
        self.life.steps += 1
        whose = (house + other) % len(self.life.world.houses)
        operation = self.life.named[which % len(self.life.named)]
        name = self.life.callers[caller % len(self.life.callers)]
        if operation.rightful(name):
            return
        named = self.life.things[whose][thing % len(self.life.things[whose])]
        found, control = (
            self.names(operation, house, name, text)
            for text in (named, unknown_like((named, self.life.world.houses[whose].id))[0])
        )
        assert found.lasting() == control.lasting()
        assert not operation.writes or found.status >= 400

    def names(self, operation: Operation, house: int, caller: str, thing: str) -> Answer:
        one = self.life.world.houses[house]
        ids = {name: thing for name in operation.names if name.endswith("_id")}
        answer = self.life.do(send(self.life.app, Caller(operation, one, caller).request(ids)))
        self.life.look(one, caller, operation.title, answer, thing)
        return answer

    @rule(who=PICK, other=PICK)
    def peep(self, who: int, other: int) -> None:
        self.life.steps += 1
        if len(self.life.visitors) > 1:
            house, bearer, own = self.life.visitors[who % len(self.life.visitors)]
            talk = self.life.visitors[other % len(self.life.visitors)][2]
            path = f"/web/v1/conversations/{talk}/messages"
            assert self.life.ask(house, bearer, "GET", path).status == (200 if talk == own else 404)


@pytest.mark.timeout(400)
async def test_no_order_of_events_shows_anybody_what_is_not_theirs(world: World) -> None:
    """Check 6, as a state machine: 5,000 steps."""
    life = Life(create_app(world.product.services), world, asyncio.get_running_loop())
    wanted = settings(
        max_examples=EXAMPLES, stateful_step_count=LENGTH, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    await asyncio.to_thread(
        run_state_machine_as_test, type("Machine", (Lives,), {"life": life}), settings=wanted
    )
    assert life.steps >= STEPS
    assert life.visitors
    assert await world.unfenced() == []
