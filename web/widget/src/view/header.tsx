/** Who answers, and the menu. */

import { Component, createRef, type VNode } from "preact";
import { Icon, type IconName } from "./icons.tsx";
import type { InScene } from "./scene.ts";

interface Props extends InScene {
  readonly title: string;
  readonly onClose: (() => void) | null;
}

export function Header({ scene, title, onClose }: Props): VNode {
  const { view, words } = scene;
  return (
    <header>
      <span class="avatar" aria-hidden="true">
        {[...title.trim()][0]}
      </span>
      <div class="who">
        <h2 id="title">
          <bdi>{title}</bdi>
        </h2>
        <p>
          <span class={view.online && view.reachable ? "dot" : "dot off"} />
          {subtitle(scene)}
        </p>
      </div>
      <Menu scene={scene} />
      {onClose && (
        <button type="button" class="bare" aria-label={words.close} onClick={onClose}>
          <Icon name="close" />
        </button>
      )}
    </header>
  );
}

function subtitle({ view, words }: InScene["scene"]): string {
  const { owner } = view.conversation;
  if (owner.kind === "agent") return words.withAgent(owner.name);
  return owner.kind === "nobody" ? words.waitingForAgent : words.role;
}

class Menu extends Component<InScene, { open: boolean }> {
  override state = { open: false };
  readonly #button = createRef<HTMLButtonElement>();

  #shut(): void {
    this.setState({ open: false });
    this.#button.current?.focus();
  }

  #entry(icon: IconName, text: string, act: () => void, lang?: string): VNode {
    const choose = (): void => {
      this.#shut();
      act();
    };
    return (
      <li>
        <button type="button" onClick={choose}>
          <Icon name={icon} />
          <span lang={lang}>{text}</span>
        </button>
      </li>
    );
  }

  override render({ scene: { chat, view, words } }: InScene): VNode {
    const { open } = this.state;
    const other = view.language === "ar" ? "en" : "ar";
    const several = (view.session?.assistant.languages.length ?? 2) > 1;
    return (
      <div
        class="menu"
        onKeyDown={(event) => {
          if (event.key !== "Escape" || !open) return;
          event.stopPropagation();
          this.#shut();
        }}
        onFocusOut={(event) => {
          if (!event.currentTarget.contains(event.relatedTarget as Node | null)) this.setState({ open: false });
        }}
      >
        <button
          type="button"
          class="bare"
          ref={this.#button}
          aria-label={words.menu}
          aria-expanded={open}
          aria-controls="menu"
          onClick={() => this.setState({ open: !open })}
        >
          <Icon name="menu" />
        </button>
        <ul id="menu" hidden={!open}>
          {several && this.#entry("globe", words.language, () => chat.setLanguage(other), other)}
          {this.#entry("person", words.person, () => void chat.handOver())}
        </ul>
      </div>
    );
  }
}
