/** The passage behind a citation, in its own words. */

import { safeLink } from "@wafaa/shared/markdown.ts";
import type { Citation } from "@wafaa/shared/protocol.ts";
import type { VNode } from "preact";
import { Icon } from "./icons.tsx";
import type { InScene } from "./scene.ts";

interface Props extends InScene {
  readonly citation: Citation;
  readonly onClose: () => void;
}

export function Source({ citation, scene: { words, formats }, onClose }: Props): VNode {
  const number = formats.number(citation.number);
  const link = safeLink(citation.url ?? "");
  return (
    <div
      class="sheet"
      role="dialog"
      aria-label={words.source(number, citation.title)}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        onClose();
      }}
    >
      <div class="sheet-head">
        <span class="number">{number}</span>
        <p class="title">
          <bdi>{citation.title}</bdi>
        </p>
        <button class="bare" ref={focus} aria-label={words.closeSource} onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      <blockquote dir="auto" tabIndex={0}>
        {citation.quote}
      </blockquote>
      {link && (
        <a href={link} target="_blank" rel="noopener nofollow">
          {words.openSource}
        </a>
      )}
    </div>
  );
}

/** A ref: the same function at every render, so it is called once, when the sheet appears. */
function focus(button: HTMLButtonElement | null): void {
  button?.focus();
}
