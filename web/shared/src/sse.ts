/** Reads server-sent events from a fetched body; unlike EventSource it may send headers. */

/** Cuts text that arrives in arbitrary pieces into frames. Their data says all: ids and names stand in it as well. */
export class FrameParser {
  #rest = "";
  #data: string[] = [];

  push(piece: string): string[] {
    const text = this.#rest + piece;
    // A CR at the very end may be half of a CRLF: it waits for the next piece.
    const usable = text.endsWith("\r") ? text.slice(0, -1) : text;
    const lines = usable.split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? "") + text.slice(usable.length);
    return lines.flatMap((line) => this.#take(line));
  }

  #take(line: string): string[] {
    if (line.startsWith("data:")) this.#data.push(line.slice(5).replace(/^ /, ""));
    return line || !this.#data.length ? [] : [this.#data.splice(0).join("\n")];
  }
}

/**
 * Hands over the data of each frame of `body` until it ends.
 *
 * `heard` is called for every piece, pings included, so that a caller can tell silence from a dead connection.
 */
export async function readFrames(
  body: ReadableStream<Uint8Array>,
  take: (data: string) => void,
  heard: () => void,
): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new FrameParser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    for (const data of parser.push(decoder.decode(value, { stream: true }))) take(data);
  }
}
