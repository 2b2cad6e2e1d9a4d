/** Everything the panel shows, as one value. */

import type { Language, Message, Session, Vote } from "@wafaa/shared/protocol.ts";
import type { Refusal } from "./api.ts";
import { EMPTY, type Conversation } from "./conversation.ts";

export interface Rating {
  readonly value: Vote;
  readonly reason?: string;
}

export interface View {
  readonly language: Language;
  readonly session: Session | null;
  readonly conversation: Conversation;
  readonly ratings: Readonly<Record<string, Rating>>;
  readonly online: boolean;
  readonly reachable: boolean;
  /** Why the server takes nothing, where it said so; null when it took the last thing. */
  readonly refusal: Refusal | null;
  readonly unread: number;
  /** What a screen reader is to be told now: a whole sentence, never a token. */
  readonly announcement: string;
}

/** Before anything is known. */
export function blank(language: Language): View {
  return {
    language,
    session: null,
    conversation: EMPTY,
    ratings: {},
    online: navigator.onLine,
    reachable: true,
    refusal: null,
    unread: 0,
    announcement: "",
  };
}

/** What the visitor thought of earlier answers. */
export function ratingsOf(messages: readonly Message[]): Record<string, Rating> {
  const judged = messages.filter((message) => message.feedback);
  return Object.fromEntries(
    judged.map(({ id, feedback }) => {
      const [value, reason] = (feedback ?? "").split(": ") as [Vote, string?];
      return [id, { value, ...(reason && { reason }) }];
    }),
  );
}
