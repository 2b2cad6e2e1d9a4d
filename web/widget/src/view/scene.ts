/** What every part of the panel is handed: the chat, its present view, and the words to show it in. */

import type { Citation } from "@wafaa/shared/protocol.ts";
import type { Chat } from "../chat.ts";
import type { View } from "../view.ts";
import type { Formats, Words } from "../words.ts";

export interface Scene {
  readonly chat: Chat;
  readonly view: View;
  readonly words: Words;
  readonly formats: Formats;
  readonly showSource: (citation: Citation, from: HTMLElement) => void;
}

export interface InScene {
  readonly scene: Scene;
}
