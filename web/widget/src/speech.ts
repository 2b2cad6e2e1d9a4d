/** What a screen reader is told of an event: whole sentences, and nothing while text still streams. */

import type { ChatEvent, Message } from "@wafaa/shared/protocol.ts";
import type { Item, Line } from "./conversation.ts";
import type { Words } from "./words.ts";

/** `item` is what the event added to the conversation, if it added something. */
export function spoken(event: ChatEvent, item: Item | undefined, words: Words): string | null {
  if (item?.kind === "line") return lineText(item, words);
  if (item?.kind === "message" && item.message.author !== "contact") {
    return `${speaker(item.message, words)}: ${plain(item.message.text ?? "")}`;
  }
  if (event.type === "turn.started") return words.typing;
  return event.type === "turn.failed" && event.code !== "superseded" ? words.failed : null;
}

export function lineText({ line, name }: Line, words: Words): string {
  return line === "joined" ? words.joined(name || words.colleague) : words[line];
}

/** Who said it, by name where there is one. */
export function speaker({ author, agent_name }: Message, words: Words): string {
  return author === "agent" ? agent_name || words.colleague : words.assistant;
}

/** The words of a Markdown text, without its marks. */
export function plain(text: string): string {
  return text
    .replace(/\[([^\]\n]+)\]\([^)\s]+\)/g, "$1")
    .replace(/\[\d{1,2}\]|[*`]|^#+ /gm, "");
}
