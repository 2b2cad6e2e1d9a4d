/**
 * The small file a page includes: defines `<wafaa-chat>`, draws its launcher, and brings the panel when it is wanted.
 *
 * `<script async src="https://HOST/w.js" data-key="pk_…"></script>` adds a floating chat; every other `data-*` becomes an
 * attribute of the element. Without `data-key` it only defines the element, for pages that place it themselves.
 */

import type { Panel, PanelModule } from "./contract.ts";
import css from "./loader.css?inline";

/** Where the panel lies, seen from this file; known when this file is built. */
declare const PANEL_FILE: string;

type Call = [name: string, ...args: unknown[]];
type Command = ((...call: Call) => void) & { q?: Iterable<Call> };

const script = document.currentScript as HTMLScriptElement | null;
const home = new URL(".", script?.src || location.href).href;
const PANEL = home + PANEL_FILE;
const WORDS = { ar: ["فتح المحادثة", "إغلاق المحادثة", "المحادثة"], en: ["Open chat", "Close chat", "Chat"] } as const;
const SPEAK = "M4 5q0-2 2-2h12q2 0 2 2v9q0 2-2 2h-6l-5 4v-4H6q-2 0-2-2z";
const SHUT = "m6 6 12 12m0-12L6 18";

/** White or black on `hex`; a first guess that the panel's exact contrast replaces. */
function inkOn(hex: string): string {
  const [r, g, b] = [1, 3, 5].map((at) => (parseInt(hex.slice(at, at + 2), 16) / 255) ** 2.2) as [number, number, number];
  return 0.21 * r + 0.72 * g + 0.07 * b < 0.18 ? "#fff" : "#000";
}

class WafaaChat extends HTMLElement {
  #root = this.attachShadow({ mode: "open" });
  #button = document.createElement("button");
  #badge = document.createElement("span");
  #path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  #panel: Promise<Panel> | undefined;
  #opened = false;
  #locale = "";
  #identity: string | undefined;

  connectedCallback(): void {
    if (this.#root.adoptedStyleSheets.length) return; // Moved by a page that swaps its body: everything is in place.
    this.#locale = this.lang || document.documentElement.lang || navigator.language;
    const sheet = new CSSStyleSheet();
    const colour = /^#[\da-f]{6}$/i.exec(this.getAttribute("color") ?? "")?.[0] ?? "#0f766e";
    sheet.replaceSync(`${css}:host{--brand:${colour};--on-brand:${inkOn(colour)}}`);
    this.#root.adoptedStyleSheets = [sheet];
    if (this.#page) void this.open();
    else this.#draw();
  }

  get #page(): boolean {
    return this.getAttribute("mode") === "page";
  }

  #draw(): void {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.append(this.#path);
    this.#button.append(svg);
    this.#button.onclick = () => (this.#opened ? this.close() : this.open());
    this.#button.onpointerenter = () => this.#load();
    const dock = document.createElement("aside");
    dock.append(this.#button, this.#badge);
    this.#root.append(dock);
    this.#show(false);
    this.on("close", () => {
      this.#show(false);
      this.#button.focus();
    });
    this.on("locale", (event) => this.#label(event.detail as string));
    this.on("unread", (event) => (this.#badge.textContent = (event.detail as { count: string }).count));
    // Where data is dear, the panel waits for a press.
    if (!(navigator as { connection?: { saveData?: boolean } }).connection?.saveData) {
      (window.requestIdleCallback ?? setTimeout)(() => import(/* @vite-ignore */ PANEL));
    }
  }

  #show(open: boolean): void {
    this.#opened = open;
    this.#button.ariaExpanded = String(open);
    this.#path.setAttribute("d", open ? SHUT : SPEAK);
    this.#label();
  }

  #label(locale = this.#locale): void {
    this.#locale = locale;
    const [open, close, chat] = WORDS[/^ar/i.test(locale) ? "ar" : "en"];
    this.#button.ariaLabel = this.#opened ? close : open;
    (this.#button.parentNode as HTMLElement).ariaLabel = chat;
  }

  #load(): Promise<Panel> {
    return (this.#panel ??= (import(/* @vite-ignore */ PANEL) as Promise<PanelModule>).then(
      ({ mount }) => {
        const panel = mount(this, this.#root, {
          key: this.getAttribute("key") ?? "",
          base: this.getAttribute("base") ?? home,
          page: this.#page,
          locale: this.#locale,
        });
        if (this.#identity) panel.identify(this.#identity);
        return panel;
      },
      (error) => {
        this.#panel = undefined; // The next press tries again.
        throw error;
      },
    ));
  }

  async open(): Promise<void> {
    const panel = await this.#load();
    this.#badge.textContent = "";
    if (!this.#page) this.#show(true);
    panel.open();
  }

  async close(): Promise<void> {
    (await this.#panel)?.close();
  }

  toggle(): Promise<void> {
    return this.#opened ? this.close() : this.open();
  }

  show(): void {
    this.hidden = false;
  }

  hide(): void {
    this.hidden = true;
  }

  async setLocale(tag: string): Promise<void> {
    (await this.#load()).setLocale(tag);
  }

  async send(text: string): Promise<void> {
    await this.open();
    (await this.#load()).send(text);
  }

  async prefill(text: string): Promise<void> {
    await this.open();
    (await this.#load()).prefill(text);
  }

  /** Says who the visitor is, by a fresh token of the page's own server. */
  async identify(token?: string): Promise<void> {
    this.#identity = token;
    (await this.#panel)?.identify(token);
  }

  /** The next visitor is nobody in particular. */
  logout(): Promise<void> {
    return this.identify();
  }

  async destroy(): Promise<void> {
    this.remove();
    (await this.#panel)?.destroy();
  }

  on(name: string, listener: (event: CustomEvent) => void): void {
    this.addEventListener("wafaa:" + name, listener as EventListener);
  }

  off(name: string, listener: (event: CustomEvent) => void): void {
    this.removeEventListener("wafaa:" + name, listener as EventListener);
  }
}

/** Runs `Wafaa("open")`, `Wafaa("send", "…")` and the like on the page's chat. */
function command(...[name, ...args]: Call): void {
  const element = document.querySelector("wafaa-chat") as Record<string, unknown> | null;
  const method = element?.[name];
  if (typeof method === "function") method.apply(element, args);
}

function start(): void {
  if (script?.dataset.key) {
    const element = document.createElement("wafaa-chat");
    for (const name in script.dataset) element.setAttribute(name, script.dataset[name] ?? "");
    document.body.append(element);
  }
  // Calls made before this file arrived wait in a stub's queue.
  const page = window as { Wafaa?: Command };
  const early = page.Wafaa?.q ?? [];
  page.Wafaa = command;
  for (const call of early) command(...call);
}

if (!customElements.get("wafaa-chat")) {
  customElements.define("wafaa-chat", WafaaChat);
  if (document.body) start();
  else addEventListener("DOMContentLoaded", start);
}
