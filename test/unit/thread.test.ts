import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { Thread, type ThreadOptions } from "../../src/lib/thread.ts";
import type { OddJob } from "../support/threads/odd-jobs.ts";
import { waitUntil } from "../support/wait-until.ts";

const MODULE = new URL("../support/threads/odd-jobs.ts", import.meta.url);
const options = { size: 1, timeoutMs: 120_000 };

function start(more: Partial<ThreadOptions> = {}) {
  const deaths: unknown[] = [];
  const thread = new Thread<OddJob, number | Uint8Array>({
    module: MODULE,
    maxPending: 100,
    resourceLimits: {},
    idleMs: 120_000,
    hangMs: 120_000,
    died: (error) => deaths.push(error),
    ...more,
  });
  onTestFinished(() => thread.close());
  return { thread, deaths };
}

test("a short job does not wait for the end of a long one", async () => {
  const { thread } = start();
  const ended: string[] = [];
  await Promise.all([
    thread.run({ steps: 20_000 }, options).then(() => ended.push("long")),
    thread.run({ steps: 2 }, options).then(() => ended.push("short")),
  ]);
  expect(ended).toEqual(["short", "long"]);
});

test("what waits is bounded; one job alone may be of any size", async () => {
  const { thread } = start({ maxPending: 10 });
  const big = thread.run({ steps: 1 }, { ...options, size: 50 });
  await expect(thread.run({ steps: 1 }, options)).rejects.toMatchObject({ fault: "full" });
  await big;
  await expect(thread.run({ steps: 1 }, options)).resolves.toBe(2);
});

test.each(["throw", "exit"] as const)(
  "a thread that ends by '%s' is replaced, and its jobs know",
  async (how) => {
    const { thread, deaths } = start();
    const lost = [thread.run({ steps: 1_000_000_000 }, options), thread.run(how, options)];
    for (const one of await Promise.allSettled(lost)) {
      expect(one).toMatchObject({ status: "rejected", reason: { fault: "died" } });
    }
    expect(deaths).toHaveLength(1);
    await expect(thread.run({ steps: 3 }, options)).resolves.toBe(3);
  },
);

test("a thread that hangs is replaced when its first job's time is over", async () => {
  const { thread, deaths } = start({ hangMs: 40 });
  await thread.run({ steps: 1 }, options);
  const hanging = thread.run("hang", { ...options, timeoutMs: 50 });
  const behind = thread.run({ steps: 1 }, options);
  await expect(hanging).rejects.toMatchObject({ fault: "timed_out" });
  await expect(behind).rejects.toMatchObject({ fault: "died" });
  expect(deaths).toHaveLength(1);
  await expect(thread.run({ steps: 3 }, options)).resolves.toBe(3);
});

test("a job that takes too long is given up, and the others go on in the same thread", async () => {
  const { thread, deaths } = start();
  await thread.run({ steps: 1 }, options);
  const slow = thread.run({ steps: 1_000_000_000 }, { ...options, timeoutMs: 3000 });
  const over = slow.then(
    () => "done",
    (error: unknown) => error,
  );
  // The thread is alive all the while.
  const busy = async (): Promise<unknown> => {
    const first = await Promise.race([over, thread.run({ steps: 1 }, options)]);
    return typeof first === "number" ? busy() : first;
  };
  await busy();
  expect(await over).toMatchObject({ fault: "timed_out" });
  expect(deaths).toEqual([]);
  await expect(thread.run({ steps: 1 }, options)).resolves.toBeGreaterThan(3);
});

test("without a job it ends, and starts again with the next one", async () => {
  const { thread, deaths } = start({ idleMs: 10 });
  expect(await thread.run({ steps: 5 }, options)).toBe(5);
  // A new thread has done none of these steps.
  await waitUntil("another thread", async () => (await thread.run({ steps: 1 }, options)) === 1);
  expect(deaths).toEqual([]);
});

test("bytes are moved there and back", async () => {
  const { thread } = start();
  const bytes = Uint8Array.of(1, 2, 3);
  const back = await thread.run(bytes, { ...options, transfer: [bytes.buffer] });
  expect([bytes.length, back]).toEqual([0, Uint8Array.of(1, 2, 3)]);
});

test("after its end it takes no job, and what it had is rejected", async () => {
  const { thread, deaths } = start();
  const lost = expect(thread.run({ steps: 1_000_000_000 }, options)).rejects.toMatchObject({
    fault: "closed",
  });
  await thread.close();
  await lost;
  await expect(thread.run({ steps: 1 }, options)).rejects.toMatchObject({ fault: "closed" });
  expect(deaths).toEqual([]);
});

test("it keeps no process alive, whatever it does", async () => {
  const code = `
    const { Thread } = await import(${JSON.stringify(new URL("../../src/lib/thread.ts", import.meta.url).href)});
    const module = new URL(${JSON.stringify(MODULE.href)});
    const thread = new Thread({ module, maxPending: 9, resourceLimits: {}, idleMs: 3_600_000, hangMs: 3_600_000 });
    const alive = setTimeout(() => {}, 120_000);
    await thread.run({ steps: 1 }, { size: 1, timeoutMs: 120_000 });
    clearTimeout(alive);
    thread.run("hang", { size: 1, timeoutMs: 3_600_000 });
    process.exitCode = 7;`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], { stdio: "inherit" });
  const [exitCode] = await once(child, "exit");
  expect(exitCode).toBe(7);
});
