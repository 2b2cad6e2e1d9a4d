/** The whole panel, put together. */

import type { Citation } from "@wafaa/shared/protocol.ts";
import { Component, createRef, type VNode } from "preact";
import type { Chat } from "../chat.ts";
import type { View } from "../view.ts";
import { directionOf, Formats, WORDS } from "../words.ts";
import { Composer } from "./composer.tsx";
import { Header } from "./header.tsx";
import { Log } from "./log.tsx";
import type { Scene } from "./scene.ts";
import { Source } from "./source.tsx";

interface Props {
  /** Is handed the component: a `ref` on a component is just another prop. */
  readonly self: (app: App) => void;
  readonly chat: Chat;
  /** Shown until the session tells the assistant's name. */
  readonly title: string;
  /** Absent where the panel is the page itself. */
  readonly onClose: (() => void) | null;
}

interface State {
  readonly view: View;
  readonly text: string;
  readonly source: Citation | null;
}

export class App extends Component<Props, State> {
  override state: State = { view: this.props.chat.view, text: "", source: null };
  readonly #field = createRef<HTMLTextAreaElement>();
  #formats = new Formats("en", "latn");
  #chip: HTMLElement | null = null;

  override componentDidMount(): void {
    this.props.self(this);
    this.props.chat.watch(() => this.setState({ view: this.props.chat.view }));
  }

  focus(): void {
    this.#field.current?.focus();
  }

  readonly write = (text: string): void => this.setState({ text });

  readonly #hideSource = (): void => {
    this.setState({ source: null });
    this.#chip?.focus();
  };

  readonly #showSource = (source: Citation, from: HTMLElement): void => {
    this.#chip = from;
    this.setState({ source });
  };

  #scene(): Scene {
    const { view } = this.state;
    this.#formats = this.#formats.in(view.language, view.session?.assistant.digits ?? "latn");
    return {
      chat: this.props.chat,
      view,
      words: WORDS[view.language],
      formats: this.#formats,
      showSource: this.#showSource,
    };
  }

  override render({ title, onClose }: Props): VNode {
    const { text, source } = this.state;
    const scene = this.#scene();
    const { view, words } = scene;
    return (
      <section
        class="panel"
        role={onClose ? "dialog" : "region"}
        aria-labelledby="title"
        lang={view.language}
        dir={directionOf(view.language)}
        onKeyDown={(event) => {
          if (event.key === "Escape") onClose?.();
        }}
      >
        <Header scene={scene} title={view.session?.assistant.name ?? (title || words.chat)} onClose={onClose} />
        {trouble(scene) && <p class="banner">{trouble(scene)}</p>}
        <Log scene={scene}>
          {source && <Source citation={source} scene={scene} onClose={this.#hideSource} />}
        </Log>
        <Composer scene={scene} field={this.#field} text={text} onText={this.write} />
        <p class="unseen" role="status">
          {view.announcement}
        </p>
      </section>
    );
  }
}

/** Why nothing goes in or out, where that is so. */
function trouble({ view, words }: Scene): string | null {
  if (!view.online) return words.offline;
  if (view.refusal) return words[view.refusal];
  return view.reachable ? null : words.unreachable;
}
