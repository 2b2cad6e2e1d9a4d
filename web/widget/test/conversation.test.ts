import assert from "node:assert/strict";
import { test } from "node:test";

import type { ChatEvent, Message, MessagePage } from "@wafaa/shared/protocol.ts";
import { accepted, apply, EMPTY, withDraft, withoutHope, withPage, type Conversation } from "../src/conversation.ts";

const DRAFT = { id: "d1", text: "كم السعر؟", at: "2026-11-23T09:00:00Z" };

function message(seq: number, author: Message["author"], rest: Partial<Message> = {}): Message {
  const base = { id: `m${seq}`, conversation_id: "c", seq, author, text: `text ${seq}`, language: "en" };
  return { ...base, citations: [], offer_human: false, created_at: DRAFT.at, ...rest };
}

function page(data: Message[], rest: Partial<MessagePage> = {}): MessagePage {
  const base = { has_more: false, last_seq: 9, owner: "assistant", agent_name: null, waiting: false, status: "open" } as const;
  return { data, ...base, ...rest };
}

/** An event as the server tells it. */
function told(seq: number, type: ChatEvent["type"], rest: object = {}): ChatEvent {
  return { seq, type, at: DRAFT.at, conversation_id: "c", ...rest } as ChatEvent;
}

function after(...events: ChatEvent[]): Conversation {
  return events.reduce(apply, EMPTY);
}

const delta = (seq: number, text: string, offset: number) => told(seq, "turn.delta", { turn_id: "t", text, offset });
const keys = (state: Conversation) => state.items.map((item) => item.key);

test("pieces that overlap are shown once, and a gap waits for the whole", () => {
  const state = after(delta(1, "سعر ", 0), delta(2, "سعر اللاتيه 😀", 0), delta(3, "😀 18", 12));
  assert.equal(state.turn?.text, "سعر اللاتيه 😀 18");
  assert.equal(apply(state, delta(4, "later", 99)).turn?.text, "سعر اللاتيه 😀 18");
});

test("an event that was heard before changes nothing", () => {
  const state = after(told(1, "turn.started", { turn_id: "t" }), delta(2, "a", 0));
  assert.equal(apply(state, delta(2, "a", 0)), state);
});

test("a turn that begins anew forgets what it had written", () => {
  assert.equal(after(delta(1, "half", 0), told(2, "turn.started", { turn_id: "t" })).turn?.text, "");
});

test("a completed answer takes the place of its draft", () => {
  const state = after(delta(1, "half", 0), told(2, "turn.completed", { turn_id: "t", message: message(2, "assistant") }));
  assert.equal(state.turn, null);
  assert.deepEqual(keys(state), ["m2"]);
});

test("an overtaken draft is dropped, and its successor awaited unless a person has taken over", () => {
  const overtaken = told(3, "turn.failed", { turn_id: "t", code: "superseded", retryable: true });
  assert.deepEqual(after(delta(1, "half", 0), overtaken).turn, { id: "", text: "", failed: false });
  assert.equal(after(told(1, "handover.accepted", { agent_name: "Sara" }), delta(2, "half", 0), overtaken).turn, null);
});

test("any other failure is told", () => {
  assert.equal(after(told(1, "turn.failed", { turn_id: "t", code: "internal_error", retryable: false })).turn?.failed, true);
});

test("a draft becomes the message that the server names, whichever news comes first", () => {
  const kept = withDraft(EMPTY, DRAFT, "sending");
  const created = told(4, "message.created", { message: message(4, "contact", { client_message_id: "d1" }) });
  for (const state of [accepted(apply(kept, created), DRAFT, "m4", 4, "c"), apply(accepted(kept, DRAFT, "m4", 4, "c"), created)]) {
    assert.deepEqual(keys(state), ["d1"]);
    assert.equal(state.items[0]?.kind, "message");
  }
  assert.equal(accepted(kept, DRAFT, "m4", 4, "c").turn?.id, "");
});

test("an answer that came before the acceptance leaves nothing to wait for", () => {
  const state = apply(withDraft(EMPTY, DRAFT, "sending"), told(5, "turn.completed", { message: message(5, "assistant") }));
  assert.equal(accepted(state, DRAFT, "m4", 4, "c").turn, null);
});

test("while a person is awaited the assistant still answers; once they are here it doesn't", () => {
  const awaited = after(told(1, "handover.requested", { reason: "asked_for_human" }));
  assert.equal(awaited.owner, "awaited");
  assert.equal(accepted(awaited, DRAFT, "m2", 2, "c").turn?.id, "");
  const here = apply(awaited, told(2, "handover.accepted", { agent_name: null }));
  assert.equal(accepted(here, DRAFT, "m3", 3, "c").turn, null);
  assert.equal(apply(here, told(3, "handed_back")).owner, "assistant");
});

test("a snapshot tells how the conversation stands, and later events are heard again", () => {
  const state = withPage(EMPTY, page([message(3, "contact")], { waiting: true, last_seq: 9 }), false);
  assert.deepEqual([state.owner, state.lastSeq, state.closed], ["awaited", 3, false]);
  assert.equal(apply(state, delta(5, "half", 0)).turn?.text, "half");
  const closed = withPage(EMPTY, page([], { owner: "agent", agent_name: "Sara", status: "resolved" }), false);
  assert.deepEqual([closed.owner, closed.agent, closed.closed], ["agent", "Sara", true]);
});

test("events since the latest message are heard again, unless the server no longer has them", () => {
  const stored = page([message(3, "contact")], { last_seq: 9 });
  assert.equal(withPage(EMPTY, stored, false).lastSeq, 3);
  assert.equal(withPage(EMPTY, stored, false, true).lastSeq, 9);
});

test("earlier messages go before those that are shown", () => {
  const state = withPage(EMPTY, page([message(7, "contact")], { has_more: true }), false);
  const whole = withPage(state, page([message(2, "contact")]), true);
  assert.deepEqual([keys(whole), whole.hasEarlier, whole.lastSeq], [["m2", "m7"], false, 7]);
});

test("a message can be changed and taken back", () => {
  const state = after(told(1, "message.created", { message: message(1, "contact") }));
  const changed = apply(state, told(2, "message.updated", { message_id: "m1", text: "new" }));
  assert.equal(changed.items[0]?.kind === "message" && changed.items[0].message.text, "new");
  assert.deepEqual(keys(apply(changed, told(3, "message.deleted", { message_id: "m1" }))), []);
});

test("waiting ends: quietly for what nobody began, openly for what broke off", () => {
  assert.equal(withoutHope(accepted(EMPTY, DRAFT, "m1", 1, "c")).turn, null);
  assert.equal(withoutHope(after(delta(1, "half", 0))).turn?.failed, true);
});

test("what a newer server tells is passed over", () => {
  const state = apply(EMPTY, told(1, "message.status" as ChatEvent["type"], { state: "read" }));
  assert.deepEqual({ ...state, lastSeq: 0 }, EMPTY);
});
