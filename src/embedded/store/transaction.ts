import type { Session } from "./session.ts";

/** A transaction holds the only writer, so it may not last. */
const LIMIT_MS = 10_000;

/** The transaction that has the writer. */
export class OpenTransaction {
  readonly session: Session;
  readonly #clients = new Set<number>();
  readonly #timer: NodeJS.Timeout;

  constructor(session: Session, expired: () => void) {
    this.session = session;
    this.#timer = setTimeout(expired, LIMIT_MS);
  }

  usedBy(client: number): void {
    this.#clients.add(client);
  }

  /** Notes that a connection is gone; true when it was the last that took part. */
  left(client: number): boolean {
    return this.#clients.delete(client) && this.#clients.size === 0;
  }

  isOlderOf(session: Session): boolean {
    return (
      Buffer.compare(this.session.lsid, session.lsid) === 0 && this.session.txnNumber < session.txnNumber
    );
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
