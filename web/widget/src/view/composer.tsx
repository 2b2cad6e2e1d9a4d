/** Where the visitor writes. */

import { Component, type RefObject, type VNode } from "preact";
import { Icon } from "./icons.tsx";
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

  #over(): number {
    const { text, scene } = this.props;
    return [...text].length - (scene.view.session?.capabilities.text_limit ?? LIMIT);
  }

  #ready(): boolean {
    return !!this.props.text.trim() && this.#over() <= 0;
  }

  #send(event: Event): void {
    event.preventDefault();
    if (!this.#ready()) return;
    const { scene, text, onText, field } = this.props;
    scene.chat.send(text);
    onText("");
    field.current?.focus();
  }

  override render({ field, text, onText, scene: { words, formats } }: Props): VNode {
    const over = this.#over();
    return (
      <form class="composer" onSubmit={(event) => this.#send(event)}>
        {over > 0 && (
          <p class="over" role="alert">
            {words.tooLong(formats.number(over))}
          </p>
        )}
        <div class="field">
          <textarea
            ref={field}
            rows={1}
            dir={text ? "auto" : undefined}
            aria-label={words.input}
            placeholder={words.input}
            enterkeyhint="send"
            value={text}
            onInput={(event) => onText(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.#send(event);
            }}
          />
          <button type="submit" class="send" aria-label={words.send} aria-disabled={!this.#ready()}>
            <Icon name="send" />
          </button>
        </div>
        <p class="powered">{words.powered}</p>
      </form>
    );
  }
}
