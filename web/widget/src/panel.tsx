/** The panel: everything behind the launcher, or a whole page. Loaded once it is wanted. */

import { inkOn, parseHex, readableOn, toHex, type Rgb } from "@wafaa/shared/colour.ts";
import { render } from "preact";
import { Chat } from "./chat.ts";
import type { Options, Panel } from "./contract.ts";
import css from "./panel.css?inline";
import { Shelf } from "./storage.ts";
import { App } from "./view/app.tsx";
import { directionOf, toLanguage } from "./words.ts";

/** The surfaces of panel.css on which the accent has to be read. */
const LIGHT: Rgb = [244, 244, 241];
const DARK: Rgb = [38, 43, 48];
const TEAL: Rgb = [15, 118, 110];

/** Builds the panel inside `root` and hands back what the loader may do with it. */
export function mount(host: HTMLElement, root: ShadowRoot, options: Options): Panel {
  const shelf = new Shelf(options.key);
  const language = shelf.get("language") ?? toLanguage(options.locale);
  const announce = (name: string, detail?: unknown): void => {
    host.dispatchEvent(new CustomEvent(`wafaa:${name}`, { detail, bubbles: true, composed: true }));
  };
  const chat = new Chat(options.base, options.key, shelf, language, announce);
  const tint = new CSSStyleSheet();
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet, tint];

  const frame = document.createElement("div");
  frame.className = options.page ? "frame page" : "frame floating";
  frame.hidden = true;
  frame.style.colorScheme = host.getAttribute("theme") ?? ""; // Anything but light or dark leaves the choice to the visitor.
  root.prepend(frame);

  let shown = "";
  const dress = (): void => {
    const now = chat.view.language;
    const colour = chat.view.session?.assistant.color ?? host.getAttribute("color") ?? shelf.get("color") ?? "";
    if (shown === now + colour) return;
    shown = now + colour;
    tint.replaceSync(colours(parseHex(colour) ?? TEAL));
    announce("locale", now);
    if (!options.page) return;
    document.documentElement.lang = now;
    document.documentElement.dir = directionOf(now);
  };
  const close = (): void => {
    frame.hidden = true;
    chat.close();
    announce("close");
  };
  let app: App | undefined;
  chat.watch(dress);
  dress();
  render(<App self={(it) => (app = it)} chat={chat} title={host.getAttribute("name") ?? ""} onClose={options.page ? null : close} />, frame);

  return {
    open() {
      frame.hidden = false;
      chat.open();
      announce("open");
      // On a phone, a page that has just been opened isn't covered by a keyboard nobody asked for.
      if (!options.page || matchMedia("(hover:hover)").matches) app?.focus();
    },
    close,
    setLocale: (tag) => chat.setLanguage(toLanguage(tag)),
    send: (text) => chat.send(text),
    prefill: (text) => app?.write(text),
    identify(token) {
      shelf.identity = token;
      chat.renew();
    },
    destroy() {
      render(null, frame);
      frame.remove();
      chat.destroy();
    },
  };
}

/** The brand's colour and what can be read on and beside it, in light and in dark. */
function colours(brand: Rgb): string {
  const hexes = [brand, inkOn(brand), readableOn(brand, LIGHT), readableOn(brand, DARK)].map(toHex);
  const names = ["brand", "on-brand", "accent-light", "accent-dark"];
  return `:host{${names.map((name, at) => `--${name}:${hexes[at]}`).join(";")}}`;
}
