import { isTooOld, OLDEST_MONGODB } from "../lib/mongodb-version.ts";
import type { Store } from "./connect.ts";
import { ensureIndexes } from "./indexes.ts";

/** Thrown for a server that lacks a command of ours; waiting does not help. */
export class StoreTooOldError extends Error {
  override readonly name = "StoreTooOldError";
}

/** Makes the store ready for use: checks its version, creates what is missing. Safe to run again. */
export async function prepareStore(store: Store): Promise<void> {
  const { version } = (await store.db.command({ buildInfo: 1 })) as { version: unknown };
  if (isTooOld(String(version))) {
    throw new StoreTooOldError(
      `MongoDB ${OLDEST_MONGODB}.0 or newer is needed, and MONGODB_URL leads to ${String(version)}`,
    );
  }
  await ensureIndexes(store);
}
