/** Follows a conversation's events for as long as it is wanted, across cuts. */

import type { ChatEvent } from "@wafaa/shared/protocol.ts";
import { readFrames } from "@wafaa/shared/sse.ts";
import { Refused, type Api } from "./api.ts";

const SILENCE = 40_000; // The server pings every 15 s; more than two missed pings is a dead connection.
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;

export interface Listener {
  /** The id of the last event known. */
  lastId(): string;
  take(event: ChatEvent): void;
  /** The last id is too old for the server; load a snapshot. */
  reload(): Promise<void>;
  reachable(yes: boolean): void;
}

/** Milliseconds before attempt number `attempt`, spread so that a crowd doesn't come back at once. */
export function backOff(attempt: number, random: () => number = Math.random): number {
  const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt);
  return most / 2 + (random() * most) / 2;
}

/** Resolves after `ms`, or at once when the network comes back or `signal` ends it. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}

/** Reads until `signal` ends it; every cut is followed by a new connection from the last event. */
export async function follow(api: Api, listener: Listener, signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      await connect(api, listener, signal, () => (failures = 0));
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && error.status === 410) await listener.reload().catch(() => undefined);
      else if (failures > 0) listener.reachable(false);
    }
    await pause(backOff(failures), signal);
  }
}

async function connect(api: Api, listener: Listener, signal: AbortSignal, heard: () => void): Promise<void> {
  const dead = new AbortController();
  let timer = setTimeout(() => dead.abort(), SILENCE);
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => dead.abort(), SILENCE);
    heard();
  };
  try {
    const response = await api.events(listener.lastId(), AbortSignal.any([signal, dead.signal]));
    listener.reachable(true);
    if (response.body) await readFrames(response.body, (data) => listener.take(JSON.parse(data) as ChatEvent), alive);
  } finally {
    clearTimeout(timer);
  }
}
