import { expect, test } from "vitest";
import { repeat, untilDone } from "../../src/lib/repeat.ts";
import { waitUntil } from "../support/wait-until.ts";

test("work that fails goes on; the log has the first failure of a row of them, and its end", async () => {
  const said: [string, object][] = [];
  const say = (fields: object, message: string): void => void said.push([message, fields]);
  const log = { debug: say, info: say, warn: say, error: say };
  const outcomes = [null, new Error("away"), new Error("still away"), null, null];
  let runs = 0;
  const stop = repeat({ name: "sweep", intervalMs: 0, log }, async () => {
    const outcome = outcomes[runs++] ?? null;
    if (outcome !== null) throw outcome;
  });
  await waitUntil("all runs", () => runs >= outcomes.length);
  await stop();
  expect(said).toEqual([
    ["repeat.failed", { work: "sweep", error: "Error: away" }],
    ["repeat.recovered", { work: "sweep" }],
  ]);
});

test("a stop waits for the run in hand, and no other begins", async () => {
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const { promise, resolve } = Promise.withResolvers<void>();
  let runs = 0;
  const stop = repeat({ name: "sweep", intervalMs: 0, log }, () => {
    runs++;
    return promise;
  });
  await waitUntil("the first run", () => runs === 1);
  const stopped = stop();
  resolve();
  await stopped;
  expect(runs).toBe(1);
});

test("a preparation that fails for another reason says so, once for each", async () => {
  const said: object[] = [];
  const quiet = { debug: () => {}, info: () => {}, error: () => {} };
  const failures = ["away", "away", "too old"];
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const stop = untilDone(
    () => {
      const reason = failures.shift();
      if (reason !== undefined) return Promise.reject(new Error(reason));
      resolve();
      return Promise.resolve();
    },
    { ...quiet, warn: (fields) => void said.push(fields) },
  );
  await done;
  await stop();
  expect(said).toEqual([{ error: "Error: away" }, { error: "Error: too old" }]);
});
