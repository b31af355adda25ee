import type { ClientSession } from "mongodb";
import { withDeadline } from "../lib/deadline.ts";
import type { Store } from "./connect.ts";

/** Longer than a transaction may wait for others; the driver alone would try for two minutes. */
const TRANSACTION_MS = 30_000;

/**
 * Runs the work in one transaction, again when it conflicts with another; commits all of it or nothing. Throws
 * DeadlineError when that takes too long: then no new try begins, but the one in hand may still commit.
 */
export function inTransaction<T>(
  store: Pick<Store, "client">,
  work: (session: ClientSession) => Promise<T>,
  limitMs: number = TRANSACTION_MS,
): Promise<T> {
  const givenUp = new AbortController();
  const tried = store.client.withSession((session) =>
    session.withTransaction(
      () => {
        givenUp.signal.throwIfAborted();
        return work(session);
      },
      { readConcern: { level: "snapshot" }, writeConcern: { w: "majority", journal: true } },
    ),
  );
  return withDeadline(tried, limitMs).finally(() => givenUp.abort());
}
