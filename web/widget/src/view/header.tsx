/** Who answers, and in which language. */

import type { VNode } from "preact";
import { Icon } from "./icons.tsx";
import type { InScene } from "./scene.ts";

interface Props extends InScene {
  readonly title: string;
  readonly onClose: (() => void) | null;
}

export function Header({ scene, title, onClose }: Props): VNode {
  const { chat, view, words } = scene;
  const other = view.language === "ar" ? "en" : "ar";
  return (
    <header>
      <Avatar name={title} />
      <div class="who">
        <h2 id="title">
          <bdi>{title}</bdi>
        </h2>
        <p>
          <span class={view.session && view.online && view.reachable ? "dot" : "dot off"} />
          {subtitle(scene)}
        </p>
      </div>
      {view.session?.assistant.languages.includes(other) && (
        <button class="bare language" lang={other} onClick={() => chat.setLanguage(other)}>
          {words.language}
        </button>
      )}
      {onClose && (
        <button class="bare" aria-label={words.close} onClick={onClose}>
          <Icon name="close" />
        </button>
      )}
    </header>
  );
}

/** The first letter of a name, as a picture. */
export function Avatar({ name }: { name: string }): VNode {
  return (
    <span class="avatar" aria-hidden="true">
      {[...name.trim()][0]}
    </span>
  );
}

function subtitle({ view, words }: InScene["scene"]): string {
  const { owner, agent } = view.conversation;
  if (owner === "agent") return words.withAgent(agent || words.colleague);
  return owner === "awaited" ? words.awaited : words.assistant;
}
