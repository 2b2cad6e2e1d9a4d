/** One thing said, with what hangs on it: its fate, its sources, and the visitor's judgement. */

import type { Citation, Message } from "@wafaa/shared/protocol.ts";
import type { ComponentChildren, VNode } from "preact";
import type { Kept as Draft, Turn } from "../conversation.ts";
import { Icon } from "./icons.tsx";
import { speaker } from "../speech.ts";
import { Rich } from "./rich.tsx";
import type { InScene } from "./scene.ts";

export function Bubble({ side, who, children }: { side: "me" | "them"; who: string; children: ComponentChildren }): VNode {
  return (
    <div class={`bubble ${side}`}>
      <span class="unseen">{who}: </span>
      {children}
    </div>
  );
}

export function Said({ message, scene }: InScene & { message: Message }): VNode {
  const { words, formats } = scene;
  if (message.author === "contact") {
    return (
      <div class="row me">
        <Bubble side="me" who={words.you}>
          <p dir="auto">{message.text}</p>
        </Bubble>
        <p class="meta">{formats.time(message.created_at)}</p>
      </div>
    );
  }
  const agent = message.author === "agent";
  const who = speaker(message, words);
  return (
    <div class="row them">
      {agent && (
        <p class="meta" aria-hidden="true">
          <bdi>{who}</bdi>
        </p>
      )}
      <Bubble side="them" who={who}>
        <Rich text={message.text ?? ""} />
      </Bubble>
      <Sources message={message} scene={scene} />
      {agent ? <p class="meta">{formats.time(message.created_at)}</p> : <Judgement message={message} scene={scene} />}
      {message.offer_human && <PersonButton scene={scene} />}
    </div>
  );
}

export function Kept({ item, scene }: InScene & { item: Draft }): VNode {
  const { chat, words } = scene;
  const fate = { sending: words.sending, queued: words.waiting, refused: words.refused }[item.delivery];
  return (
    <div class="row me kept">
      <Bubble side="me" who={words.you}>
        <p dir="auto">{item.draft.text}</p>
      </Bubble>
      <p class="meta">{fate}</p>
      {item.delivery === "refused" && (
        <div class="chips">
          <button class="chip" onClick={() => chat.retry(item.draft)}>
            {words.again}
          </button>
          <button class="chip" onClick={() => chat.discard(item.draft)}>
            {words.dismiss}
          </button>
        </div>
      )}
    </div>
  );
}

/** The answer as it is written. Its text is hidden from screen readers, who get it whole when it is complete. */
export function Writing({ turn, scene }: InScene & { turn: Turn }): VNode {
  const { chat, words } = scene;
  if (turn.failed) {
    return (
      <div class="row them">
        <Bubble side="them" who={words.assistant}>
          <p>{words.failed}</p>
        </Bubble>
        <div class="chips">
          <button class="chip" onClick={() => chat.askAgain()}>
            {words.again}
          </button>
          <PersonButton scene={scene} />
        </div>
      </div>
    );
  }
  return (
    <div class="row them fresh" aria-hidden="true">
      <div class="bubble them">
        {turn.text ? (
          <Rich text={turn.text} />
        ) : (
          <p class="dots">
            <i />
            <i />
            <i />
          </p>
        )}
      </div>
      <p class="meta">{turn.text ? words.writing : words.searching}…</p>
    </div>
  );
}

function Sources({ message, scene }: InScene & { message: Message }): VNode | null {
  const { words, formats, showSource } = scene;
  if (!message.citations.length) return null;
  return (
    <div class="chips" role="group" aria-label={words.sources}>
      {message.citations.map(named).map((citation) => (
        <button
          class="source"
          aria-haspopup="dialog"
          onClick={(event) => showSource(citation, event.currentTarget)}
        >
          <span class="number">{formats.number(citation.number)}</span>
          <bdi>{citation.title.replace(/^.* › /, "")}</bdi>
        </button>
      ))}
    </div>
  );
}

/** Titled as people say it: where the title is a file's name, without its ending. */
function named(citation: Citation): Citation {
  return { ...citation, title: citation.title.replace(/\.[a-z]{2,4}$/i, "") };
}

function Judgement({ message, scene }: InScene & { message: Message }): VNode {
  const { chat, view, words, formats } = scene;
  const rating = view.ratings[message.id];
  const reason = (value: string, text: string): VNode => (
    <button class="chip" onClick={() => void chat.rate(message, "down", value)}>
      {text}
    </button>
  );
  return (
    <>
      <div class="meta judge">
        <span>{formats.time(message.created_at)}</span>
        <button
          class="bare"
          aria-label={words.helpful}
          aria-pressed={rating?.value === "up"}
          onClick={() => void chat.rate(message, "up")}
        >
          <Icon name="up" />
        </button>
        <button
          class="bare"
          aria-label={words.unhelpful}
          aria-pressed={rating?.value === "down"}
          onClick={() => void chat.rate(message, "down")}
        >
          <Icon name="up" turned />
        </button>
      </div>
      {rating?.value === "down" && !rating.reason && (
        <div class="chips" role="group" aria-label={words.why}>
          {reason("wrong", words.wrong)}
          {reason("incomplete", words.incomplete)}
          {!message.offer_human && <PersonButton scene={scene} />}
        </div>
      )}
      {rating?.reason && <p class="meta">{words.thanks}</p>}
    </>
  );
}

/** Asks for a person, as long as nobody has been asked for. */
export function PersonButton({ scene: { chat, view, words }, bare }: InScene & { bare?: boolean }): VNode | null {
  if (!view.session || view.conversation.owner !== "assistant") return null;
  return (
    <button type="button" class={bare ? "link" : "chip"} onClick={() => void chat.handOver()}>
      <Icon name="person" />
      {words.person}
    </button>
  );
}
