import { errorFields, type Log } from "./log.ts";

type Close = () => unknown;

interface Part {
  readonly name: string;
  readonly close: Close;
  readonly limitMs: number;
}

/** Longer than closing takes while all services answer; a part that has work to end says how long itself. */
const LIMIT_MS = 2000;

/** Remembers what was opened and closes it in reverse order, each part once, whatever the others do. */
export class Closer {
  readonly #log: Log;
  #parts: Part[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  /** After `limitMs` the part is left behind, as when it waits for a service that does not answer. */
  add(name: string, close: Close, { limitMs = LIMIT_MS }: { limitMs?: number } = {}): void {
    this.#parts.push({ name, close, limitMs });
  }

  /** Never throws: a part that cannot close is logged, and the rest still closes. */
  async close(): Promise<void> {
    const parts = this.#parts.reverse();
    this.#parts = [];
    for (const part of parts) await this.#closeOne(part);
  }

  async #closeOne({ name, close, limitMs }: Part): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.#log.warn({ part: name, limitMs }, "close.timed_out");
      resolve();
    }, limitMs);
    const closed = (async () => close())().catch((error: unknown) => {
      this.#log.warn({ part: name, ...errorFields(error) }, "close.failed");
    });
    await Promise.race([closed, over]);
    clearTimeout(timer);
  }
}
