import { errorFields, type Log } from "./log.ts";

type Close = () => unknown;

/** Remembers what was opened and closes it in reverse order, each part once, whatever the others do. */
export class Closer {
  readonly #log: Log;
  #parts: { name: string; close: Close }[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  add(name: string, close: Close): void {
    this.#parts.push({ name, close });
  }

  /** Never throws: a part that cannot close is logged, and the rest still closes. */
  async close(): Promise<void> {
    const parts = this.#parts.reverse();
    this.#parts = [];
    for (const { name, close } of parts) {
      try {
        await close();
      } catch (error) {
        this.#log.warn({ part: name, ...errorFields(error) }, "close.failed");
      }
    }
  }
}
