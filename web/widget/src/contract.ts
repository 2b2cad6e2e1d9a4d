/** What loader and panel, two files loaded at different times, know of each other. */

export interface Options {
  readonly key: string;
  readonly base: string;
  readonly page: boolean;
  readonly locale: string;
}

export interface Panel {
  open(): void;
  close(): void;
  setLocale(tag: string): void;
  send(text: string): void;
  prefill(text: string): void;
  identify(token?: string): void;
  destroy(): void;
}

export interface PanelModule {
  mount(host: HTMLElement, root: ShadowRoot, options: Options): Panel;
}
