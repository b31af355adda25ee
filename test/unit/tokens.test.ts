import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { expect, test } from "vitest";
import { parseChatRequest } from "../../src/completions/chat-request.ts";
import { countSteps, cutSteps } from "../../src/completions/tokens/count-steps.ts";
import { gatherPrompt } from "../../src/completions/tokens/prompt-text.ts";
import { MAX_COUNTED_BYTES, sampleText } from "../../src/completions/tokens/sample-texts.ts";
import { createTokenCounter } from "../../src/completions/tokens/token-counter.ts";
import { ThreadError } from "../../src/lib/thread.ts";

const FOLDER = path.join(import.meta.dirname, "..", "fixtures", "texts");
const TEXTS = readdirSync(FOLDER).map(
  (file) => [path.parse(file).name, readFileSync(path.join(FOLDER, file), "utf8")] as const,
);
const vocabulary = (text: string): number => countTokens(text, { disallowedSpecial: new Set() });

function finish<T>(steps: Generator<void, T, void>): { value: T; steps: number } {
  for (let count = 1; ; count++) {
    const step = steps.next();
    if (step.done === true) return { value: step.value, steps: count };
  }
}

function count(text: string): number {
  return finish(countSteps({ text, ends: Uint32Array.of(text.length) }, vocabulary)).value;
}

/** Counts as the thread does. */
const counter = createTokenCounter({
  thread: {
    run: async (job) =>
      finish("ends" in job ? countSteps(job, vocabulary) : cutSteps(job.text, job.maxTokens, vocabulary))
        .value,
  },
  random: Math.random,
});

test("there are texts of ten languages and more, and code", () => {
  expect(TEXTS.filter(([name]) => !name.startsWith("code-")).length).toBeGreaterThanOrEqual(10);
  expect(TEXTS.filter(([name]) => name.startsWith("code-")).length).toBeGreaterThanOrEqual(5);
});

test.each(TEXTS)("%s: the count is the vocabulary's own within a tenth, short and long", (_name, text) => {
  for (const whole of [text, text.repeat(Math.ceil(40_000 / text.length))]) {
    const expected = vocabulary(whole);
    expect(Math.abs(count(whole) - expected)).toBeLessThanOrEqual(expected / 100);
  }
});

test("so is the estimate of a request that is counted by samples only", async () => {
  const all = TEXTS.map(([, text]) => text.repeat(20)).join("");
  const content = all.repeat(Math.ceil((2 * MAX_COUNTED_BYTES) / Buffer.byteLength(all)));
  const request = parseChatRequest(Buffer.from(JSON.stringify({ messages: [{ role: "user", content }] })));
  const expected = vocabulary(all) * (content.length / all.length);
  for (const estimate of [await counter.estimatePrompt(request), await counter.estimateText(content)]) {
    expect(Math.abs(estimate - expected)).toBeLessThanOrEqual(expected / 10);
  }
});

const RUNS = [" ", "a", "A", "\n", "=", "é", "日", "\u0301", "😀", "\ud800", "aA", "a1", "<|endoftext|>"];

test.each(RUNS)("the vocabulary is never shown more than a short run of %j", (unit) => {
  const text = unit.repeat(30_000 / unit.length);
  let longest = 0;
  const shown: string[] = [];
  const watched = (piece: string): number => {
    shown.push(piece);
    for (const [run] of piece.matchAll(/[\p{L}\p{M}]+|[^\s\p{L}\p{N}]+|\s+/gu))
      longest = Math.max(longest, run.length);
    return 1;
  };
  const { steps } = finish(countSteps({ text, ends: Uint32Array.of(text.length) }, watched));
  expect(shown.join("")).toBe(text);
  expect(longest).toBeLessThanOrEqual(128);
  expect(steps).toBeGreaterThanOrEqual(4);
});

test("texts are counted each by itself", () => {
  const texts = ["user", "Hello", "", "there"];
  const text = texts.join("");
  const ends = Uint32Array.from(texts.map((_text, index) => texts.slice(0, index + 1).join("").length));
  expect(finish(countSteps({ text, ends }, vocabulary)).value).toBe(
    texts.reduce((sum, one) => sum + vocabulary(one), 0),
  );
});

test.each(TEXTS)("%s: a text is cut where its tokens end", async (_name, text) => {
  const whole = text.repeat(30);
  const all = count(whole);
  for (const most of [1, 7, 100, all - 1]) {
    const start = await counter.cutText(whole, most);
    expect(whole.startsWith(start)).toBe(true);
    expect(start.isWellFormed()).toBe(true);
    expect(count(start)).toBeLessThanOrEqual(most);
    expect(count(start)).toBeGreaterThanOrEqual(most - 2);
  }
  expect(await counter.cutText(whole, all)).toBe(whole);
});

test("samples lie everywhere, not at the head only", async () => {
  const cheap = " ".repeat(2 * MAX_COUNTED_BYTES);
  const [, dear] = TEXTS.find(([name]) => name === "hindi")!;
  const text = cheap + dear.repeat(Math.ceil((2 * MAX_COUNTED_BYTES) / Buffer.byteLength(dear)));
  const estimate = await counter.estimateText(text);
  const expected = count(text);
  expect(Math.abs(estimate - expected)).toBeLessThanOrEqual(expected / 10);
});

test("messages, names, tools and parts are counted; images have their least", () => {
  const body = {
    messages: [
      { role: "user", content: "One two three", name: "ada" },
      {
        role: "user",
        content: [
          { type: "text", text: "four \u00e9" },
          { type: "image_url", image_url: { url: "https://example.com/a.png" } },
        ],
      },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c", function: { name: "f", arguments: "{}" } }],
      },
    ],
    tools: [{ type: "function", function: { name: "f", description: "caf\u00e9" } }],
    temperature: 0.25,
  };
  for (const indent of [0, 2]) {
    const bytes = Buffer.from(JSON.stringify(body, null, indent).replaceAll("é", "\\u00e9"));
    const { sample, formatTokens, otherBytes } = gatherPrompt(bytes, Math.random);
    const texts = [...sample.ends].map((end, index) => sample.text.slice(sample.ends[index - 1] ?? 0, end));
    expect(texts).toEqual([
      "user",
      "One two three",
      "ada",
      "user",
      "four é",
      "assistant",
      JSON.stringify(body.messages[2]!.tool_calls),
      JSON.stringify(body.tools),
    ]);
    expect([formatTokens, otherBytes]).toEqual([3 + 3 * 3 + 85, 4]);
  }
});

test("where nothing can be counted a bound is by bytes, and an estimate is never nothing", async () => {
  const broken = createTokenCounter({
    thread: { run: () => Promise.reject(new ThreadError("died")) },
    random: Math.random,
  });
  const bytes = Buffer.from(JSON.stringify({ messages: [{ role: "user", content: "x".repeat(3000) }] }));
  const request = parseChatRequest(bytes);
  expect(await broken.boundPrompt(request)).toBe(bytes.length);
  expect(await broken.estimatePrompt(request)).toBeGreaterThan(1000);
  expect(await broken.estimateText("y")).toBe(1);
  expect(await broken.cutText("abc".repeat(9), 2)).toBe("abcabc");
});

test("what was not counted is bounded by its bytes", async () => {
  const schema = { type: "json_schema", json_schema: { name: "s", description: "word ".repeat(2000) } };
  const request = (fields: object) =>
    parseChatRequest(
      Buffer.from(JSON.stringify({ messages: [{ role: "user", content: "hi ".repeat(9000) }], ...fields })),
    );
  const plain = await counter.boundPrompt(request({}));
  expect(plain).toBeLessThan(13_000);
  const withSchema = await counter.boundPrompt(request({ response_format: schema }));
  expect(withSchema - plain).toBeGreaterThanOrEqual(10_000);
  const long = request({ x: 1, messages: [{ content: "word ".repeat(MAX_COUNTED_BYTES / 2) }] });
  expect(await counter.boundPrompt(long)).toBeGreaterThan(MAX_COUNTED_BYTES);
});

test("a short text is taken whole, a long one by as much as is counted", () => {
  expect(sampleText("abc", Math.random)).toMatchObject({ text: "abc", sampledBytes: 3, totalBytes: 3 });
  const long = sampleText("x".repeat(5 * MAX_COUNTED_BYTES), Math.random);
  expect([long.sampledBytes, long.totalBytes]).toEqual([MAX_COUNTED_BYTES, 5 * MAX_COUNTED_BYTES]);
  expect(long.text).toHaveLength(MAX_COUNTED_BYTES);
});
