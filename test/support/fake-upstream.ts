import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What each deployment of the fake costs, as config.yaml writes it; `costNano` is the same by other means. */
export const FAKE_PRICES = { input_cost_per_token: "0.0000000125", output_cost_per_token: 0.0000001375 };
export const UPSTREAM_KEY = "sk-upstream-91d2c7ab";

export interface Tokens {
  readonly prompt: number;
  readonly completion: number;
}

/** 12.5 and 137.5 nano-USD a token, rounded half up. */
export function costNano({ prompt, completion }: Tokens): bigint {
  return (BigInt(prompt) * 125n + BigInt(completion) * 1375n + 5n) / 10n;
}

/** One request as the upstream saw it, and the means to answer it. */
export interface Exchange {
  /** 1 for the first request, and so on: also the prompt tokens of the usual answer. */
  readonly number: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: Record<string, unknown> & { model: string; user?: string; stream?: boolean };
  readonly response: ServerResponse;
  /** Resolves when the connection closed before the answer was complete. */
  readonly aborted: Promise<void>;
}

export type Script = (exchange: Exchange) => Promise<void>;

interface Bill {
  calls: number;
  nano: bigint;
}

/**
 * An OpenAI-compatible upstream that does what it is told, by model name, and keeps its own bill: what it
 * has reported for each answer that it completed, by `user`.
 */
export class FakeUpstream {
  readonly seen: Exchange[] = [];
  readonly bill = new Map<string, Bill>();
  readonly #scripts = new Map<string, Script>();
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const aborted = new Promise<void>((resolve) => {
        response.once("close", () => {
          if (!response.writableFinished) resolve();
        });
      });
      const body = JSON.parse(text) as Exchange["body"];
      const number = this.seen.length + 1;
      const exchange = { number, headers: request.headers, text, body, response, aborted };
      this.seen.push(exchange);
      const script = this.#scripts.get(body.model) ?? this.usual;
      // A script that fails leaves its client without an answer, which the test then sees.
      script(exchange).catch(() => response.destroy());
    });
  });

  static async start(): Promise<FakeUpstream> {
    const upstream = new FakeUpstream();
    upstream.#server.keepAliveTimeout = 60_000;
    upstream.#server.listen({ port: 0, host: "127.0.0.1", backlog: 2048 });
    await once(upstream.#server, "listening");
    return upstream;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  /** A deployment of this upstream for `model_list`. */
  deployment(model: string, params: object = {}): object {
    return {
      model_name: model,
      litellm_params: {
        model: `openai/${model}`,
        api_base: this.url,
        api_key: UPSTREAM_KEY,
        ...FAKE_PRICES,
        ...params,
      },
    };
  }

  /** Answers a model's requests by this script from now on. */
  on(model: string, script: Script): void {
    this.#scripts.set(model, script);
  }

  /** The last request for a model. */
  last(model: string): Exchange {
    const found = this.seen.findLast((exchange) => exchange.body.model === model);
    if (found === undefined) throw new Error(`No request for ${model} came`);
    return found;
  }

  /** Adds one completed answer to the bill. */
  charge({ body }: Exchange, tokens: Tokens): void {
    if (typeof body.user !== "string") return;
    const bill = this.bill.get(body.user) ?? { calls: 0, nano: 0n };
    this.bill.set(body.user, { calls: bill.calls + 1, nano: bill.nano + costNano(tokens) });
  }

  /** How it answers unless told otherwise: the request's number is the prompt tokens, so that a ledger row names the request it is for. */
  readonly usual: Script = async (exchange) => {
    const tokens = { prompt: exchange.number, completion: 1 + (exchange.number % 97) };
    await (exchange.body.stream === true ? this.stream(exchange, tokens) : this.whole(exchange, tokens));
  };

  // oxlint-disable-next-line typescript/require-await -- a script like the others
  async whole(exchange: Exchange, tokens: Tokens, content = "All is well."): Promise<void> {
    const { response, number, body } = exchange;
    const message = { role: "assistant", content };
    this.charge(exchange, tokens);
    response.writeHead(200, { "content-type": "application/json" }).end(
      JSON.stringify({
        id: `chatcmpl-${number}`,
        object: "chat.completion",
        created: 1_700_000_000,
        model: body.model,
        choices: [{ index: 0, message, finish_reason: "stop" }],
        usage: wireUsage(tokens),
      }),
    );
  }

  async stream(exchange: Exchange, tokens: Tokens, words = ["All ", "is ", "well."]): Promise<void> {
    openStream(exchange);
    for (const word of words) await sendDelta(exchange, { content: word });
    sendChunk(exchange, { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    sendChunk(exchange, { choices: [], usage: wireUsage(tokens) });
    this.charge(exchange, tokens);
    exchange.response.end("data: [DONE]\n\n");
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

export function wireUsage({ prompt, completion }: Tokens): object {
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

export function openStream({ response }: Exchange): void {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  response.flushHeaders();
}

export function sendChunk({ response, number, body }: Exchange, fields: object): void {
  const chunk = { id: `chatcmpl-${number}`, object: "chat.completion.chunk", created: 1_700_000_000 };
  response.write(`data: ${JSON.stringify({ ...chunk, model: body.model, ...fields })}\n\n`);
}

/** One piece of the answer, in a packet of its own. */
export async function sendDelta(exchange: Exchange, delta: object): Promise<void> {
  sendChunk(exchange, { choices: [{ index: 0, delta, finish_reason: null }] });
  await new Promise((resolve) => setImmediate(resolve));
}

/** Nano-USD as plain decimal text, by other means than the code under test. */
export function usdText(nano: bigint): string {
  const digits = nano.toString().padStart(10, "0");
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`.replace(/\.?0+$/, "");
}
