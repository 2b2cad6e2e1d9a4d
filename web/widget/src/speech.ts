/** What a screen reader is told of an event: whole sentences, and nothing while text still streams. */

import type { ChatEvent, Message } from "@wafaa/shared/protocol.ts";
import type { Words } from "./words.ts";

export function spoken(event: ChatEvent, words: Words): string | null {
  switch (event.type) {
    case "turn.started":
      return words.typing;
    case "turn.completed":
      return said(event.message, words);
    case "message.created":
      return event.message.author === "contact" ? null : said(event.message, words);
    case "turn.failed":
      return words.failed;
    case "handover.requested":
      return words.asked;
    case "handover.accepted":
      return words.joined(event.agent_name);
    case "handed_back":
      return words.back;
    case "conversation.closed":
      return words.closed;
    default:
      return null;
  }
}

function said(message: Message, words: Words): string {
  return `${message.agent_name || words.assistant}: ${plain(message.text)}`;
}

/** The words of a Markdown text, without its marks. */
export function plain(text: string): string {
  return text
    .replace(/\[([^\]\n]+)\]\([^)\s]+\)/g, "$1")
    .replace(/\[\d{1,2}\]|[*`]|^#+ /gm, "");
}
