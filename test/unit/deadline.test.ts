import { describe, expect, test } from "vitest";
import { DeadlineError, withDeadline } from "../../src/lib/deadline.ts";

const never = (): Promise<never> => new Promise(() => {});

describe("withDeadline", () => {
  test("gives the work's own result or failure", async () => {
    await expect(withDeadline(Promise.resolve(7), 60_000)).resolves.toBe(7);
    await expect(withDeadline(Promise.reject(new Error("refused")), 60_000)).rejects.toThrow("refused");
  });

  test("gives up on what never ends", async () => {
    await expect(withDeadline(never(), 20)).rejects.toThrow(DeadlineError);
  });
});
