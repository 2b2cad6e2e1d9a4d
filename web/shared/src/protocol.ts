/** The web channel's wire protocol, as the API speaks it. */

export type Language = "ar" | "en";
export type Digits = "latn" | "arab";
export type Vote = "up" | "down";

export interface Citation {
  readonly number: number;
  readonly title: string;
  readonly quote: string;
  readonly url?: string | null;
}

export interface Message {
  readonly id: string;
  readonly conversation_id: string;
  readonly seq: number;
  readonly author: "contact" | "assistant" | "agent";
  readonly agent_name?: string | null;
  readonly text: string | null;
  readonly language: string | null;
  readonly citations: readonly Citation[];
  readonly offer_human: boolean;
  readonly client_message_id?: string | null;
  /** `up`, `down`, or `down: why`; absent in events, which are older than any judgement. */
  readonly feedback?: string | null;
  readonly created_at: string | null;
}

export interface Assistant {
  readonly name: string;
  readonly greeting: Readonly<Record<Language, string>>;
  readonly starters: Readonly<Record<Language, readonly string[]>>;
  readonly color: string;
  readonly languages: readonly Language[];
  readonly digits: Digits;
}

export interface Session {
  readonly session_token: string;
  readonly visitor_token: string;
  readonly conversation_id: string;
  readonly expires_in: number;
  readonly capabilities: { readonly streams: boolean; readonly text_limit: number };
  readonly disclosure_text: string;
  readonly assistant: Assistant;
}

export interface MessagePage {
  readonly data: readonly Message[];
  readonly has_more: boolean;
  readonly last_seq: number;
  readonly owner: "assistant" | "agent";
  readonly agent_name: string | null;
  /** A person is wanted and hasn't come yet. */
  readonly waiting: boolean;
  readonly status: "open" | "resolved";
}

interface Happening {
  readonly seq: number;
  readonly at: string;
  readonly conversation_id: string;
}

export type ChatEvent = Happening &
  (
    | { readonly type: "message.created"; readonly message: Message }
    | { readonly type: "message.updated"; readonly message_id: string; readonly text: string | null }
    | { readonly type: "message.deleted"; readonly message_id: string }
    | { readonly type: "turn.started"; readonly turn_id: string }
    | { readonly type: "turn.delta"; readonly turn_id: string; readonly text: string; readonly offset: number }
    | { readonly type: "turn.completed"; readonly turn_id: string; readonly message: Message }
    | { readonly type: "turn.failed"; readonly turn_id: string; readonly code: string; readonly retryable: boolean }
    | { readonly type: "handover.requested"; readonly reason: string }
    | { readonly type: "handover.accepted"; readonly agent_name: string | null }
    | { readonly type: "handed_back" }
    | { readonly type: "conversation.closed" }
  );

/** An error as the API tells it (RFC 9457). */
export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly detail?: string;
  readonly code: string;
  readonly request_id?: string;
}
