/** One visitor's chat: opens the session, keeps the stream, sends what is written, and tells the view what to show. */

import type { ChatEvent, Language, Message, Session, Vote } from "@wafaa/shared/protocol.ts";
import { Api, Refused } from "./api.ts";
import {
  accepted,
  apply,
  EMPTY,
  withDraft,
  withoutDraft,
  withoutHope,
  withPage,
  type Conversation,
  type Turn,
} from "./conversation.ts";
import { Outbox, type Draft, type Shelf } from "./storage.ts";
import { spoken } from "./speech.ts";
import { backOff, follow, pause } from "./stream.ts";
import { blank, ratingsOf, type View } from "./view.ts";
import { WORDS } from "./words.ts";

type Announce = (name: string, detail?: unknown) => void;

const POLL = 60_000;
const HOPE = 45_000;

export class Chat {
  readonly #api: Api;
  readonly #shelf: Shelf;
  readonly #outbox: Outbox;
  readonly #announce: Announce;
  readonly #watchers = new Set<() => void>();
  readonly #life = new AbortController();
  #watching: AbortController | null = null;
  #flushing = false;
  #open = false;
  #hope = 0;
  view: View;

  constructor(base: string, key: string, shelf: Shelf, language: Language, announce: Announce) {
    this.#api = new Api(base, key, shelf, language, (session) => this.#opened(session));
    this.#shelf = shelf;
    this.#outbox = new Outbox(shelf);
    this.#announce = announce;
    this.view = blank(language);
    const { signal } = this.#life;
    addEventListener("online", () => this.#online(true), { signal });
    addEventListener("offline", () => this.#online(false), { signal });
    document.addEventListener("visibilitychange", () => this.#follow(), { signal });
    const timer = setInterval(() => void this.#poll(), POLL);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  open(): void {
    this.#open = true;
    this.#set({ unread: 0 });
    this.#showDrafts();
    this.#follow();
  }

  close(): void {
    this.#open = false;
    this.#follow();
  }

  destroy(): void {
    this.#open = false;
    clearTimeout(this.#hope);
    this.#watching?.abort();
    this.#life.abort();
    this.#watchers.clear();
  }

  /** Shows `text` at once, keeps it until the server has it, and sends it. */
  send(text: string): void {
    const draft: Draft = { id: crypto.randomUUID(), text: text.trim(), at: new Date().toISOString() };
    if (!draft.text) return;
    this.#outbox.add(draft);
    this.#announce("message", { text: draft.text });
    if (this.view.conversation.closed) return this.renew();
    this.#converse((state) => withDraft(dropFailure(state), draft, navigator.onLine ? "sending" : "queued"));
    void this.#flush();
  }

  retry(draft: Draft): void {
    this.#outbox.add(draft);
    this.#converse((state) => withDraft(state, draft, "sending"));
    void this.#flush();
  }

  discard(draft: Draft): void {
    this.#outbox.remove(draft.id);
    this.#converse((state) => withoutDraft(state, draft.id));
  }

  /** Asks the last question again after its answer failed. */
  askAgain(): void {
    const last = this.view.conversation.items.findLast((item) => item.kind === "message" && item.message.author === "contact");
    if (last?.kind === "message") this.send(last.message.text ?? "");
  }

  async handOver(): Promise<void> {
    await this.#try(() => this.#api.handOver());
    this.#announce("handover");
  }

  async rate(message: Message, value: Vote, reason?: string): Promise<void> {
    const before = this.view.ratings;
    this.#set({ ratings: { ...before, [message.id]: { value, ...(reason && { reason }) } } });
    const kept = await this.#try(() => this.#api.rate(message.id, value, reason));
    if (kept) this.#announce("feedback", { message_id: message.id, value, reason });
    else this.#set({ ratings: before });
  }

  setLanguage(language: Language): void {
    this.#shelf.set("language", language);
    this.#api.language = language;
    this.#set({ language });
    if (this.view.session) void this.#try(() => this.#api.start()); // What the law wants disclosed comes in the new language.
  }

  async loadEarlier(): Promise<void> {
    const first = this.view.conversation.items.find((item) => item.kind === "message");
    if (!first) return;
    await this.#try(async () => {
      const page = await this.#api.page(first.seq);
      this.#converse((state) => withPage(state, page, true));
    });
  }

  /** A fresh conversation after the last was closed; what was written meanwhile goes there. */
  renew(): void {
    this.#api.forget();
    this.#restart();
  }

  #online(online: boolean): void {
    this.#set({ online });
    this.#follow();
    if (online) void this.#flush();
  }

  /** One stream, and only while somebody can see it. */
  #follow(): void {
    const wanted = this.#open && document.visibilityState === "visible" && this.view.online;
    if (wanted === !!this.#watching) return;
    if (!wanted) {
      this.#watching?.abort();
      this.#watching = null;
      return;
    }
    this.#watching = new AbortController();
    void this.#live(this.#watching.signal);
  }

  /** Lets go of what is shown and followed, and begins anew. */
  #restart(): void {
    this.#watching?.abort();
    this.#watching = null;
    this.#set({ conversation: EMPTY, ratings: {} });
    this.#showDrafts();
    this.#follow();
  }

  #showDrafts(): void {
    for (const draft of this.#outbox.all()) this.#converse((state) => withDraft(state, draft, "queued"));
  }

  /** Takes note of a session; where it is of another conversation, that one is shown from now on. */
  #opened(session: Session): void {
    const before = this.view.session;
    this.#set({ session, reachable: true, refusal: null });
    this.#announce("ready");
    if (before && before.conversation_id !== session.conversation_id) this.#restart();
  }

  async #live(signal: AbortSignal): Promise<void> {
    if (!(await this.#ready(signal))) return;
    void this.#flush();
    const listener = {
      lastId: () => String(this.view.conversation.lastSeq),
      take: (event: ChatEvent) => this.#take(event),
      reload: () => this.#snapshot(true),
      reachable: (reachable: boolean) => this.#set({ reachable }),
    };
    await follow(this.#api, listener, signal);
  }

  /** Tries to get session and snapshot until it has them or is no longer wanted. */
  async #ready(signal: AbortSignal): Promise<boolean> {
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        if (!this.#api.session) await this.#api.start();
        await this.#snapshot();
        return !signal.aborted;
      } catch (error) {
        this.#failed(error);
        const refused = error instanceof Refused && !error.passing;
        const refusal = refused && !this.#api.session ? (error.isPaused ? "paused" : "foreign") : null;
        if (refused) this.#api.forget(); // The conversation is gone: the next session brings another.
        if (refusal === "foreign") console.warn(`Wafaa: add ${location.origin} to the channel's allowed origins.`);
        this.#set(refusal ? { refusal } : { reachable: false });
        await pause(refusal ? POLL : backOff(failures), signal);
      }
    }
    return false;
  }

  /** Loads what was said; with `skip`, events up to now are no longer kept and aren't asked for again. */
  async #snapshot(skip?: boolean): Promise<void> {
    const conversation = this.view.session?.conversation_id;
    const page = await this.#api.page();
    if (conversation !== this.view.session?.conversation_id) return; // Another began meanwhile.
    for (const message of page.data) if (message.client_message_id) this.#outbox.remove(message.client_message_id);
    this.#converse((state) => withPage(state, page, false, skip));
    this.#set({ ratings: { ...ratingsOf(page.data), ...this.view.ratings } });
  }

  async #poll(): Promise<void> {
    if (this.#open || !this.view.session || document.visibilityState !== "visible") return;
    const before = this.view.conversation.lastSeq;
    await this.#try(() => this.#snapshot());
    const { items } = this.view.conversation;
    const fresh = items.filter((item) => item.kind === "message" && item.seq > before && item.message.author !== "contact");
    if (!fresh.length) return;
    this.#set({ unread: this.view.unread + fresh.length });
    this.#announce("unread", { count: this.view.unread });
  }

  #take(event: ChatEvent): void {
    if (event.conversation_id !== this.view.session?.conversation_id) return;
    const before = this.view.conversation;
    this.#converse((state) => apply(state, event));
    if (before === this.view.conversation) return;
    const item = this.view.conversation.items.find(({ seq }) => seq === event.seq);
    const announcement = spoken(event, item, WORDS[this.view.language]);
    if (announcement) this.#set({ announcement });
    if (event.type === "turn.completed") this.#announce("answer", { message: event.message });
  }

  /** Sends what is kept, in order, one at a time; the same id again is the same message. */
  async #flush(): Promise<void> {
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      for (let failures = 0, drafts; (drafts = this.#outbox.all()).length && !this.#life.signal.aborted; ) {
        const wait = navigator.onLine ? await this.#post(drafts[0] as Draft) : null;
        if (wait === null) return;
        failures = wait < 0 ? 0 : failures + 1;
        if (wait >= 0) await pause(Math.max(wait * 1000, backOff(failures)), this.#life.signal);
      }
    } finally {
      this.#flushing = false;
    }
  }

  /** Posts one draft. -1: settled; otherwise the seconds to wait at least; null: offline, wait for the network. */
  async #post(draft: Draft): Promise<number | null> {
    this.#converse((state) => withDraft(state, draft, "sending"));
    try {
      const { message_id, seq } = await this.#api.post(draft);
      this.#outbox.remove(draft.id);
      this.#set({ refusal: null });
      const conversation = this.view.session?.conversation_id ?? "";
      this.#converse((state) => accepted(state, draft, message_id, seq, conversation));
      return -1;
    } catch (error) {
      return this.#unsent(draft, error);
    }
  }

  #unsent(draft: Draft, error: unknown): number | null {
    const final = error instanceof Refused && !error.passing;
    this.#converse((state) => withDraft(state, draft, final ? "refused" : "queued"));
    if (final) {
      this.#outbox.remove(draft.id);
      if (error.isPaused) this.#set({ refusal: "paused" });
      this.#announce("error", { status: error.status });
      return -1;
    }
    if (!navigator.onLine) return null;
    return error instanceof Refused ? error.retryAfter : 0;
  }

  /** Runs `act`; tells the page's own listeners of a failure and returns whether it went well. */
  async #try(act: () => Promise<unknown>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  #failed(error: unknown): void {
    this.#announce("error", { status: error instanceof Refused ? error.status : 0 });
  }

  #converse(step: (state: Conversation) => Conversation): void {
    const conversation = step(this.view.conversation);
    if (conversation === this.view.conversation) return;
    if (conversation.turn !== this.view.conversation.turn) this.#await(conversation.turn);
    this.#set({ conversation });
  }

  /** Waits for an answer, but not for ever: whoever writes it may have died. */
  #await(turn: Turn | null): void {
    clearTimeout(this.#hope);
    if (turn && !turn.failed) this.#hope = window.setTimeout(() => this.#converse(withoutHope), HOPE);
  }

  #set(part: Partial<View>): void {
    this.view = { ...this.view, ...part };
    this.#watchers.forEach((watcher) => watcher());
  }
}

function dropFailure(state: Conversation): Conversation {
  return state.turn?.failed ? { ...state, turn: null } : state;
}
