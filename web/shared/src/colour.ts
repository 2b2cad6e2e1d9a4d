/** Readable colours from whatever brand colour a business chose (WCAG 2 contrast). */

export type Rgb = readonly [number, number, number];

const WHITE: Rgb = [255, 255, 255];
const INK: Rgb = [0, 0, 0];
const READABLE = 4.5;

/** `#rrggbb` as numbers; null for anything else, so that nothing but a colour reaches a style sheet. */
export function parseHex(hex: string): Rgb | null {
  if (!/^#[0-9a-f]{6}$/i.test(hex)) return null;
  const value = parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

export function toHex(colour: Rgb): string {
  return "#" + colour.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("");
}

function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** How far two colours stand apart, from 1 to 21. */
export function contrast(one: Rgb, other: Rgb): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** White or black: whichever reads better on `colour`. One of them always reaches 4.5:1. */
export function inkOn(colour: Rgb): Rgb {
  return contrast(colour, WHITE) >= READABLE || contrast(colour, WHITE) >= contrast(colour, INK) ? WHITE : INK;
}

function mix(one: Rgb, other: Rgb, share: number): Rgb {
  return one.map((part, at) => part + ((other[at] ?? 0) - part) * share) as unknown as Rgb;
}

/** `colour`, moved towards black or white just as far as it takes to be read on `surface`. */
export function readableOn(colour: Rgb, surface: Rgb): Rgb {
  const target = luminance(surface) > 0.4 ? INK : WHITE;
  for (let share = 0; share < 1; share += 0.05) {
    const candidate = mix(colour, target, share);
    if (contrast(candidate, surface) >= READABLE) return candidate;
  }
  return target;
}
