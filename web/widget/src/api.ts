/** Calls to the web channel, each with a fresh enough session. */

import type { Language, MessagePage, Session, Vote } from "@wafaa/shared/protocol.ts";
import type { Draft, Shelf } from "./storage.ts";

const PATIENCE = 20_000;

/** What a visitor is told of a refusal: a key of our words. */
export type Refusal = "foreign" | "paused";

/** The server answered, and the answer is no. */
export class Refused extends Error {
  declare readonly status: number;
  declare readonly retryAfter: number;

  /** Whether the business takes nothing for now, from anybody. */
  declare readonly isPaused: boolean;

  constructor({ status, headers }: Response, code?: string) {
    super(`${status}`);
    this.status = status;
    this.isPaused = code === "suspended";
    this.retryAfter = Number(headers.get("Retry-After")) || 0;
  }

  /** Whether the same request may succeed later. */
  get passing(): boolean {
    return this.status >= 500 || [401, 408, 429].includes(this.status);
  }
}

export class Api {
  readonly #base: string;
  readonly #key: string;
  readonly #shelf: Shelf;
  readonly #opened: (session: Session) => void;
  #session: Session | null = null;
  #starting: Promise<Session> | null = null;
  language: Language;

  /** `opened` is told of every new session; one that replaces another may be of another conversation. */
  constructor(base: string, key: string, shelf: Shelf, language: Language, opened: (session: Session) => void) {
    this.#base = base.replace(/\/+$/, "");
    this.#key = key;
    this.#shelf = shelf;
    this.#opened = opened;
    this.language = language;
  }

  get session(): Session | null {
    return this.#session;
  }

  /** Opens a session, or a new one for the same visitor; callers at the same moment share one request. */
  start(): Promise<Session> {
    this.#starting ??= this.#open().finally(() => (this.#starting = null));
    return this.#starting;
  }

  /** The next call opens a session anew. */
  forget(): void {
    this.#session = null;
  }

  async #open(): Promise<Session> {
    const response = await this.#fetch("/sessions", {
      method: "POST",
      body: JSON.stringify({
        channel_key: this.#key,
        visitor_token: this.#shelf.get("visitor"),
        identity_token: this.#shelf.identity,
        locale: this.language,
      }),
    }).catch((error) => this.#explain(error));
    const session = (await response.json()) as Session;
    this.#session = session;
    this.#shelf.set("visitor", session.visitor_token);
    this.#shelf.set("color", session.assistant.color);
    this.#opened(session);
    return session;
  }

  /** A browser doesn't tell a refused page from a dead server; if the server gives its files, the page was refused. */
  async #explain(error: unknown): Promise<never> {
    if (!(error instanceof Refused) && new URL(this.#base).origin !== location.origin) {
      await fetch(`${this.#base}/w.js`, { mode: "no-cors" });
      throw new Refused(new Response(null, { status: 403 }));
    }
    throw error;
  }

  async post(draft: Draft): Promise<{ message_id: string; seq: number }> {
    const response = await this.#call("/messages", {
      method: "POST",
      headers: { "Idempotency-Key": draft.id },
      body: JSON.stringify({ client_message_id: draft.id, text: draft.text }),
    });
    return (await response.json()) as { message_id: string; seq: number };
  }

  async page(before?: number): Promise<MessagePage> {
    const query = before === undefined ? "?limit=50" : `?limit=50&before=${before}`;
    return (await (await this.#call("/messages" + query)).json()) as MessagePage;
  }

  /** The event stream from just after `lastId`; the caller ends it through `signal`. */
  events(lastId: string, signal: AbortSignal): Promise<Response> {
    return this.#call("/events", { headers: { Accept: "text/event-stream", "Last-Event-ID": lastId }, signal });
  }

  async rate(messageId: string, value: Vote, reason?: string): Promise<void> {
    await this.#call("/feedback", {
      method: "POST",
      body: JSON.stringify({ message_id: messageId, value, ...(reason && { reason }) }),
    });
  }

  async handOver(): Promise<void> {
    await this.#call("/handover", { method: "POST", body: "{}" });
  }

  /** A call about the conversation; an expired session is renewed once. */
  async #call(path: string, init: RequestInit = {}): Promise<Response> {
    const session = this.#session ?? (await this.start());
    try {
      return await this.#authorised(session, path, init);
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 401) throw error;
      return this.#authorised(await this.start(), path, init);
    }
  }

  #authorised(session: Session, path: string, init: RequestInit): Promise<Response> {
    const headers = { ...init.headers, Authorization: `Bearer ${session.session_token}` };
    return this.#fetch(`/conversations/${session.conversation_id}${path}`, { ...init, headers });
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const response = await fetch(`${this.#base}/web/v1${path}`, {
      signal: AbortSignal.timeout(PATIENCE),
      ...init,
      headers: { ...(init.body ? { "Content-Type": "application/json" } : {}), ...init.headers },
      credentials: "omit",
    });
    if (response.ok) return response;
    const problem = (await response.json().catch(() => null)) as { code?: string } | null;
    throw new Refused(response, problem?.code);
  }
}
