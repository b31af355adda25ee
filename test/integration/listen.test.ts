import { once } from "node:events";
import { fork, type ChildProcess } from "node:child_process";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { LateAddress } from "../support/late-address.ts";

const LISTENER = path.join(import.meta.dirname, "..", "support", "listener.ts");
const PAIRS = 12;
const started: ChildProcess[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

async function ready(): Promise<ChildProcess> {
  const child = fork(LISTENER);
  started.push(child);
  await once(child, "message");
  return child;
}

// Setup     two processes.
// Timeline  both listen on one port at the same moment; then both stop listening; and again on another.
// Proves    each time one of them has the port, and the other is told that it is in use.
test("of two processes that listen on one port at once one has it, and the other is told", async () => {
  const pair = [await ready(), await ready()];
  for (let round = 0; round < PAIRS; round++) {
    const { port } = await LateAddress.reserve();
    const ask = async (child: ChildProcess, message: object): Promise<string> => {
      const answered = once(child, "message");
      child.send(message);
      return String((await answered)[0]);
    };
    const results = await Promise.all(pair.map((child) => ask(child, { port })));
    expect(results.toSorted()).toEqual(["EADDRINUSE", "listening"]);
    await Promise.all(pair.map((child) => ask(child, { close: true })));
  }
});
