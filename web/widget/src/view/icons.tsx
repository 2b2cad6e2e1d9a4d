/** Drawn, not typed: emoji come out as boxes where no emoji font is installed. */

import type { VNode } from "preact";

const PATHS = {
  send: "M4.5 12h14M13 5.5 19.5 12 13 18.5",
  close: "m6.5 6.5 11 11m0-11-11 11",
  up: "M7.5 10.5v9H4v-9zl3.5-7q3 0 2 6H20l-1.5 10h-11",
  person: "M12 11.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.6-4 3.7-5.5 7.5-5.5s6.9 1.5 7.5 5.5",
  down: "M12 5v14m0 0-6-6m6 6 6-6",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, turned }: { name: IconName; turned?: boolean }): VNode {
  return (
    <svg class={turned ? "icon turned" : "icon"} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
