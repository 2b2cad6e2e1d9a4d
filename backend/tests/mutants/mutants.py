"""Faults planted in the product, each with the test that has to find it.

A mutant is a piece of code and what stands in its place; when the code has changed so that the piece isn't there any
more, planting fails, and the mutant has to be thought over again.
"""

from dataclasses import dataclass

STORIES, CONTRACTS, UNIT = "tests/stories/", "tests/contracts/", "tests/unit/"
TURN = "migrations/versions/0018_single_calls/turn.sql"
RECEIVE = "migrations/versions/0018_single_calls/receive.sql"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted fault.

    Attributes:
        name: What is wrong with the product then.
        file: Where, from ``backend``.
        code: The piece that is replaced; it stands there exactly once.
        instead: What stands there then.
        killer: The test that must fail.
    """

    name: str
    file: str
    code: str
    instead: str
    killer: str


def _m(name: str, file: str, code: str, instead: str, killer: str) -> Mutant:
    return Mutant(name, file, code, instead, killer)


MUTANTS = (
    _m(
        "a webhook is acknowledged before it is written",
        "app/utils/batching.py",
        "        return list(await asyncio.gather(*(future for _, future in mine)))",
        "        return [None for _ in mine]  # type: ignore[misc]",
        STORIES
        + "test_pipeline_faults.py::test_while_the_database_is_away_the_platform_is_told_to_come_again",
    ),
    _m(
        "an event's key is written down and not looked at",
        RECEIVE,
        "ON CONFLICT DO NOTHING RETURNING client_id, account_id, event_key",
        "ON CONFLICT (client_id, account_id, event_key) DO UPDATE SET event_key = excluded.event_key "
        "RETURNING client_id, account_id, event_key",
        STORIES
        + "test_pipeline_intake.py::test_a_webhook_posted_a_hundred_times_at_once_is_one_message_and_one_reply",
    ),
    _m(
        "a reply is recorded by whoever comes, fence or not",
        TURN,
        "l.id = t.conversation_id AND l.fence = t.fence\n    AND l.lease_until IS NOT NULL FOR UPDATE",
        "l.id = t.conversation_id FOR UPDATE",
        CONTRACTS + "test_single_calls.py",
    ),
    _m(
        "a lane is held by whoever comes, fence or not",
        "app/models/job.py",
        '"SELECT true FROM lanes WHERE client_id = $1 AND id = $2 AND fence = $3 AND lease_until IS NOT NULL FOR UPDATE"',  # noqa: E501
        '"SELECT true FROM lanes WHERE client_id = $1 AND id = $2 AND fence >= $3 - 99 FOR UPDATE"',
        CONTRACTS + "test_lanes.py",
    ),
    _m(
        "a worker that was paused sends all the same",
        "app/services/queue/jobs.py",
        "        if time.monotonic() >= self._deadline:\n            raise LeaseLost",
        "        if time.monotonic() >= self._deadline + 3600:\n            raise LeaseLost",
        STORIES
        + "test_kill_pause.py::test_a_worker_paused_before_it_sends_finds_out_that_it_was_replaced",
    ),
    _m(
        "what may have been sent is sent again at once",
        "app/services/orchestrator/deliverer.py",
        "        if left > 0:",
        "        if left > 1e9:",
        STORIES + "test_channel_connect.py::"
        "test_a_send_that_was_taken_and_whose_answer_was_lost_is_settled_by_its_status",
    ),
    _m(
        "a send that isn't known of is never sent",
        "app/services/orchestrator/deliverer.py",
        '        elif (await Client.mine(tx)).assistant.indeterminate == "resend":',
        '        elif (await Client.mine(tx)).assistant.indeterminate == "never":',
        STORIES
        + "test_channel_connect.py::test_a_send_that_was_not_taken_is_sent_again_when_no_status_comes",
    ),
    _m(
        "a late status lowers a delivery's state",
        "app/models/message.py",
        "        lower = [name for name, rank in RANKS.items() if rank < RANKS[state]]",
        "        lower = list(RANKS)",
        STORIES + "test_pipeline_turns.py::test_the_state_of_a_delivery_only_rises",
    ),
    _m(
        "a draft that was outrun is recorded",
        TURN,
        "IF (c.last_contact_seq > t.seen AND NOT t.final) OR c.owner <> 'assistant' THEN",
        "IF c.owner <> 'assistant' THEN",
        STORIES
        + "test_pipeline_turns.py::test_a_newer_message_while_the_model_thinks_makes_the_draft_worthless",
    ),
    _m(
        "the assistant speaks after a human took over",
        TURN,
        "IF (c.last_contact_seq > t.seen AND NOT t.final) OR c.owner <> 'assistant' THEN",
        "IF c.last_contact_seq > t.seen AND NOT t.final THEN",
        STORIES + "test_pipeline_people.py::"
        "test_an_agent_who_takes_over_while_the_model_thinks_makes_the_draft_worthless",
    ),
    _m(
        "every message of a burst is answered by itself",
        "app/services/orchestrator/session_manager.py",
        "        mine in (ids[-1], *ids[LONGEST_BURST - 1 : LONGEST_BURST]) or mine > max(ids)",
        "        mine in ids or mine > max(ids)",
        STORIES
        + "test_pipeline_turns.py::test_a_burst_of_quick_messages_gets_one_reply_that_answers_all",
    ),
    _m(
        "a job is taken out of turn",
        "migrations/versions/0002_fair_lanes/turns.sql",
        "ORDER BY f.id LIMIT 1",
        "ORDER BY f.id DESC LIMIT 1",
        CONTRACTS + "test_lanes.py",
    ),
    _m(
        "a question of last week is answered",
        "app/services/orchestrator/receiver.py",
        "        stale = now - event.occurred_at > self._clockwork.stale_after",
        "        stale = False",
        STORIES + "test_pipeline_turns.py::test_a_message_of_last_week_is_kept_and_not_answered",
    ),
    _m(
        "whoever opted out is answered",
        "app/services/orchestrator/intent_router.py",
        "    if wish or session.opted_out:\n        return wish or Silent()",
        "    if wish:\n        return wish",
        STORIES + "test_pipeline_turns.py::test_who_opts_out_hears_no_more_until_they_ask_again",
    ),
    _m(
        "any signature will do",
        "app/services/channels/_meta.py",
        "    if _matches(request.body, claimed, secrets):",
        "    if claimed or _matches(request.body, claimed, secrets):",
        STORIES
        + "test_pipeline_intake.py::test_a_wrong_signature_is_refused_and_an_unknown_business_not_found",
    ),
    _m(
        "a client's own secret speaks for others' numbers",
        "app/services/orchestrator/intake.py",
        "        if not signer.shared and route.client_id != signer.client_id:",
        "        if not signer.shared and route.client_id is None:",
        STORIES + "test_pipeline_intake.py::"
        "test_an_event_of_anothers_number_signed_with_ones_own_secret_is_quarantined",
    ),
    _m(
        "what fails once is parked",
        "app/services/queue/jobs.py",
        "        lasting = not (error is None or error.retryable or isinstance(error, NotFound))",
        "        lasting = True",
        STORIES + "test_channel_connect.py::test_a_platform_that_has_a_problem_is_asked_again",
    ),
    _m(
        "what always fails is tried for ever",
        "app/services/queue/jobs.py",
        "        if lasting or work.lease.attempts >= self._max_attempts:",
        "        if lasting:",
        STORIES
        + "test_pipeline_faults.py::test_what_keeps_failing_is_parked_with_its_error_and_replayed_once",
    ),
    _m(
        "a reply goes out after its window",
        TURN,
        "      OR c.window_expires_at < clock_timestamp() + make_interval(secs => least_seconds)\n",
        "",
        STORIES
        + "test_pipeline_turns.py::test_a_reply_after_the_service_window_is_parked_where_people_see_it",
    ),
    _m(
        "nothing a model says is checked",
        "app/services/ai/draft.py",
        "        elif checked.violations:",
        "        elif checked.violations and not self.prompt.system:",
        STORIES + "test_grounding.py::test_an_invented_price_is_never_read_by_anybody",
    ),
    _m(
        "a limit is never reached",
        "app/core/limits.py",
        "        admitted = all(d + c.price <= c.limit.bound for d, c in zip(debts, charges, strict=True))",
        "        admitted = True",
        CONTRACTS + "test_limits.py",
    ),
    _m(
        "a clock set back closes the door for as long",
        "app/core/limits_redis.py",
        "  if debts[i] > bound then debts[i] = 0 end",
        "  if debts[i] > bound then debts[i] = bound end",
        CONTRACTS + "test_limits.py",
    ),
    _m(
        "the same key with another body is the same request",
        "app/core/once.py",
        '            fingerprint=self._derive(b"request", whose.digest() + request),',
        '            fingerprint=self._derive(b"request", whose.digest()),',
        UNIT + "test_once.py",
    ),
    _m(
        "a circuit never opens",
        "app/core/resilience.py",
        "circuit.failures >= self._threshold:",
        "circuit.failures >= self._threshold + 10**6:",
        CONTRACTS + "test_breakers.py",
    ),
)
