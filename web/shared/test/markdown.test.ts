import assert from "node:assert/strict";
import { test } from "node:test";

import { parse, parseInline, safeLink, type Block, type Inline } from "../src/markdown.ts";

const INLINE: [string, Inline[]][] = [
  ["plain", ["plain"]],
  ["a **b** c", ["a ", { kind: "strong", children: ["b"] }, " c"]],
  ["*لاتيه* بسعر 18", [{ kind: "em", children: ["لاتيه"] }, " بسعر 18"]],
  ["2 * 3 * 4", ["2 * 3 * 4"]],
  ["snake_case_name", ["snake_case_name"]],
  ["`x < y`", [{ kind: "code", text: "x < y" }]],
  ["18 SAR [1].", ["18 SAR ", { kind: "mark", number: 1 }, "."]],
  ["[call](tel:+966112000000)", [{ kind: "link", href: "tel:+966112000000", text: "call" }]],
  ["[x](javascript:alert)", ["x"]],
  ["see https://example.test/a.", ["see ", { kind: "link", href: "https://example.test/a", text: "https://example.test/a" }, "."]],
  ["<img src=x onerror=alert(1)>", ["<img src=x onerror=alert(1)>"]],
];

for (const [text, expected] of INLINE) {
  test(`inline: ${text}`, () => assert.deepEqual(parseInline(text), expected));
}

const BLOCKS: [string, Block[]][] = [
  ["one\ntwo\n\nthree", [{ kind: "p", children: ["one\ntwo"] }, { kind: "p", children: ["three"] }]],
  ["- a\n- b", [{ kind: "ul", start: 1, items: [["a"], ["b"]] }]],
  ["٣. ج\n٤. د", [{ kind: "ol", start: 3, items: [["ج"], ["د"]] }]],
  ["Prices:\n- a", [{ kind: "p", children: ["Prices:"] }, { kind: "ul", start: 1, items: [["a"]] }]],
  ["## Hours", [{ kind: "h", children: ["Hours"] }]],
  ["", []],
];

for (const [text, expected] of BLOCKS) {
  test(`blocks: ${JSON.stringify(text)}`, () => assert.deepEqual(parse(text), expected));
}

test("only web, mail and phone addresses are links", () => {
  for (const bad of ["javascript:1", "data:text/html,x", "//evil.test", "ftp://x", "http://", "vbscript:x"]) {
    assert.equal(safeLink(bad), null, bad);
  }
});
