/** What a conversation looks like after an event: pure functions from one state to the next. */

import type { ChatEvent, Message, MessagePage, Stage } from "@wafaa/shared/protocol.ts";
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

export interface Turn {
  readonly id: string;
  readonly stage: Stage;
  readonly text: string;
  readonly failed: boolean;
}

export type Owner =
  | { readonly kind: "assistant" }
  | { readonly kind: "nobody" }
  | { readonly kind: "agent"; readonly name: string };

export interface Conversation {
  readonly items: readonly Item[];
  readonly turn: Turn | null;
  readonly owner: Owner;
  readonly closed: boolean;
  readonly lastSeq: number;
  readonly hasEarlier: boolean;
}

export const EMPTY: Conversation = {
  items: [],
  turn: null,
  owner: { kind: "assistant" },
  closed: false,
  lastSeq: 0,
  hasEarlier: false,
};

const PENDING = Number.MAX_SAFE_INTEGER;

/** The conversation with one more message that the server hasn't accepted yet, or with its new fate. */
export function withDraft(state: Conversation, draft: Draft, delivery: Delivery): Conversation {
  if (state.items.some((item) => item.kind === "message" && item.key === draft.id)) return state;
  const item: Item = { kind: "draft", seq: PENDING, key: draft.id, draft, delivery };
  const known = state.items.some((other) => other.key === draft.id);
  const items = known
    ? state.items.map((other) => (other.key === draft.id ? item : other))
    : [...state.items, item];
  return { ...state, items };
}

export function withoutDraft(state: Conversation, id: string): Conversation {
  return { ...state, items: state.items.filter((item) => item.kind !== "draft" || item.key !== id) };
}

/** A draft takes its place among the messages as soon as the server names it. */
export function accepted(state: Conversation, draft: Draft, id: string, seq: number, conversation: string): Conversation {
  const waits = state.owner.kind === "assistant" && !state.turn;
  const next = withMessage(state, {
    id,
    seq,
    conversation_id: conversation,
    author: "contact",
    text: draft.text,
    language: "",
    citations: [],
    offer_human: false,
    client_message_id: draft.id,
    created_at: draft.at,
  });
  // The answer may have come over the stream before the acceptance came back.
  const answered = next.items.some((item) => item.kind === "message" && item.seq > seq && item.message.author !== "contact");
  return waits && !answered ? { ...next, turn: { id: "", stage: "searching", text: "", failed: false } } : next;
}

/** Nobody began to answer for so long that the dots would be a lie. */
export function withoutHope(state: Conversation): Conversation {
  return state.turn?.id === "" ? { ...state, turn: null } : state;
}

/** A page of stored messages, merged with what is shown already. */
export function withPage(state: Conversation, page: MessagePage, earlier: boolean): Conversation {
  const merged = page.data.reduce(withMessage, state);
  if (earlier) return { ...merged, hasEarlier: page.has_more };
  const last = page.data.at(-1);
  const agent = last?.author === "agent" ? last.agent_name : null;
  return {
    ...merged,
    hasEarlier: state.items.some((item) => item.kind === "message") ? state.hasEarlier : page.has_more,
    lastSeq: Math.max(state.lastSeq, page.last_seq),
    owner: agent ? { kind: "agent", name: agent } : merged.owner,
    turn: last && last.author !== "contact" ? null : merged.turn,
  };
}

/** The next state; the same object where the event changes nothing. */
export function apply(state: Conversation, event: ChatEvent): Conversation {
  if (event.seq < state.lastSeq) return state; // Seen before the stream was cut.
  if (event.type === "turn.delta") return withDelta(state, event.turn_id, event.text, event.offset);
  if (event.seq === state.lastSeq) return state;
  return { ...durable(state, event), lastSeq: event.seq };
}

function durable(state: Conversation, event: ChatEvent): Conversation {
  switch (event.type) {
    case "message.created":
      return withMessage(state, event.message);
    case "turn.started":
      return { ...state, turn: { id: event.turn_id, stage: "searching", text: "", failed: false } };
    case "turn.status":
      return { ...state, turn: { ...turnOf(state, event.turn_id), stage: event.stage } };
    case "turn.completed":
      return { ...withMessage(state, event.message), turn: null };
    case "turn.failed":
      return { ...state, turn: { ...turnOf(state, event.turn_id), text: "", failed: true } };
    case "handover.requested":
      return withLine({ ...state, owner: { kind: "nobody" }, turn: null }, event.seq, "asked");
    case "handover.accepted":
      return withLine(
        { ...state, owner: { kind: "agent", name: event.agent_name }, turn: null },
        event.seq,
        "joined",
        event.agent_name,
      );
    case "handed_back":
      return withLine({ ...state, owner: { kind: "assistant" } }, event.seq, "back");
    case "conversation.closed":
      return withLine({ ...state, closed: true, turn: null }, event.seq, "closed");
    default:
      return state; // A newer server may tell more than we know.
  }
}

function turnOf(state: Conversation, id: string): Turn {
  return state.turn?.id === id ? state.turn : { id, stage: "searching", text: "", failed: false };
}

/** Adds what is new of a delta. Offsets count characters as the server does, that is code points. */
function withDelta(state: Conversation, id: string, text: string, offset: number): Conversation {
  const turn = turnOf(state, id);
  const have = [...turn.text].length;
  if (offset > have) return state; // A piece is missing; the completed message will bring everything.
  const news = [...text].slice(have - offset).join("");
  return { ...state, turn: { ...turn, stage: "writing", text: turn.text + news, failed: false } };
}

function withMessage(state: Conversation, message: Message): Conversation {
  const key = message.client_message_id ?? message.id;
  const item: Item = { kind: "message", seq: message.seq, key, message };
  const others = state.items.filter((other) => other.key !== key);
  return { ...state, items: inOrder([...others, item]) };
}

function withLine(state: Conversation, seq: number, line: LineKind, name = ""): Conversation {
  const item: Item = { kind: "line", seq, key: `line-${seq}`, line, name };
  return { ...state, items: inOrder([...state.items.filter((other) => other.key !== item.key), item]) };
}

function inOrder(items: Item[]): Item[] {
  return items.sort((one, other) => one.seq - other.seq);
}
