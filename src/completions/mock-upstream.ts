import type { NewId } from "../lib/ids.ts";
import type { ChatRequest } from "./chat-request.ts";
import { type CountTokens, countPromptTokens } from "./count-tokens.ts";
import type { CallUpstream } from "./upstream.ts";
import type { UpstreamTarget } from "./upstream-request.ts";

export interface MockDeps {
  readonly loadTokenizer: () => Promise<CountTokens>;
  readonly newId: NewId;
  readonly now: () => Date;
}

/**
 * Answers a deployment's `mock_response` as an OpenAI upstream would, with usage counted from the real
 * texts; streams come word by word.
 */
export function createMockUpstream(deps: MockDeps): CallUpstream {
  return async (target, request) => {
    const countTokens = await deps.loadTokenizer();
    const whole = target.mockResponse ?? "";
    const answer = cutTo(whole, request.maxTokens, countTokens);
    const finish = answer.length < whole.length ? "length" : "stop";
    const promptTokens = countPromptTokens(request, countTokens);
    const completionTokens = countTokens(answer);
    const common = {
      id: deps.newId("chatcmpl"),
      created: Math.floor(deps.now().getTime() / 1000),
      model: target.upstreamModel,
    };
    const usage = {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
    };
    return {
      status: 200,
      headers: { "content-type": request.stream ? "text/event-stream; charset=utf-8" : "application/json" },
      body: request.stream
        ? streamAnswer({ answer, finish }, common, usage)
        : wholeAnswer(JSON.stringify({ ...common, ...completion(answer, finish), usage })),
    };
  };
}

/** Sends mocked deployments to the mock and all others upstream. */
export function withMocks(real: CallUpstream, mock: CallUpstream): CallUpstream {
  return (target: UpstreamTarget, request: ChatRequest, signal: AbortSignal | null) =>
    (target.mockResponse === null ? real : mock)(target, request, signal);
}

/** The longest start of the text that has no more tokens than that. */
function cutTo(text: string, maxTokens: number | null, countTokens: CountTokens): string {
  if (maxTokens === null || countTokens(text) <= maxTokens) return text;
  let [fits, tooLong] = [0, text.length];
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2);
    if (countTokens(text.slice(0, middle)) <= maxTokens) fits = middle;
    else tooLong = middle;
  }
  return text.slice(0, fits);
}

function completion(answer: string, finish: string): object {
  const message = { role: "assistant", content: answer };
  return { object: "chat.completion", choices: [{ index: 0, message, finish_reason: finish }] };
}

// oxlint-disable-next-line typescript/require-await -- an async iterable is what an upstream body is
async function* wholeAnswer(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

// oxlint-disable-next-line typescript/require-await -- an async iterable is what an upstream body is
async function* streamAnswer(
  { answer, finish }: { answer: string; finish: string },
  common: object,
  usage: object,
): AsyncGenerator<Uint8Array> {
  const chunk = (fields: object): Buffer =>
    Buffer.from(`data: ${JSON.stringify({ ...common, object: "chat.completion.chunk", ...fields })}\n\n`);
  const delta = (content: object, finish: string | null): object => ({
    choices: [{ index: 0, delta: content, finish_reason: finish }],
  });
  yield chunk(delta({ role: "assistant", content: "" }, null));
  for (const word of answer.match(/\S+\s*/g) ?? []) yield chunk(delta({ content: word }, null));
  yield chunk(delta({}, finish));
  yield chunk({ choices: [], usage });
  yield Buffer.from("data: [DONE]\n\n");
}
