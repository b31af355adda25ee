import { spawn } from "node:child_process";
import path from "node:path";

const END_LEFT = path.join(import.meta.dirname, "end-left.ts");
/** Waits, at no cost, until its input ends: then becomes the program of its arguments. */
const WAIT = 'while read -r _; do :; done; exec "$0" "$@"';
const AGAIN_MS = 1000;

/** A server that cannot see by itself that nobody is there any more. */
export type Guarded = "redis" | "mongod";

/**
 * Sees to it that a server of ours on this data folder does not outlive us, also when we are killed: a small process
 * beside it holds the other end of a pipe, and shuts the server down when we have let go of ours and the server's
 * last client, which may have calls to finish, has gone. Returns how to take the guard away.
 */
export function guard(server: Guarded, dataDir: string): () => void {
  let over = false;
  let end = (): void => {};
  const begin = (): void => {
    if (over) return;
    const child = spawn("/bin/sh", ["-c", WAIT, process.execPath, END_LEFT, server, dataDir], {
      // Ctrl-C in the terminal is for us.
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    end = () => child.kill("SIGKILL");
    child.on("error", () => {
      // No shell: what is left is found by the next start.
    });
    child.stdin.on("error", () => {});
    child.once("exit", () => {
      if (!over) setTimeout(begin, AGAIN_MS).unref();
    });
    child.unref();
    if ("unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref();
  };
  begin();
  return () => {
    over = true;
    end();
  };
}
