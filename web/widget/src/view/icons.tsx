/** Drawn, not typed: emoji come out as boxes where no emoji font is installed. */

import type { VNode } from "preact";

const PATHS = {
  send: "M4.5 12h14M13 5.5 19.5 12 13 18.5",
  close: "m6.5 6.5 11 11m0-11-11 11",
  menu: "M12 5.5v.010M12 12v.010M12 18.5v.010",
  up: "M7.5 10.5v9H5a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1zm0 0L11 3.5a2 2 0 0 1 2.5 2L13 9.5h5a2 2 0 0 1 2 2.3l-1 6a2 2 0 0 1-2 1.7H7.5",
  globe: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM3.5 12h17M12 3.5c3 2.5 3 14.5 0 17-3-2.5-3-14.5 0-17z",
  person: "M12 11.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.6-4 3.7-5.5 7.5-5.5s6.9 1.5 7.5 5.5",
  down: "M12 5v14m0 0-6-6m6 6 6-6",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, turned }: { name: IconName; turned?: boolean }): VNode {
  return (
    <svg class={`icon ${name}${turned ? " turned" : ""}`} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
