import { integerOption } from "./commands/command.ts";
import { encode } from "./bson-codec.ts";
import type { Log, Request } from "./request.ts";
import { StoreError, TRANSIENT_TRANSACTION, errorReply } from "./errors.ts";
import { noSuchTransaction } from "./session.ts";
import type { Session } from "./session.ts";

interface Waiting {
  readonly request: Request;
  /** The transaction it would start; null for a plain write. */
  readonly session: Session | null;
  readonly run: () => void;
  readonly timers: readonly NodeJS.Timeout[];
}

/** How long a transaction waits for the writer before its client is told to start over. */
const TRANSACTION_WAIT_MS = 5_000;
/** A plain write that waits this long was most likely meant to be part of the transaction it waits for. */
const WARN_AFTER_MS = 1_000;

/** Writes that wait for the open transaction to end, first come first served. */
export class WaitingLine {
  readonly #log: Log;
  #waiting: Waiting[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  /** A plain write: waits as long as its client allows. */
  add(request: Request, run: () => void): void {
    const { name, body } = request;
    const warn = (): void =>
      this.#log("store.write_waits", { command: name, collection: body[name] as unknown });
    const timers = [setTimeout(warn, WARN_AFTER_MS)];
    const limit = integerOption(body, "maxTimeMS");
    if (limit) {
      const error = new StoreError("MaxTimeMSExpired", "operation exceeded time limit");
      timers.push(setTimeout(() => this.#refuse(request, error), limit));
    }
    this.#waiting.push({ request, session: null, run, timers });
  }

  addTransaction(request: Request, session: Session, run: () => void): void {
    const error = new StoreError("WriteConflict", "another transaction holds the writer", {
      labels: [TRANSIENT_TRANSACTION],
    });
    const timers = [setTimeout(() => this.#refuse(request, error), TRANSACTION_WAIT_MS)];
    this.#waiting.push({ request, session, run, timers });
  }

  /** Runs what waits, in order, for as long as the writer is free. */
  advance(isFree: () => boolean): void {
    while (isFree()) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      stopTimers(next);
      try {
        next.run();
      } catch (error) {
        next.request.respond(encode(errorReply(error)));
      }
    }
  }

  /** Takes back a transaction that has not begun; false if there is none. */
  removeTransaction(session: Session): boolean {
    const waiting = this.#waiting.find((other) => other.session?.key === session.key);
    if (waiting === undefined) return false;
    this.#refuse(waiting.request, noSuchTransaction(session));
    return true;
  }

  removeClient(client: number): void {
    for (const waiting of this.#waiting) if (waiting.request.client === client) stopTimers(waiting);
    this.#waiting = this.#waiting.filter((waiting) => waiting.request.client !== client);
  }

  clear(): void {
    this.#waiting.forEach(stopTimers);
    this.#waiting = [];
  }

  #refuse(request: Request, error: StoreError): void {
    for (const waiting of this.#waiting) if (waiting.request === request) stopTimers(waiting);
    this.#waiting = this.#waiting.filter((waiting) => waiting.request !== request);
    request.respond(encode(errorReply(error)));
  }
}

function stopTimers(waiting: Waiting): void {
  waiting.timers.forEach((timer) => clearTimeout(timer));
}
