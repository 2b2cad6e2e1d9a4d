/** What outlives the page: the visitor's token, their language, and messages not sent yet. */

import type { Language } from "@wafaa/shared/protocol.ts";

export interface Draft {
  readonly id: string;
  readonly text: string;
  readonly at: string;
}

interface Kept {
  visitor?: string;
  language?: Language;
  color?: string;
  outbox?: readonly Draft[];
}

/** One business's corner of the browser's storage, or of memory where the browser refuses storage. */
export class Shelf {
  readonly #name: string;
  readonly #memory = new Map<string, string>();
  /** Who the visitor is, by the word of the page's own server; never stored. */
  declare identity: string | undefined;

  constructor(channelKey: string) {
    this.#name = `wafaa:${channelKey}`;
  }

  get<K extends keyof Kept>(name: K): Kept[K] {
    return this.#read()[name];
  }

  set<K extends keyof Kept>(name: K, value: Kept[K]): void {
    this.#write(JSON.stringify({ ...this.#read(), [name]: value }));
  }

  #read(): Kept {
    try {
      const text = this.#memory.get(this.#name) ?? localStorage.getItem(this.#name);
      return text ? (JSON.parse(text) as Kept) : {};
    } catch {
      return {}; // Storage is refused, or something else wrote there: begin afresh.
    }
  }

  #write(text: string): void {
    try {
      localStorage.setItem(this.#name, text);
      this.#memory.clear();
    } catch {
      this.#memory.set(this.#name, text);
    }
  }
}

/** Messages the server has not accepted yet. Other tabs write here too, so every change starts from what is stored. */
export class Outbox {
  readonly #shelf: Shelf;

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  all(): readonly Draft[] {
    return this.#shelf.get("outbox") ?? [];
  }

  add(draft: Draft): void {
    this.#shelf.set("outbox", [...this.all().filter((kept) => kept.id !== draft.id), draft]);
  }

  remove(id: string): void {
    this.#shelf.set("outbox", this.all().filter((kept) => kept.id !== id));
  }
}
