import { expect, test } from "vitest";
import { DeadlineError, withDeadline } from "../../src/lib/deadline.ts";

test("work that ends in time gives its own result or failure", async () => {
  await expect(withDeadline(Promise.resolve(7), 60_000)).resolves.toBe(7);
  await expect(withDeadline(Promise.reject(new Error("refused")), 60_000)).rejects.toThrow("refused");
});

test("a deadline passes only after the process has had turns to see the answer", async () => {
  const work = new Promise<string>((resolve) => setImmediate(() => resolve("here")));
  const outcome = withDeadline(work, 8);
  // Busy for longer than the deadline: the answer is there before it could be looked at.
  const until = performance.now() + 30;
  while (performance.now() < until);
  expect(await outcome).toBe("here");
  await expect(withDeadline(new Promise(() => {}), 8)).rejects.toBeInstanceOf(DeadlineError);
});
