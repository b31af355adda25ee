import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { VARIABLES } from "../../src/config/environment.ts";
import { knownKeysAt } from "../../src/config/file-schema.ts";
import { PROVIDERS } from "../../src/config/providers.ts";
import { RETRY_WAITS_MS } from "../../src/config/webhook-settings.ts";

const root = new URL("../../", import.meta.url);
const readme = readFileSync(new URL("README.md", root), "utf8");
const scripts = (JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as { scripts: object })
  .scripts;

/** Set by the supervisor for its children, not by people. */
const INTERNAL = new Set<string>(["SPENDHOOK_EMBEDDED"]);

test.each(VARIABLES.filter((name) => !INTERNAL.has(name)))("the README explains the variable %s", (name) => {
  expect(readme).toContain(`\`${name}\``);
});

test.each([
  [[]],
  [["model_list", 0]],
  [["model_list", 0, "litellm_params"]],
  [["model_list", 0, "model_info"]],
  [["general_settings"]],
  [["general_settings", "webhook_settings"]],
  [["litellm_settings"]],
])("the README explains every key of config.yaml at %j", (path) => {
  const keys = knownKeysAt(path);
  expect(keys.length).toBeGreaterThan(0);
  expect(keys.filter((key) => !readme.includes(key))).toEqual([]);
});

test("the README names every provider", () => {
  expect(Object.keys(PROVIDERS).filter((name) => !readme.includes(name))).toEqual([]);
});

test("every test file, script and document that the README names exists", () => {
  const files = [...readme.matchAll(/`((?:test|src|workers|bin|examples)\/[\w./-]+)`/g)].map(
    (match) => match[1] ?? "",
  );
  const links = [...readme.matchAll(/\]\((?!http)([\w./-]+)\)/g)].map((match) => match[1] ?? "");
  expect(files.length).toBeGreaterThan(3);
  expect([...files, ...links].filter((file) => !existsSync(new URL(file, root)))).toEqual([]);
  const named = [...readme.matchAll(/npm run ([\w:]+)/g)].map((match) => match[1] ?? "");
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

test("the README's number of tries is the schedule's", () => {
  expect(readme).toContain(`${RETRY_WAITS_MS.length} tries over 75 h`);
});
