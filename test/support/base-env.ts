import path from "node:path";

/** Where `bin/start` keeps compiled modules too: most of a process's start is compiling. */
const COMPILE_CACHE = path.join(import.meta.dirname, "..", "..", "node_modules", ".cache", "node");

/** `npm run test:clock` moves the clock by these: it must be the same for all processes of a run. */
const CLOCK = Object.fromEntries(
  [
    "LD_PRELOAD",
    "FAKETIME",
    "FAKETIME_SHARED",
    "DONT_FAKE_MONOTONIC",
    "FAKETIME_DONT_FAKE_MONOTONIC",
    "TZ",
  ].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  }),
);

/** What every process that a test starts gets of this one's environment. */
export const BASE_ENV = {
  PATH: process.env["PATH"] ?? "",
  HOME: process.env["HOME"] ?? "",
  NODE_COMPILE_CACHE: COMPILE_CACHE,
  ...CLOCK,
};
