import { setTimeout as delay } from "node:timers/promises";
import {
  costNano,
  type Exchange,
  FakeUpstream,
  openStream,
  sendChunk,
  sendDelta,
  type Tokens,
  wireUsage,
} from "../support/fake-upstream.ts";

export const USD = 1_000_000_000n;
/** A token of an answer of "paid"; its prompts cost nothing, so that an answer is never dearer than its hold. */
export const PAID_NANO = 100_000n;
export const PAID_PRICES = { input_cost_per_token: 0, output_cost_per_token: "0.0001" };
/** The longest answer, in tokens. */
export const LONGEST_ANSWER = 500;
/** No stream has more words than this, each of one token. */
export const MOST_WORDS = 10;

/** What it says while it fails, with 500; that is passed on as it is. */
export const UPSTREAM_FAILURE = "The engine is overloaded";

const WORD_MS = 5;
const FORGOTTEN = {} as Exchange;

export type Mood = "well" | "failing" | "stalling" | "cutting";

/** What an answer that was told to its end must cost. */
export interface Billed {
  readonly customerId: string;
  readonly nano: bigint;
}

/** The upstream that keeps the true bill, and behaves badly when it is told to. */
export class BillingUpstream {
  readonly fake: FakeUpstream;
  /** By the number of the request, which is also the prompt tokens that it reports. */
  readonly billed = new Map<number, Billed>();
  /** Requests that came, by customer. */
  readonly served = new Map<string, number>();
  /** Most requests of a customer at once, since the last time that was asked. */
  readonly #peaks = new Map<string, number>();
  readonly #open = new Map<string, number>();
  #mood: Mood = "well";
  #lifted = Promise.withResolvers<void>();

  private constructor(fake: FakeUpstream) {
    this.fake = fake;
    for (const model of ["steady", "paid"] as const) {
      fake.on(model, (exchange) => this.#answer(exchange, model));
    }
  }

  static async start(): Promise<BillingUpstream> {
    return new BillingUpstream(await FakeUpstream.start());
  }

  /** Entries of `model_list`. */
  deployments(): object[] {
    return [this.fake.deployment("steady"), this.fake.deployment("paid", PAID_PRICES)];
  }

  set mood(mood: Mood) {
    this.#mood = mood;
    this.#lifted.resolve();
    this.#lifted = Promise.withResolvers();
  }

  /** The most requests of a customer at once since the last call of this. */
  takePeak(customerId: string): number {
    const peak = this.#peaks.get(customerId) ?? 0;
    this.#peaks.set(customerId, this.#open.get(customerId) ?? 0);
    return peak;
  }

  async #answer(exchange: Exchange, model: "steady" | "paid"): Promise<void> {
    const customerId = exchange.body.user ?? "";
    // A long run must not keep every prompt and connection; their number stays.
    this.fake.seen[exchange.number - 1] = FORGOTTEN;
    this.served.set(customerId, (this.served.get(customerId) ?? 0) + 1);
    const open = (this.#open.get(customerId) ?? 0) + 1;
    this.#open.set(customerId, open);
    this.#peaks.set(customerId, Math.max(open, this.#peaks.get(customerId) ?? 0));
    exchange.response.once("close", () => {
      this.#open.set(customerId, (this.#open.get(customerId) ?? 1) - 1);
    });
    if (this.#mood === "stalling" && exchange.number % 3 === 0) {
      await Promise.race([this.#lifted.promise, exchange.aborted]);
    }
    if (this.#mood === "failing" && exchange.number % 2 === 0) {
      exchange.response.writeHead(500, { "content-type": "application/json" });
      exchange.response.end(JSON.stringify({ error: { message: UPSTREAM_FAILURE, type: "server_error" } }));
      return;
    }
    await this.#generate(exchange, model, customerId);
  }

  async #generate(exchange: Exchange, model: "steady" | "paid", customerId: string): Promise<void> {
    const { body, number, response } = exchange;
    const limit = Number(body["max_completion_tokens"] ?? body["max_tokens"] ?? Infinity);
    const completion = Math.min(limit, 100 + ((number * 7919) % (LONGEST_ANSWER - 100)));
    const tokens: Tokens = { prompt: number, completion };
    const nano = model === "steady" ? costNano(tokens) : BigInt(completion) * PAID_NANO;
    if (body.stream !== true) {
      await delay(WORD_MS);
      if (this.#mood === "cutting" && number % 2 === 0) {
        response.destroy();
        return;
      }
      this.billed.set(number, { customerId, nano });
      await this.fake.whole(exchange, tokens);
      return;
    }
    openStream(exchange);
    for (let word = 0; word < Math.min(MOST_WORDS, completion); word++) {
      await sendDelta(exchange, { content: "word " });
      await delay(WORD_MS);
      if (this.#mood === "cutting" && number % 2 === 0) {
        response.destroy();
        return;
      }
    }
    sendChunk(exchange, { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    this.billed.set(number, { customerId, nano });
    sendChunk(exchange, { choices: [], usage: wireUsage(tokens) });
    response.end("data: [DONE]\n\n");
  }

  close(): Promise<void> {
    this.mood = "well";
    return this.fake.close();
  }
}
