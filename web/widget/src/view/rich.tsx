/** An answer's Markdown as elements and text nodes; markup in the text stays text. */

import { parse, type Block, type Inline } from "@wafaa/shared/markdown.ts";
import type { ComponentChildren, VNode } from "preact";

export function Rich({ text }: { text: string }): VNode {
  return <>{parse(text).map(block)}</>;
}

function block(it: Block): VNode {
  switch (it.kind) {
    case "ul":
      return <ul>{it.items.map((runs) => <li dir="auto">{inline(runs)}</li>)}</ul>;
    case "ol":
      return <ol start={it.start}>{it.items.map((runs) => <li dir="auto">{inline(runs)}</li>)}</ol>;
    case "h":
      return <p dir="auto" class="title">{inline(it.children)}</p>;
    default:
      return <p dir="auto">{inline(it.children)}</p>;
  }
}

function inline(runs: readonly Inline[]): ComponentChildren {
  return runs.map((run) => {
    if (typeof run === "string") return run;
    switch (run.kind) {
      case "strong":
        return <strong>{inline(run.children)}</strong>;
      case "em":
        return <em>{inline(run.children)}</em>;
      case "code":
        return <code>{run.text}</code>;
      case "mark":
        return <sup>{run.number}</sup>;
      default:
        return (
          <a href={run.href} target="_blank" rel="noopener nofollow">
            <bdi>{run.text}</bdi>
          </a>
        );
    }
  });
}
