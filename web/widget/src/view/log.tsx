/** Everything said so far, and what is being written. */

import { Component, createRef, type ComponentChildren, type VNode } from "preact";
import type { Item } from "../conversation.ts";
import { lineText } from "../speech.ts";
import { Avatar } from "./header.tsx";
import { Icon } from "./icons.tsx";
import { Kept, Said, Writing } from "./message.tsx";
import type { InScene } from "./scene.ts";

const NEAR = 48;

interface Props extends InScene {
  /** What lies over the log. */
  readonly children: ComponentChildren;
}

/** Keeps the end in sight while new text comes, unless the reader has scrolled away from it. */
export class Log extends Component<Props, { away: boolean }> {
  override state = { away: false };
  readonly #log = createRef<HTMLDivElement>();

  override componentDidMount(): void {
    this.#toLatest();
  }

  override componentDidUpdate(before: Props): void {
    const wrote = lastKey(before) !== lastKey(this.props) && this.#lastIsMine();
    if (wrote || !this.state.away) this.#toLatest();
  }

  #lastIsMine(): boolean {
    return this.props.scene.view.conversation.items.at(-1)?.kind === "draft";
  }

  readonly #toLatest = (): void => {
    const log = this.#log.current;
    if (log) log.scrollTop = log.scrollHeight;
  };

  readonly #scrolled = (event: Event): void => {
    const { scrollHeight, scrollTop, clientHeight } = event.currentTarget as HTMLElement;
    const away = scrollHeight - scrollTop - clientHeight > NEAR;
    if (away !== this.state.away) this.setState({ away });
  };

  override render({ scene, children }: Props): VNode {
    const { chat, view, words } = scene;
    const { items, turn, closed, hasEarlier } = view.conversation;
    return (
      <div class="middle">
        {/* Not live: a screen reader gets whole sentences from the status line instead. */}
        <div
          class="log"
          role="log"
          aria-live="off"
          aria-label={words.log}
          tabIndex={0}
          ref={this.#log}
          onScroll={this.#scrolled}
        >
          <div class="thread">
            {hasEarlier && (
              <button class="chip centre" onClick={() => void chat.loadEarlier()}>
                {words.earlier}
              </button>
            )}
            {!items.length && <Welcome scene={scene} />}
            {items.map((item) => (
              <One key={item.key} item={item} scene={scene} />
            ))}
            {turn && <Writing turn={turn} scene={scene} />}
            {closed && (
              <button class="chip centre" onClick={() => chat.renew()}>
                {words.fresh}
              </button>
            )}
          </div>
        </div>
        {this.state.away && (
          <button class="latest" aria-label={words.latest} onClick={this.#toLatest}>
            <Icon name="down" />
          </button>
        )}
        {children}
      </div>
    );
  }
}

function lastKey({ scene }: InScene): string | undefined {
  return scene.view.conversation.items.at(-1)?.key;
}

function One({ item, scene }: InScene & { item: Item }): VNode {
  switch (item.kind) {
    case "message":
      return <Said message={item.message} scene={scene} />;
    case "draft":
      return <Kept item={item} scene={scene} />;
    case "line":
      return <p class="line">{lineText(item, scene.words)}</p>;
  }
}

/** What a visitor meets before anything is said: whom they talk to, that it is a machine, and what they might ask. */
function Welcome({ scene: { chat, view, words } }: InScene): VNode | null {
  if (!view.session) return null;
  const { assistant, disclosure_text } = view.session;
  const starters = (assistant.starters[view.language] ?? []).slice(0, 4);
  return (
    <div class="welcome">
      <Avatar name={assistant.name} />
      <p class="greeting" dir="auto">
        {assistant.greeting[view.language]}
      </p>
      <p class="line">{disclosure_text}</p>
      {starters.length > 0 && (
        <div class="starters" role="group" aria-label={words.starters}>
          {starters.map((text) => (
            <button class="chip" onClick={() => chat.send(text)}>
              <bdi>{text}</bdi>
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
