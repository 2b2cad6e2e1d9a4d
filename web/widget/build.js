/**
 * Builds the widget into web/dist/widget: the panel first, because the loader carries its hashed name.
 *
 * Next to the files goes manifest.json, from which the API learns what it may serve.
 */

import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "../dist/widget");

/** Where light-dark(), :has() and adopted style sheets exist: from the first half of 2024. */
const BROWSERS = ["chrome123", "firefox121", "safari17.5"];

/** The classic factory is smaller than the automatic run-time. */
const JSX = { jsxInject: 'import { h, Fragment } from "preact"' };

/** The code of one entry, with everything it imports. */
async function bundle(entry, format, { jsx = {}, define = {} }) {
  const [result] = [
    await build({
      root: here,
      configFile: false,
      logLevel: "warn",
      define: { "process.env.NODE_ENV": '"production"', ...define },
      oxc: { jsx: { runtime: "classic", pragma: "h", pragmaFrag: "Fragment" }, ...jsx },
      build: {
        write: false,
        target: BROWSERS,
        cssTarget: BROWSERS,
        modulePreload: false,
        rolldownOptions: {
          input: join(here, "src", entry),
          preserveEntrySignatures: "strict",
          output: { format },
        },
      },
    }),
  ].flat();
  return result.output[0].code;
}

/** Writes a file whose name changes with its content, so that it may be cached for ever. */
async function hashed(name, extension, content) {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 12);
  const file = `${name}-${hash}.${extension}`;
  await writeFile(join(out, file), content);
  return file;
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const panel = await hashed("panel", "js", await bundle("panel.tsx", "es", { jsx: JSX }));
const loader = await bundle("loader.ts", "iife", { define: { PANEL_FILE: JSON.stringify(`widget/${panel}`) } });
await writeFile(join(out, "w.js"), loader);
const page = await hashed("page", "css", await readFile(join(here, "src/page.css")));
const icon = await hashed("icon", "svg", await readFile(join(here, "src/icon.svg")));
await writeFile(join(out, "manifest.json"), JSON.stringify({ loader: "w.js", panel, page, icon }, null, 2) + "\n");
