import { MongoClientBulkWriteError, MongoError } from "mongodb";
import { OLDEST_MONGODB } from "../lib/mongodb-version.ts";
import type { Store } from "./connect.ts";
import { ensureIndexes } from "./indexes.ts";
import { isStoreFull } from "./store-failure.ts";

/** Thrown for a server that lacks a command of ours. */
export class StoreTooOldError extends Error {
  override readonly name = "StoreTooOldError";
}

/** CommandNotFound, CommandNotSupported, NotImplemented. */
const UNKNOWN_COMMAND: ReadonlySet<unknown> = new Set([59, 115, 238]);

/** Makes the store ready for use: checks that it knows our commands, creates what is missing. Safe to run again. */
export async function prepareStore(store: Store): Promise<void> {
  await requireBulkWrite(store);
  await ensureIndexes(store);
}

/** Tried, as the version does not tell: a server that was upgraded may still behave as an older one. */
async function requireBulkWrite({ client, db, collections }: Store): Promise<void> {
  const { namespace } = collections.customers;
  try {
    await client.bulkWrite([{ namespace, name: "deleteOne", filter: { _id: { $in: [] } } }]);
  } catch (error) {
    const cause = error instanceof MongoClientBulkWriteError ? error.cause : error;
    // It knows the command, and has no room to note that it was asked.
    if (isStoreFull(cause)) return;
    if (!(cause instanceof MongoError && UNKNOWN_COMMAND.has(cause.code))) throw error;
    const { version } = (await db.command({ buildInfo: 1 })) as { version: unknown };
    throw new StoreTooOldError(
      `MongoDB ${OLDEST_MONGODB}.0 or newer is needed, with feature compatibility version ${OLDEST_MONGODB}.0 or newer; MONGODB_URL leads to ${String(version)}, which does not know bulkWrite`,
      { cause: error },
    );
  }
}
