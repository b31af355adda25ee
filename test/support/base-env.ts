import path from "node:path";

/** Where `bin/start` keeps compiled modules too: most of a process's start is compiling. */
const COMPILE_CACHE = path.join(import.meta.dirname, "..", "..", "node_modules", ".cache", "node");

/** What every process that a test starts gets of this one's environment. */
export const BASE_ENV = {
  PATH: process.env["PATH"] ?? "",
  HOME: process.env["HOME"] ?? "",
  NODE_COMPILE_CACHE: COMPILE_CACHE,
} as const;
