import type { NewId } from "../lib/ids.ts";
import type { ChatRequest } from "./chat-request.ts";
import type { TokenCounter } from "./tokens/token-counter.ts";
import type { CallUpstream } from "./upstream.ts";
import type { UpstreamTarget } from "./upstream-request.ts";

export interface MockDeps {
  readonly tokens: TokenCounter;
  readonly newId: NewId;
  readonly now: () => Date;
}

/**
 * Answers a deployment's `mock_response` as an OpenAI upstream would, with usage counted from the real
 * texts; streams come word by word.
 */
export function createMockUpstream(deps: MockDeps): CallUpstream {
  return async (target, request) => {
    const whole = target.mockResponse ?? "";
    const answer = request.maxTokens === null ? whole : await deps.tokens.cutText(whole, request.maxTokens);
    const finish = answer.length < whole.length ? "length" : "stop";
    const [promptTokens, completionTokens] = await Promise.all([
      deps.tokens.estimatePrompt(request),
      deps.tokens.estimateText(answer),
    ]);
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
