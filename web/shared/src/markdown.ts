/**
 * Just enough Markdown for an answer of a few paragraphs, as a tree of plain values.
 *
 * It knows no HTML, so a renderer that makes text nodes of strings has nothing to sanitise.
 */

export type Inline =
  | string
  | { readonly kind: "strong" | "em"; readonly children: readonly Inline[] }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "link"; readonly href: string; readonly text: string }
  | { readonly kind: "mark"; readonly number: number };

export type Block =
  | { readonly kind: "p" | "h"; readonly children: readonly Inline[] }
  | { readonly kind: "ul" | "ol"; readonly start: number; readonly items: readonly (readonly Inline[])[] };

const HEADING = /^#{1,6}\s+(.*)$/;
const BULLET = /^\s*[-*•]\s+(.*)$/;
const ORDERED = /^\s*([0-9٠-٩]{1,3})[.)]\s+(.*)$/;
const SPECIAL = [HEADING, BULLET, ORDERED];

/** The blocks of `text`, in order. */
export function parse(text: string): Block[] {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const blocks: Block[] = [];
  while (lines.length) {
    const block = takeBlock(lines);
    if (block) blocks.push(block);
  }
  return blocks;
}

function takeBlock(lines: string[]): Block | null {
  const line = lines[0] ?? "";
  if (!line.trim()) {
    lines.shift();
    return null;
  }
  const heading = HEADING.exec(line);
  if (heading) {
    lines.shift();
    return { kind: "h", children: parseInline(heading[1] ?? "") };
  }
  if (BULLET.test(line)) return takeList(lines, "ul", BULLET);
  if (ORDERED.test(line)) return takeList(lines, "ol", ORDERED);
  const words = takeWhile(lines, (next) => !!next.trim() && !SPECIAL.some((pattern) => pattern.test(next)));
  return { kind: "p", children: parseInline(words.join("\n")) };
}

function takeList(lines: string[], kind: "ul" | "ol", pattern: RegExp): Block {
  const items = takeWhile(lines, (line) => pattern.test(line)).map((line) => pattern.exec(line) ?? []);
  const start = kind === "ol" ? Number(latin(items[0]?.[1] ?? "1")) : 1;
  return { kind, start, items: items.map((match) => parseInline(match.at(-1) ?? "")) };
}

function takeWhile(lines: string[], wanted: (line: string) => boolean): string[] {
  const end = lines.findIndex((line) => !wanted(line));
  return lines.splice(0, end < 0 ? lines.length : end);
}

function latin(digits: string): string {
  return digits.replace(/[٠-٩]/g, (digit) => String(digit.charCodeAt(0) - 0x660));
}

const TOKEN = new RegExp(
  [
    "`([^`\\n]+)`", // 1 code
    "\\*\\*(?=\\S)(.+?)\\*\\*", // 2 strong
    "(?<![\\p{L}\\p{N}*])\\*(?=[^\\s*])([^*\\n]+)\\*(?![\\p{L}\\p{N}*])", // 3 em
    "\\[([^\\]\\n]+)\\]\\(([^)\\s]+)\\)", // 4 text and 5 address of a link
    "\\[([0-9]{1,2})\\]", // 6 a citation's mark
    "(https?:\\/\\/[^\\s<>\"'()]+[^\\s<>\"'().,;:!?،؛؟])", // 7 a bare address
  ].join("|"),
  "gu",
);

/** The runs inside one block. */
export function parseInline(text: string): Inline[] {
  const runs: Inline[] = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    if (match.index > end) runs.push(text.slice(end, match.index));
    runs.push(toInline(match));
    end = match.index + match[0].length;
  }
  if (end < text.length) runs.push(text.slice(end));
  return runs;
}

function toInline(match: RegExpMatchArray): Inline {
  const [all, code, strong, em, label, address, mark, bare] = match;
  if (code !== undefined) return { kind: "code", text: code };
  if (strong !== undefined) return { kind: "strong", children: parseInline(strong) };
  if (em !== undefined) return { kind: "em", children: parseInline(em) };
  if (mark !== undefined) return { kind: "mark", number: Number(mark) };
  const href = safeLink(address ?? bare ?? "");
  return href ? { kind: "link", href, text: label ?? all } : (label ?? all);
}

/** `address` where it leads to the web, a mailbox or a phone; null for anything else. */
export function safeLink(address: string): string | null {
  return /^(https?:\/\/|mailto:|tel:)[^\s]+$/i.test(address) ? address : null;
}
