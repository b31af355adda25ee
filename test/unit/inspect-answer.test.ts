import { expect, test } from "vitest";
import { createAnswerReader } from "../../src/completions/answer-reader.ts";
import { generatedText } from "../../src/completions/generated-text.ts";
import { inspectAnswer } from "../../src/completions/inspect-answer.ts";
import { MAX_COUNTED_BYTES } from "../../src/completions/tokens/sample-texts.ts";
import { ThreadError } from "../../src/lib/thread.ts";

const read = (body: unknown) =>
  inspectAnswer(Buffer.from(typeof body === "string" ? body : JSON.stringify(body)), Math.random);

const CHOICES = [
  {
    index: 0,
    message: { role: "assistant", content: 'caf\u00e9 "x"', reasoning_content: "why", refusal: null },
  },
  {
    index: 1,
    message: {
      content: null,
      tool_calls: [{ id: "c", function: { name: "weather", arguments: '{"city":"Oslo"}' } }, 7],
    },
    logprobs: { content: [{ token: "x" }] },
  },
  null,
];

test("an answer's usage is read, and then nothing needs counting", () => {
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
  expect(read({ usage, choices: CHOICES })).toMatchObject({ usage: { promptTokens: 3 }, generated: null });
});

test.each([{ usage: null }, { usage: { prompt_tokens: -1, completion_tokens: "x" } }, {}])(
  "without usage (%j) what the model generated is gathered",
  (usage) => {
    const facts = read({ choices: CHOICES, ...usage });
    expect(facts?.usage).toBeNull();
    expect(facts?.generated?.text).toBe(generatedText({ choices: CHOICES }));
    expect(facts?.generated?.ends).toHaveLength(4);
  },
);

test.each(["", "?", "{", '"text"', "1", "null", '{"choices":[}'])("%j is no answer", (body) => {
  expect(read(body)).toBeNull();
});

test("what has an odd shape generated nothing", () => {
  for (const body of ["[]", "{}", '{"choices":{}}', '{"choices":[1,[],{"message":[]}]}']) {
    expect(read(body)?.generated?.text).toBe("");
  }
});

test("of a very long answer only samples are counted", () => {
  const facts = read({ choices: [{ message: { content: "word ".repeat(MAX_COUNTED_BYTES) } }] });
  expect(facts?.generated?.sampledBytes).toBe(MAX_COUNTED_BYTES);
});

test("an answer is read also when the thread is not there", async () => {
  const readAnswer = createAnswerReader({ run: () => Promise.reject(new ThreadError("died")) });
  const body = Buffer.from(JSON.stringify({ choices: [{ message: { content: "z".repeat(300_000) } }] }));
  expect((await readAnswer(body))?.generated?.text).toHaveLength(300_000);
  expect(body.length).toBeGreaterThan(300_000);
});
