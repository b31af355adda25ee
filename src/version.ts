import { readFileSync } from "node:fs";

/** This release, from package.json. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
).version;

/** How we introduce ourselves to upstreams and receivers. */
export const USER_AGENT = `spendhook/${VERSION}`;
