import { OPERATIONS } from "./document.ts";
import type { Operation } from "./operation.ts";

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --dim: #777; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
dt { margin-top: 1rem; font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
dt b { display: inline-block; min-width: 4rem; }
dd { margin: 0 0 0 4rem; }
dd small { color: var(--dim); }
@media (max-width: 40rem) { dd { margin-left: 0; } }
`;

/** The API as one page, without script and without anything from elsewhere. `style` is what its <style> holds. */
export function docsPage(): { html: string; style: string } {
  const tags = [...Map.groupBy(OPERATIONS, ({ tag }) => tag)];
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Spendhook API</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Spendhook API</h1>
<p>Send the operator's key as <code>Authorization: Bearer …</code>. Every field and its type is in
<a href="/openapi.json">openapi.json</a>. Paths under <code>/customer</code> are there under
<code>/end_user</code> as well.</p>
${tags.map(([tag, operations]) => section(tag, operations)).join("\n")}
</body>
</html>
`;
  return { html, style: STYLE };
}

function section(tag: string, operations: readonly Operation[]): string {
  return `<h2>${escape(tag)}</h2>\n<dl>\n${operations.map(entry).join("\n")}\n</dl>`;
}

function entry({ method, path, summary, answers, open }: Operation): string {
  const noKey = open === true ? " No key is needed." : "";
  return `<dt><b>${method.toUpperCase()}</b> ${escape(path)}</dt>\n<dd>${escape(summary)}.<br><small>${escape(answers)}${noKey}</small></dd>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
