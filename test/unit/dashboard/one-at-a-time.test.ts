import { beforeEach, expect, test } from "vitest";
import { LOST_MS, oneAtATime } from "../../../src/dashboard/parts/one-at-a-time.ts";

interface Asked {
  readonly signal: AbortSignal;
  readonly resolve: (answer: string) => void;
  readonly reject: (error: unknown) => void;
}

let asked: Asked[];
let told: string[];
let nowMs: number;

beforeEach(() => {
  asked = [];
  told = [];
  nowMs = 0;
});

function start() {
  return oneAtATime<string>({
    ask: (signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      asked.push({ signal, resolve, reject });
      return promise;
    },
    answered: (answer, busy) => told.push(`${answer}${busy ? " …" : ""}`),
    failed: ({ message }, busy) => told.push(`failed: ${message}${busy ? " …" : ""}`),
    nowMs: () => nowMs,
  });
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("it asks at once, and again when it has been answered and is wanted once more", async () => {
  const question = start();
  asked[0]?.resolve("one");
  await settled();
  expect(told).toEqual(["one"]);
  question.again();
  asked[1]?.resolve("two");
  await settled();
  expect([told, asked.length]).toEqual([["one", "two"], 2]);
});

test("wished for faster than it is answered, each answer is told and one more question follows", async () => {
  const question = start();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 5; i++) question.again();
    expect(asked).toHaveLength(round + 1);
    expect(asked[round]?.signal.aborted).toBe(false);
    asked[round]?.resolve(`answer ${round}`);
    await settled();
  }
  expect(told).toEqual(["answer 0 …", "answer 1 …", "answer 2 …"]);
  asked[3]?.resolve("last");
  await settled();
  expect([told.at(-1), asked.length]).toEqual(["last", 4]);
});

test("a failure is told, and what was wished for meanwhile is asked all the same", async () => {
  const question = start();
  question.again();
  asked[0]?.reject("no answer");
  await settled();
  expect([told, asked.length]).toEqual([["failed: no answer …"], 2]);
});

test("stopped, it gives up what is under way, tells nothing more and asks nothing more", async () => {
  const question = start();
  question.again();
  question.stop();
  expect(asked[0]?.signal.aborted).toBe(true);
  asked[0]?.resolve("late");
  await settled();
  question.again();
  expect([told, asked.length]).toEqual([[], 1]);
});

test("what goes unanswered for a minute is given up and asked anew", async () => {
  const question = start();
  nowMs = LOST_MS - 1;
  question.again();
  expect(asked).toHaveLength(1);
  nowMs = LOST_MS;
  question.again();
  expect([asked[0]?.signal.aborted, asked.length]).toEqual([true, 2]);
  asked[0]?.resolve("lost");
  asked[1]?.resolve("found");
  await settled();
  expect([told, asked.length]).toEqual([["found"], 2]);
});
