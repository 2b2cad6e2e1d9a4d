/** Where the visitor writes. */

import { Component, type RefObject, type VNode } from "preact";
import { Icon } from "./icons.tsx";
import { PersonButton } from "./message.tsx";
import type { InScene } from "./scene.ts";

const LIMIT = 4000;

interface Props extends InScene {
  readonly field: RefObject<HTMLTextAreaElement | null>;
  readonly text: string;
  readonly onText: (text: string) => void;
}

export class Composer extends Component<Props> {
  /** Grows the field with its text; the style sheet stops it at five lines. */
  override componentDidUpdate(): void {
    const field = this.props.field.current;
    if (!field) return;
    field.style.blockSize = "auto";
    field.style.blockSize = `${field.scrollHeight}px`;
  }

  #send(event: Event): void {
    event.preventDefault();
    const { scene, text, onText, field } = this.props;
    if (!text.trim()) return;
    scene.chat.send(text);
    onText("");
    field.current?.focus();
  }

  override render({ field, text, onText, scene }: Props): VNode {
    const { view, words } = scene;
    return (
      <form class="composer" onSubmit={(event) => this.#send(event)}>
        <div class="field">
          <textarea
            ref={field}
            rows={1}
            dir={text ? "auto" : undefined}
            aria-label={words.input}
            placeholder={words.input}
            maxLength={view.session?.capabilities.text_limit ?? LIMIT}
            enterkeyhint="send"
            value={text}
            onInput={(event) => onText(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.#send(event);
            }}
          />
          <button type="submit" class="send" aria-label={words.send} aria-disabled={!text.trim()}>
            <Icon name="send" />
          </button>
        </div>
        <div class="foot">
          <PersonButton scene={scene} bare />
          <span>{words.powered}</span>
        </div>
      </form>
    );
  }
}
