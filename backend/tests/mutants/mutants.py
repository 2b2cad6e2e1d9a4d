"""Faults planted in the product, each with the one test that has to find it.

A mutant is a piece of code and what stands in its place. When the code has changed so that the piece isn't there any
more, planting fails, and the mutant has to be thought over again.
"""

from dataclasses import dataclass

STORIES, CONTRACTS, UNIT = "tests/stories/", "tests/contracts/", "tests/unit/"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted fault.

    Attributes:
        name: What is wrong with the product then.
        place: A file, from ``backend``; a function of the database, as its last migration left it; or a table.
        code: The piece that is replaced; it stands there exactly once. Of a table there is none.
        instead: What stands there then; what is done to the table.
        killer: The test that must fail, by its node id.
    """

    name: str
    place: str
    code: str
    instead: str
    killer: str

    def applied(self, text: str) -> str:
        """The place's text with the fault in it."""
        assert text.count(self.code) == 1, f"{self.name!r}: its piece of {self.place} has changed."
        return text.replace(self.code, self.instead)


INTAKE = (
    Mutant(
        "a platform hears 200 before its message is written",
        "app/utils/batching.py",
        "return [await mine[0][1]]",
        "return [None]",
        STORIES + "test_pipeline_intake.py::test_a_platform_hears_200_only_for_what_is_committed",
    ),
    Mutant(
        "while the database is away, later messages of a batch overtake earlier ones",
        "app/utils/batching.py",
        "call.failed = error if isinstance(error, self._passing) else None",
        "call.failed = None",
        UNIT + "test_batching.py::test_none_overtakes_what_stood_before_it_in_the_same_call[1]",
    ),
    Mutant(
        "a platform hears 200 before the log has its message",
        "app/services/queue/brokers/_kafka_producer.py",
        "await asyncio.wait_for(future, self._seconds + 2)",
        "future.cancel()",
        CONTRACTS + "test_event_log.py::test_brokers_that_go_away_are_told_and_found_again",
    ),
    Mutant(
        "the log is told that a batch is in before it is",
        "app/services/queue/consumer.py",
        "if batch and await self._until_taken(batch):\n            await self._log.commit(batch)",
        "if batch:\n            await self._log.commit(batch)\n            await self._until_taken(batch)",
        CONTRACTS
        + "test_log_members.py::test_what_a_consumer_had_read_and_not_written_when_it_died_is_read_again",
    ),
    Mutant(
        "what happened is forgotten before the log has it",
        "app/services/queue/publisher.py",
        "await self._append(events)\n            await outbox.published(self._db, events)",
        "await outbox.published(self._db, events)\n            await self._append(events)",
        CONTRACTS + "test_log_members.py::test_what_the_log_did_not_take_waits_in_the_outbox",
    ),
    Mutant(
        "an event's key is written down and not looked at",
        "app.receive",
        "FROM entered e\n    JOIN arrived a ON",
        "FROM entered e\n    RIGHT JOIN arrived a ON",
        STORIES
        + "test_pipeline_intake.py::test_a_webhook_posted_a_hundred_times_at_once_is_one_message_and_one_reply",
    ),
    Mutant(
        "an event's key may be written down twice",
        "inbound_events",
        "",
        "ALTER TABLE inbound_events DROP CONSTRAINT pk_inbound_events",
        STORIES
        + "test_pipeline_intake.py::test_a_webhook_posted_a_hundred_times_at_once_is_one_message_and_one_reply",
    ),
    Mutant(
        "a page's own id of a message is not looked at",
        "app/api/v1/endpoints/chat.py",
        'event_key=f"web:{visitor.subject}:{given.client_message_id}"',
        'event_key=f"web:{visitor.subject}:{now.timestamp()}"',
        STORIES + "test_pipeline_web.py::test_the_same_client_message_id_is_the_same_message",
    ),
    Mutant(
        "any signature will do",
        "app/services/channels/_meta.py",
        "    if _matches(request.body, claimed, secrets):",
        "    if claimed or _matches(request.body, claimed, secrets):",
        STORIES
        + "test_pipeline_intake.py::test_a_wrong_signature_is_refused_and_an_unknown_business_not_found",
    ),
    Mutant(
        "a client's own secret speaks for others' numbers",
        "app/services/orchestrator/intake.py",
        "if not signer.shared and route.client_id != signer.client_id:",
        "if not signer.shared and route.client_id is None:",
        STORIES + "test_pipeline_intake.py::"
        "test_an_event_of_anothers_number_signed_with_ones_own_secret_is_quarantined",
    ),
    Mutant(
        "a question of last week is answered",
        "app/services/orchestrator/receiver.py",
        "stale = now - event.occurred_at > self._clockwork.stale_after",
        "stale = False",
        STORIES
        + "test_pipeline_turns.py::test_a_message_of_last_week_is_kept_and_not_answered[en]",
    ),
    Mutant(
        "a question of yesterday that was taken in fresh is answered",
        "app/services/orchestrator/lateness.py",
        'if float(m["age"]) > after]',
        'if float(m["age"]) > after + 1e9]',
        STORIES + "test_pipeline_turns.py::"
        "test_a_question_that_nobody_was_there_for_all_day_is_left_to_people[en]",
    ),
    Mutant(
        "a reply of yesterday goes out",
        "app.intend",
        "make_interval(secs => most_seconds)",
        "make_interval(days => 99)",
        STORIES
        + "test_pipeline_turns.py::test_a_reply_that_could_not_go_out_all_day_is_left_to_people",
    ),
)

LANES = (
    Mutant(
        "two workers hold one lane",
        "app.claim_lanes",
        "lease_until = clock_timestamp() + make_interval(secs => lease_seconds)",
        "lease_until = clock_timestamp()",
        CONTRACTS
        + "test_leases.py::test_a_lane_is_claimed_again_only_when_its_lease_has_run_out[postgres18]",
    ),
    Mutant(
        "a lane's jobs are taken out of turn",
        "app.claim_lanes",
        "ORDER BY f.lane_id, f.id LIMIT 1",
        "ORDER BY f.lane_id DESC, f.id DESC LIMIT 1",
        CONTRACTS
        + "test_leases.py::test_the_jobs_of_a_lane_come_one_at_a_time_in_their_order[postgres18]",
    ),
    Mutant(
        "replies of one conversation have lanes of their own",
        "app/services/orchestrator/jobs.py",
        'after what they answer."""\n        return self.conversation_id',
        'after what they answer."""\n        return self.message_id',
        CONTRACTS + "test_leases.py::"
        "test_what_is_to_be_delivered_waits_for_what_its_conversation_does_now[postgres18]",
    ),
    Mutant(
        "a parked job stops its lane",
        "app.claim_lanes",
        "f.lane_id <= t.id AND f.state = 'pending'",
        "f.lane_id <= t.id",
        CONTRACTS + "test_leases.py::test_a_parked_job_leaves_the_lane_to_the_next_one[postgres18]",
    ),
    Mutant(
        "how a lane's first job is found is left to the planner",
        "app.claim_lanes",
        "first\n      WHERE j.ctid = first.spot",
        "first\n      WHERE j.client_id = t.client_id AND j.id = (SELECT f.id FROM public.jobs f "
        "WHERE f.client_id = t.client_id AND f.lane_id = t.id AND f.state = 'pending' ORDER BY f.id LIMIT 1)",
        CONTRACTS + "test_lanes.py::"
        "test_what_was_planned_while_nothing_was_due_serves_when_much_is[postgres18-False]",
    ),
    Mutant(
        "what becomes due below a floor stays there",
        "app.raise_floors",
        "WHERE excluded.floor <> f.floor",
        "WHERE excluded.floor > f.floor",
        CONTRACTS
        + "test_lanes.py::test_what_becomes_due_by_an_old_date_is_found_seconds_later[postgres18]",
    ),
    Mutant(
        "what waited behind another is due below a floor",
        "app.first_job",
        "interval '5 seconds'",
        "interval '5 hours'",
        CONTRACTS
        + "test_lanes.py::test_what_waited_behind_one_that_was_tried_again_for_minutes_is_next[postgres18]",
    ),
    Mutant(
        "what is done is read again at every claim",
        "app.claim_lanes",
        "l.client_id > a.client_id AND l.due_at >= q.floor AND",
        "l.client_id > a.client_id AND",
        CONTRACTS
        + "test_lanes.py::test_what_is_done_and_cannot_be_cleared_away_yet_is_not_read_again[postgres18]",
    ),
    Mutant(
        "a claim raises no fence",
        "app.claim_lanes",
        "SET fence = greatest(l.fence + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),",
        "SET fence = l.fence,",
        CONTRACTS
        + "test_leases.py::test_an_answer_is_written_by_the_lanes_holder_alone_and_once[postgres18]",
    ),
    Mutant(
        "an answer is written by whoever comes, fence or not",
        "app.record_turn",
        "AND l.fence = t.fence\n    AND l.lease_until IS NOT NULL FOR UPDATE",
        "FOR UPDATE",
        CONTRACTS
        + "test_leases.py::test_an_answer_is_written_by_the_lanes_holder_alone_and_once[postgres18]",
    ),
    Mutant(
        "an intent is written by whoever comes, fence or not",
        "app.intend",
        "AND l.fence = held",
        "",
        CONTRACTS
        + "test_leases.py::test_an_intent_is_written_by_the_lanes_holder_alone_and_once[postgres18]",
    ),
    Mutant(
        "a send's outcome ends the job of whoever holds it now",
        "app.record_sent",
        "IF held = fence THEN",
        "IF held >= fence THEN",
        CONTRACTS
        + "test_leases.py::test_what_the_platform_said_is_believed_and_ends_only_the_holders_job[postgres18]",
    ),
    Mutant(
        "a lane is held by whoever comes, fence or not",
        "app/models/lane.py",
        "AND id = $2 AND fence = $3 AND lease_until IS NOT NULL FOR UPDATE",
        "AND id = $2 AND fence >= $3 FOR UPDATE",
        CONTRACTS
        + "test_leases.py::test_nothing_else_is_written_under_a_lost_lease[postgres18-settle]",
    ),
    Mutant(
        "one client may have every place",
        "app/services/queue/bench.py",
        "self._cap = min(places, max(2, places * 3 // 4))",
        "self._cap = places",
        CONTRACTS + "test_lanes.py::test_one_client_leaves_places_for_whoever_comes[postgres18]",
    ),
    Mutant(
        "whose turn it was is forgotten",
        "app/services/queue/bench.py",
        "self._after, self._credit = lease.client_id, lease.credit",
        "self._after, self._credit = None, 0",
        CONTRACTS
        + "test_lanes.py::test_a_client_with_fifty_times_as_much_to_do_stands_in_nobodys_way[postgres18-4]",
    ),
    Mutant(
        "word of whoever has its share is a reason to ask the database",
        "app/services/queue/bench.py",
        "if clients and not self._asks and not any(map(self._room_of, clients)):",
        "if not clients and self._left is None:",
        UNIT + "test_hands.py::test_news_of_who_has_its_share_waits_until_it_falls_below",
    ),
    Mutant(
        "a flood begins the next turn at once beside more neighbours than hands",
        "app/core/hands.py",
        "if self._about() <= self._most or not self._is_greedy(client):",
        "if True:",
        UNIT
        + "test_hands.py::test_where_more_are_about_than_there_are_hands_a_flood_rests_for_as_long_as_it_computed",
    ),
    Mutant(
        "the look whether news matters is broken off, and its connection with it",
        "app/services/orchestrator/attention.py",
        "await asyncio.shield(look)",
        "await look",
        CONTRACTS
        + "test_attention.py::test_a_thought_that_ends_during_the_look_whether_it_matters_leaves_the_connection_whole",
    ),
    Mutant(
        "what fails is tried for ever",
        "app/services/queue/worker.py",
        "if lasting or work.lease.attempts >= self._max_attempts:",
        "if lasting:",
        STORIES + "test_parked_jobs.py::test_what_is_parked_is_found_by_what_is_known_of_it",
    ),
    Mutant(
        "what kills its workers is tried for ever",
        "app/services/queue/worker.py",
        "if work.lease.attempts > self._max_attempts:",
        "if work.lease.attempts > 10**6:",
        STORIES + "test_pipeline_faults.py::test_a_job_that_kills_its_workers_is_parked_unseen",
    ),
    Mutant(
        "retries may become the load",
        "app/core/resilience.py",
        "if self._tokens < 1.0:",
        "if self._tokens < -1e9:",
        UNIT + "test_resilience.py::test_a_tenth_of_all_calls_and_one_a_second_may_be_repetitions",
    ),
    Mutant(
        "a worker that is asked to stop drops what it has begun",
        "app/services/queue/worker.py",
        "await self._finish(drain_seconds)",
        "await self._finish(0.0)",
        STORIES + "test_drain.py::test_a_worker_that_is_asked_to_stop_finishes_what_it_has_begun",
    ),
)

TURNS = (
    Mutant(
        "nobody waits for the rest of a burst",
        "app/services/orchestrator/bursts.py",
        "return _until(max(window, pace), burst, seconds)",
        "return 0.0",
        UNIT + "test_bursts.py::test_once_something_is_asked_signs_and_statements_wait_as_they_end",
    ),
    Mutant(
        "an answer to less than was said is written",
        "app.record_turn",
        "(c.last_contact_seq > t.seen AND NOT t.final) OR c.owner <> 'assistant'",
        "c.owner <> 'assistant'",
        CONTRACTS
        + "test_leases.py::test_an_answer_to_less_than_was_said_is_not_written[postgres18]",
    ),
    Mutant(
        "the assistant answers after a human took over",
        "app.record_turn",
        "(c.last_contact_seq > t.seen AND NOT t.final) OR c.owner <> 'assistant'",
        "c.last_contact_seq > t.seen AND NOT t.final",
        CONTRACTS
        + "test_leases.py::test_an_answer_after_a_human_took_over_is_not_written[postgres18]",
    ),
    Mutant(
        "a reply is sent although a human took over meanwhile",
        "app.intend",
        "(c.owner = 'agent' OR c.waiting_since IS NULL AND c.last_contact_seq >= m.seq)",
        "(c.waiting_since IS NULL AND c.last_contact_seq >= m.seq)",
        CONTRACTS
        + "test_leases.py::test_an_intent_is_not_written_for_a_reply_that_was_outrun[postgres18-True]",
    ),
    Mutant(
        "a reply is sent although the contact said more meanwhile",
        "app.intend",
        "(c.owner = 'agent' OR c.waiting_since IS NULL AND c.last_contact_seq >= m.seq)",
        "c.owner = 'agent'",
        CONTRACTS
        + "test_leases.py::test_an_intent_is_not_written_for_a_reply_that_was_outrun[postgres18-False]",
    ),
    Mutant(
        "whoever opted out is answered",
        "app/services/orchestrator/intent_router.py",
        "    if wish or session.opted_out:\n        return wish or Silent()",
        "    if wish:\n        return wish",
        STORIES
        + "test_pipeline_turns.py::test_who_opts_out_hears_no_more_until_they_ask_again[False-STOP-en]",
    ),
    Mutant(
        "nothing a model says is checked",
        "app/services/ai/draft.py",
        "        elif checked.violations:",
        "        elif checked.violations and not self.prompt.system:",
        STORIES + "test_grounding.py::test_an_invented_price_is_never_read_by_anybody[en-whatsapp]",
    ),
)

SENDS = (
    Mutant(
        "a worker that was paused sends all the same",
        "app/services/queue/jobs.py",
        "if time.monotonic() >= self._deadline:",
        "if time.monotonic() >= self._deadline + 3600:",
        STORIES + "test_kill_pause.py::test_who_holds_a_lease_that_is_half_over_sends_nothing_more",
    ),
    Mutant(
        "a worker that was replaced sends what isn't as plain",
        "app/services/orchestrator/deliverer.py",
        "        await Lane.hold(tx, work.lease)\n        match",
        "        match",
        STORIES + "test_kill_pause.py::test_whose_lane_another_worker_claimed_sends_nothing",
    ),
    Mutant(
        "what may have been sent is sent again at once",
        "app/services/orchestrator/deliverer.py",
        "        except Indeterminate:\n            return await self._lost(job, work)",
        "        except Indeterminate:\n            await self._not_sent(job, work)\n            raise",
        STORIES + "test_pipeline_faults.py::"
        "test_a_send_of_unknown_fate_is_not_repeated_while_a_status_may_come",
    ),
    Mutant(
        "what may have been sent is sent again, whatever the business wants",
        "app/services/orchestrator/deliverer.py",
        '.assistant.indeterminate != "resend":',
        '.assistant.indeterminate == "":',
        STORIES
        + "test_pipeline_faults.py::test_a_business_that_wants_it_so_has_an_uncertain_send_parked",
    ),
    Mutant(
        "what nobody ever hears of is sent again for ever",
        "app/services/orchestrator/deliverer.py",
        "return await Job.resent(tx, work.lease.job_id) < self._max_attempts",
        "return bool(await Job.resent(tx, work.lease.job_id))",
        STORIES + "test_pipeline_faults.py::"
        "test_a_send_of_which_nothing_is_ever_heard_is_repeated_so_often_and_no_more",
    ),
    Mutant(
        "a platform that fails is asked for every message all the same",
        "app/core/circuits.py",
        "if not await self._breaker.admits(self._key):",
        "if not await self._breaker.admits(self._key) and not self._key:",
        UNIT + "test_circuits.py::test_what_opens_a_circuit[ends0-True]",
    ),
    Mutant(
        "a late status lowers a delivery's state",
        "app.note_statuses",
        "t.rank > greatest(l.rank,",
        "t.rank <> greatest(l.rank,",
        STORIES + "test_pipeline_turns.py::test_the_state_of_a_delivery_only_rises[told0-read]",
    ),
    Mutant(
        "a late sent undoes delivered",
        "app.note_statuses",
        "t.rank > greatest(l.rank,",
        "t.rank + 3 > greatest(l.rank,",
        STORIES
        + "test_pipeline_turns.py::test_the_state_of_a_delivery_only_rises[told1-delivered]",
    ),
    Mutant(
        "a late delivered undoes failed",
        "app.note_statuses",
        "AND l.delivery_state <> 'failed'",
        "",
        STORIES + "test_pipeline_turns.py::test_the_state_of_a_delivery_only_rises[told4-failed]",
    ),
    Mutant(
        "what is told together isn't looked at one by one",
        "app.note_statuses",
        "PARTITION BY t.client_id, t.id ORDER BY t.place ROWS",
        "PARTITION BY t.client_id, t.id, t.place ROWS",
        CONTRACTS + "test_statuses.py::test_and_as_platforms_tell_them[True]",
    ),
    Mutant(
        "we ourselves lower a delivery's state",
        "app/models/message.py",
        "lower = [n for n, rank in RANKS.items() if rank < RANKS[state] and n != FINAL]\n        touched",
        "lower = list(RANKS)\n        touched",
        CONTRACTS + "test_statuses.py::test_the_highest_of_all_states_stays_whatever_the_order",
    ),
    Mutant(
        "our own answer lowers what a faster status said",
        "app.record_sent",
        "AND m.id = message AND m.delivery_state = ANY (below)",
        "AND m.id = message",
        CONTRACTS
        + "test_leases.py::test_what_the_platform_told_before_is_not_undone_by_its_answer[postgres18]",
    ),
    Mutant(
        "a reply goes out after its window",
        "app.intend",
        "OR c.window_expires_at < clock_timestamp() + make_interval(secs => least_seconds)",
        "",
        STORIES
        + "test_pipeline_turns.py::test_a_reply_after_the_service_window_is_parked_where_people_see_it",
    ),
)

FLUSHES = "test_flushes.py::"

DURABLE = (
    Mutant(
        "a fence is given again when the server forgot it",
        "app.claim_lanes",
        "greatest(l.fence + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)",
        "l.fence + 1",
        CONTRACTS + FLUSHES + "test_a_fence_is_not_given_again_though_its_claim_is_forgotten",
    ),
    Mutant(
        "a reply goes out before it rests",
        "app/models/turn.py",
        "await flushed()",
        "pass",
        CONTRACTS + FLUSHES + "test_a_reply_is_not_forgotten_once_it_may_go_out",
    ),
    Mutant(
        "a turn ends before it rests that its reply went out",
        "app/models/message.py",
        "await flushed()",
        "pass",
        CONTRACTS + FLUSHES + "test_what_a_platform_took_is_not_forgotten",
    ),
    Mutant(
        "a server that came back is asked whether it has what died with it",
        "app/core/flushes.py",
        "if connection.is_closed() or connection is not self._connection:",
        "if (connection := await self._opened()) is None:",
        CONTRACTS + FLUSHES + "test_a_server_that_came_back_in_between_is_no_witness",
    ),
)

BOUNDS = (
    Mutant(
        "a limit is never reached",
        "app/core/limits.py",
        "admitted = all(d + c.price <= c.limit.bound for d, c in zip(debts, charges, strict=True))",
        "admitted = True",
        CONTRACTS + "test_limits.py::test_of_many_at_once_a_quota_gets_through[memory]",
    ),
    Mutant(
        "a circuit never opens",
        "app/core/resilience.py",
        "circuit.failures >= self._threshold:",
        "circuit.failures >= self._threshold + 10**6:",
        CONTRACTS
        + "test_breakers.py::test_failures_in_a_row_open_the_circuit_for_one_key_alone[memory]",
    ),
    Mutant(
        "everything is left undone at once",
        "app/core/shedding.py",
        "reached = sum(age >= second for second in self.seconds)",
        "reached = len(self.seconds) * (age >= self.seconds[0])",
        STORIES
        + "test_overload.py::test_what_is_left_undone_follows_the_stated_order_and_is_one_clients_alone",
    ),
    Mutant(
        "a request's key is not looked at",
        "app/api/once.py",
        'if key is None or request.method != "POST":',
        'if key is None or request.method != "PUT":',
        STORIES + "test_once.py::test_the_same_again_gets_the_same_answer_and_does_nothing",
    ),
    Mutant(
        "the same key with another body is the same request",
        "app/core/once.py",
        'fingerprint=self._derive(b"request", whose.digest() + request),',
        'fingerprint=self._derive(b"request", whose.digest()),',
        UNIT
        + "test_once.py::test_a_request_has_one_name_for_one_caller_and_another_for_every_other",
    ),
)

MUTANTS = INTAKE + LANES + TURNS + SENDS + DURABLE + BOUNDS
