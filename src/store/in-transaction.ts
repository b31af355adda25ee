import type { ClientSession } from "mongodb";
import type { Store } from "./connect.ts";

const TRANSACTION_MS = 10_000;

/** Runs the work in one transaction, again when it conflicts with another; commits all of it or nothing. */
export function inTransaction<T>(store: Store, work: (session: ClientSession) => Promise<T>): Promise<T> {
  return store.client.withSession((session) =>
    session.withTransaction(() => work(session), {
      readConcern: { level: "snapshot" },
      writeConcern: { w: "majority", journal: true },
      timeoutMS: TRANSACTION_MS,
    }),
  );
}
