/** Reads server-sent events from a fetched body; unlike EventSource it may send headers. */

export interface Frame {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** Cuts text that arrives in arbitrary pieces into frames. */
export class FrameParser {
  #rest = "";
  #id = "";
  #event = "";
  #data: string[] = [];

  push(piece: string): Frame[] {
    const text = this.#rest + piece;
    // A CR at the very end may be half of a CRLF: it waits for the next piece.
    const usable = text.endsWith("\r") ? text.slice(0, -1) : text;
    const lines = usable.split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? "") + text.slice(usable.length);
    return lines.map((line) => this.#take(line)).filter((frame) => frame !== null);
  }

  #take(line: string): Frame | null {
    if (line === "") return this.#finish();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "id") this.#id = value;
    else if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
    return null;
  }

  #finish(): Frame | null {
    const frame = { id: this.#id, event: this.#event || "message", data: this.#data.join("\n") };
    const complete = this.#data.length > 0;
    this.#event = "";
    this.#data = [];
    return complete ? frame : null;
  }
}

/**
 * Hands over each frame of `body` until it ends.
 *
 * `heard` is called for every piece, pings included, so that a caller can tell silence from a dead connection.
 */
export async function readFrames(
  body: ReadableStream<Uint8Array>,
  take: (frame: Frame) => void,
  heard: () => void,
): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new FrameParser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    parser.push(decoder.decode(value, { stream: true })).forEach(take);
  }
}
