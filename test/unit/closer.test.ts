import { expect, test } from "vitest";
import { Closer } from "../../src/lib/closer.ts";

test("parts close in reverse order; one that fails and one that hangs hold up no other, and are named", async () => {
  const said: [string, object][] = [];
  const say = (fields: object, message: string): void => void said.push([message, fields]);
  const closer = new Closer({ debug: say, info: say, warn: say, error: say });
  const closed: string[] = [];
  const part = (name: string) => (): void => void closed.push(name);
  closer.add("store", part("store"));
  closer.add("redis", () => new Promise(() => {}), { limitMs: 5 });
  closer.add("queue", () => {
    throw new Error("stuck");
  });
  closer.add("server", part("server"));
  await closer.close();
  await closer.close();
  expect(closed).toEqual(["server", "store"]);
  expect(said).toEqual([
    ["close.failed", { part: "queue", error: "Error: stuck" }],
    ["close.timed_out", { part: "redis", limitMs: 5 }],
  ]);
});
