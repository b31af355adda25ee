import { setTimeout as delay } from "node:timers/promises";
import { costNano } from "./fake-upstream.ts";
import type { Stack } from "./stack.ts";

/** A call whose answer the client received to its last byte: what it must cost, and where to find it. */
export interface Paid {
  readonly requestId: string;
  readonly customerId: string;
  readonly nano: bigint;
}

interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
}

/** One call; rejects unless the whole answer came: all of its body, or its stream up to `[DONE]`. */
export async function payingCall(
  stack: Stack,
  call: { model: string; customerId: string; stream: boolean; baseUrl?: string },
): Promise<Paid> {
  const body = {
    model: call.model,
    user: call.customerId,
    messages: [{ role: "user", content: "How is it?" }],
    ...(call.stream && { stream: true, stream_options: { include_usage: true } }),
  };
  const answer = await stack.chat(body, {}, call.baseUrl);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`The call was answered ${answer.status}: ${text}`);
  const usage = call.stream ? streamUsage(text) : (JSON.parse(text) as { usage: Usage }).usage;
  return {
    requestId: answer.headers.get("x-request-id") ?? "",
    customerId: call.customerId,
    nano: costNano({ prompt: usage.prompt_tokens, completion: usage.completion_tokens }),
  };
}

function streamUsage(text: string): Usage {
  const events = text.split("\n\n").filter((event) => event.startsWith("data: "));
  if (events.at(-1) !== "data: [DONE]") throw new Error("The stream ended without [DONE]");
  const chunks = events.slice(0, -1).map((event) => JSON.parse(event.slice(6)) as { usage?: Usage });
  const usage = chunks.findLast((chunk) => chunk.usage)?.usage;
  if (usage === undefined) throw new Error("The stream carried no usage");
  return usage;
}

/** Some two hundred calls a second in all: with more, the machine has no time for what is started anew meanwhile. */
const PAUSE_MS = 50;
const PAUSE_AFTER_FAILURE_MS = 100;

interface Shape {
  readonly model: string;
  readonly clients: number;
  readonly customers: readonly string[];
  /** Of each client, between its calls. */
  readonly pauseMs?: number;
}

/** Clients that call again and again, each its own customer by turns, and keep their receipts. */
export class Load {
  /** Every call that was answered in full, over all starts. */
  readonly paid: Paid[] = [];
  readonly failures: string[] = [];
  readonly #stack: Stack;
  readonly #shape: Shape;
  readonly #baseUrl: string | undefined;
  #running = false;
  #clients: Promise<void>[] = [];
  #calls = 0;

  /** At the stack's own proxy, unless the URL of another way to it is given. */
  constructor(stack: Stack, shape: Shape, baseUrl?: string) {
    this.#stack = stack;
    this.#shape = shape;
    this.#baseUrl = baseUrl;
  }

  start(): void {
    this.#running = true;
    this.#clients = Array.from({ length: this.#shape.clients }, () => this.#client());
  }

  /** No new calls; resolves when those in flight have ended, well or not. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#clients);
  }

  async #client(): Promise<void> {
    const { model, customers, pauseMs = PAUSE_MS } = this.#shape;
    while (this.#running) {
      const turn = this.#calls++;
      const customerId = customers[turn % customers.length] ?? "";
      try {
        const call = { model, customerId, stream: turn % 3 === 0 };
        const way = this.#baseUrl === undefined ? {} : { baseUrl: this.#baseUrl };
        this.paid.push(await payingCall(this.#stack, { ...call, ...way }));
        await delay(pauseMs);
      } catch (error) {
        this.failures.push(String(error));
        // While the service is away, trying faster only takes time from its restart.
        await delay(PAUSE_AFTER_FAILURE_MS);
      }
    }
  }
}
