/** What a conversation looks like after an event: pure functions from one state to the next. */

import type { ChatEvent, Message, MessagePage } from "@wafaa/shared/protocol.ts";
import type { Draft } from "./storage.ts";

export type Delivery = "sending" | "queued" | "refused";

export type LineKind = "asked" | "joined" | "back" | "closed";

interface Placed {
  readonly seq: number;
  readonly key: string;
}

export type Said = Placed & { readonly kind: "message"; readonly message: Message };
export type Kept = Placed & { readonly kind: "draft"; readonly draft: Draft; readonly delivery: Delivery };
export type Line = Placed & { readonly kind: "line"; readonly line: LineKind; readonly name: string };
export type Item = Said | Kept | Line;

/** An answer on its way. Without an id, nobody has begun it yet. */
export interface Turn {
  readonly id: string;
  readonly text: string;
  readonly failed: boolean;
}

export interface Conversation {
  readonly items: readonly Item[];
  readonly turn: Turn | null;
  /** Who speaks; while a person is awaited, the assistant still does. */
  readonly owner: "assistant" | "awaited" | "agent";
  readonly agent: string;
  readonly closed: boolean;
  readonly lastSeq: number;
  readonly hasEarlier: boolean;
}

export const EMPTY: Conversation = {
  items: [],
  turn: null,
  owner: "assistant",
  agent: "",
  closed: false,
  lastSeq: 0,
  hasEarlier: false,
};

const PENDING = Number.MAX_SAFE_INTEGER;
const EXPECTED: Turn = { id: "", text: "", failed: false };

/** The conversation with one more message that the server hasn't accepted yet, or with its new fate. */
export function withDraft(state: Conversation, draft: Draft, delivery: Delivery): Conversation {
  if (state.items.some((item) => item.kind === "message" && item.key === draft.id)) return state;
  return withItem(state, { kind: "draft", seq: PENDING, key: draft.id, draft, delivery });
}

export function withoutDraft(state: Conversation, id: string): Conversation {
  return { ...state, items: state.items.filter((item) => item.kind !== "draft" || item.key !== id) };
}

/** A draft takes its place among the messages as soon as the server names it. */
export function accepted(state: Conversation, draft: Draft, id: string, seq: number, conversation: string): Conversation {
  const next = withMessage(state, {
    id,
    seq,
    conversation_id: conversation,
    author: "contact",
    text: draft.text,
    language: null,
    citations: [],
    offer_human: false,
    client_message_id: draft.id,
    created_at: draft.at,
  });
  // The answer may have come over the stream before the acceptance came back.
  const answered = next.items.some((item) => item.kind === "message" && item.seq > seq && item.message.author !== "contact");
  return answered || state.turn ? next : expecting(next);
}

/** An answer will come, unless a person has the conversation: they come when they can. */
function expecting(state: Conversation): Conversation {
  return { ...state, turn: state.owner === "agent" ? null : EXPECTED };
}

/** Nothing was heard for so long that waiting further would be a lie. */
export function withoutHope(state: Conversation): Conversation {
  return { ...state, turn: state.turn?.id ? { ...state.turn, text: "", failed: true } : null };
}

/**
 * A page of stored messages, merged with what is shown already.
 *
 * The events since the latest of them are heard again, so an answer that is just being written is seen to be;
 * unless they are to be skipped, because the server no longer has them.
 */
export function withPage(state: Conversation, page: MessagePage, earlier: boolean, skip?: boolean): Conversation {
  const merged = page.data.reduce(withMessage, state);
  if (earlier) return { ...merged, hasEarlier: page.has_more };
  const last = page.data.at(-1);
  return {
    ...merged,
    hasEarlier: state.items.some((item) => item.kind === "message") ? state.hasEarlier : page.has_more,
    lastSeq: Math.max(state.lastSeq, skip ? page.last_seq : (last?.seq ?? 0)),
    owner: page.waiting ? "awaited" : page.owner,
    agent: page.agent_name ?? "",
    closed: page.status === "resolved",
    turn: last?.author === "contact" ? merged.turn : null,
  };
}

/** The next state; the same object where the event changes nothing. */
export function apply(state: Conversation, event: ChatEvent): Conversation {
  if (event.seq <= state.lastSeq) return state; // Heard before the stream was cut.
  return { ...next(state, event), lastSeq: event.seq };
}

function next(state: Conversation, event: ChatEvent): Conversation {
  switch (event.type) {
    case "message.created":
      return withMessage(state, event.message);
    case "message.updated":
      return withText(state, event.message_id, event.text);
    case "message.deleted":
      return { ...state, items: state.items.filter((item) => item.kind !== "message" || item.message.id !== event.message_id) };
    case "turn.started":
      return { ...state, turn: { ...EXPECTED, id: event.turn_id } };
    case "turn.delta":
      return withDelta(state, event.turn_id, event.text, event.offset);
    case "turn.completed":
      return { ...withMessage(state, event.message), turn: null };
    case "turn.failed":
      // A newer message made the draft worthless: its own answer follows.
      if (event.code === "superseded") return expecting(state);
      return { ...state, turn: { id: event.turn_id, text: "", failed: true } };
    case "handover.requested":
      return withLine({ ...state, owner: "awaited" }, event.seq, "asked");
    case "handover.accepted": {
      const agent = event.agent_name ?? "";
      return withLine({ ...state, owner: "agent", agent, turn: null }, event.seq, "joined", agent);
    }
    case "handed_back":
      return withLine({ ...state, owner: "assistant" }, event.seq, "back");
    case "conversation.closed":
      return withLine({ ...state, closed: true, turn: null }, event.seq, "closed");
    default:
      return state; // Delivery states, and what a newer server may tell.
  }
}

/** Adds what is new of a delta. Offsets count characters as the server does, that is code points. */
function withDelta(state: Conversation, id: string, text: string, offset: number): Conversation {
  const known = state.turn?.id === id ? state.turn.text : "";
  const have = [...known].length;
  if (offset > have) return state; // A piece is missing; the completed message will bring everything.
  const news = [...text].slice(have - offset).join("");
  return { ...state, turn: { id, text: known + news, failed: false } };
}

function withMessage(state: Conversation, message: Message): Conversation {
  return withItem(state, { kind: "message", seq: message.seq, key: message.client_message_id ?? message.id, message });
}

function withText(state: Conversation, id: string, text: string | null): Conversation {
  const known = state.items.find((item) => item.kind === "message" && item.message.id === id);
  return known?.kind === "message" ? withMessage(state, { ...known.message, text }) : state;
}

function withLine(state: Conversation, seq: number, line: LineKind, name = ""): Conversation {
  return withItem(state, { kind: "line", seq, key: `line-${seq}`, line, name });
}

/** One of a key, in order; drafts stay in the order they were written. */
function withItem(state: Conversation, item: Item): Conversation {
  const at = state.items.findIndex((other) => other.key === item.key);
  const items = at < 0 ? [...state.items, item] : state.items.with(at, item);
  return { ...state, items: items.sort((one, other) => one.seq - other.seq) };
}
