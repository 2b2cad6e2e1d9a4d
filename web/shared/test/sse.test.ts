import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameParser, readFrames } from "../src/sse.ts";

const STREAM = ': ping\n\nid: 7\nevent: turn.delta\ndata: {"text":"مرحبًا"}\n\nid: 8\r\ndata: a\r\ndata: b\r\n\r\n';
const FRAMES = ['{"text":"مرحبًا"}', "a\nb"];

test("frames come out the same however the text is cut", () => {
  for (let at = 0; at <= STREAM.length; at++) {
    const parser = new FrameParser();
    assert.deepEqual([...parser.push(STREAM.slice(0, at)), ...parser.push(STREAM.slice(at))], FRAMES, `cut at ${at}`);
  }
});

test("a frame without its blank line is not handed over", () => {
  assert.deepEqual(new FrameParser().push("id: 1\ndata: half"), []);
});

test("bytes may be cut inside a letter, and pings are heard", async () => {
  const bytes = new TextEncoder().encode(STREAM);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      bytes.forEach((_, at) => controller.enqueue(bytes.subarray(at, at + 1)));
      controller.close();
    },
  });
  const got: string[] = [];
  let heard = 0;
  await readFrames(body, (data) => got.push(data), () => heard++);
  assert.deepEqual(got, FRAMES);
  assert.equal(heard, bytes.length);
});
