import assert from "node:assert/strict";
import { test } from "node:test";

import { contrast, inkOn, parseHex, readableOn, toHex, type Rgb } from "../src/colour.ts";

const SURFACES: Rgb[] = [[255, 255, 255], [244, 244, 241], [27, 32, 36], [38, 44, 49]];
const PARTS = [0, 51, 102, 153, 204, 255];
const COLOURS = PARTS.flatMap((r) => PARTS.flatMap((g) => PARTS.map((b): Rgb => [r, g, b])));

test("text on any brand colour reaches 4.5:1", () => {
  for (const colour of COLOURS) assert.ok(contrast(colour, inkOn(colour)) >= 4.5, toHex(colour));
});

test("any brand colour becomes readable on every surface", () => {
  for (const colour of COLOURS) {
    for (const surface of SURFACES) {
      assert.ok(contrast(readableOn(colour, surface), surface) >= 4.5, `${toHex(colour)} on ${toHex(surface)}`);
    }
  }
});

test("only hex colours are colours", () => {
  assert.deepEqual(parseHex("#0F766e"), [15, 118, 110]);
  for (const bad of ["red", "#abc", "#12345", "#000;}*{display:none", ""]) assert.equal(parseHex(bad), null);
});
