import assert from "node:assert/strict";
import { test } from "node:test";

import type { ChatEvent, Message } from "@wafaa/shared/protocol.ts";
import { plain, spoken } from "../src/speech.ts";
import { backOff } from "../src/stream.ts";
import { directionOf, Formats, toLanguage, WORDS } from "../src/words.ts";

const ARABIC = /[\u0600-\u06ff]/;

test("every text is there in both languages, each in its own script", () => {
  assert.deepEqual(Object.keys(WORDS.ar).sort(), Object.keys(WORDS.en).sort());
  for (const [name, text] of Object.entries(WORDS.ar)) {
    const said = typeof text === "function" ? (text as (...given: string[]) => string)("1", "2") : text;
    assert.equal(ARABIC.test(said), name !== "language", `${name}: ${said}`);
  }
});

for (const [tag, language] of [["ar-SA", "ar"], ["AR", "ar"], ["en-GB", "en"], ["fr", "en"], ["", "en"]] as const) {
  test(`a page in "${tag}" is spoken to in ${language}`, () => assert.equal(toLanguage(tag), language));
}

test("Arabic runs from the right, with the digits the business chose", () => {
  assert.equal(directionOf("ar"), "rtl");
  assert.equal(new Formats("ar", "latn").number(18), "18");
  assert.equal(new Formats("ar", "arab").number(18), "١٨");
  assert.match(new Formats("en", "arab").time("2026-11-23T09:00:00Z"), /^\d{1,2}:00/);
  assert.equal(new Formats("en", "latn").time(null), "");
});

function message(author: Message["author"], agent_name: string | null = null): Message {
  const base = { id: "m", conversation_id: "c", seq: 1, text: "**18** SAR [1]", language: "en", citations: [] };
  return { ...base, author, agent_name, offer_human: false, created_at: null };
}

const SPOKEN: [Message, string | null][] = [
  [message("assistant"), "AI assistant: 18 SAR "],
  [message("agent", "Sara"), "Sara: 18 SAR "],
  [message("agent"), "A colleague: 18 SAR "],
  [message("contact"), null],
];

for (const [said, expected] of SPOKEN) {
  test(`a screen reader hears ${expected ?? "nothing"}`, () => {
    const event = { type: "message.created", seq: 1, at: "", conversation_id: "c", message: said } as ChatEvent;
    assert.equal(spoken(event, { kind: "message", seq: 1, key: "m", message: said }, WORDS.en), expected);
  });
}

test("marks are not read aloud", () => {
  assert.equal(plain("## Hours\n[call us](tel:+966) `now` [12]"), "Hours\ncall us now ");
});

test("attempts come later and later, never all at once", () => {
  assert.deepEqual([0, 1, 2, 20].map((attempt) => backOff(attempt, () => 0)), [250, 500, 1000, 15_000]);
  assert.equal(backOff(3, () => 1), 4000);
});
