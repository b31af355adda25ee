import {
  type AnyClientBulkWriteModel,
  type ClientSession,
  type Collection,
  type Document,
  type Filter,
  MongoClientBulkWriteError,
  MongoError,
  MongoInvalidArgumentError,
  type UpdateFilter,
  type WithId,
} from "mongodb";
import type { Store } from "./connect.ts";

/** One write to whichever collection. */
export type Write = AnyClientBulkWriteModel<Document>;

/** Thrown when the store refused a write for what it is. `code` is MongoDB's number for it. */
export class WriteRefusedError extends Error {
  override readonly name = "WriteRefusedError";
  readonly code: number;

  constructor(message: string, code: number, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const INVALID_BSON = 22;
const OBJECT_TOO_LARGE = 10_334;
/** The driver has no class of its own for it. */
const TOO_LARGE = /exceeds the max bson object size/;

export function insertsInto<T extends Document>(
  { namespace }: Collection<T>,
  documents: readonly WithId<T>[],
): Write[] {
  return documents.map((document) => ({ namespace, name: "insertOne", document }));
}

export interface UpdateOne<T> {
  readonly filter: Filter<T>;
  readonly update: UpdateFilter<T>;
  readonly upsert: boolean;
}

export function updatesOf<T extends Document>(
  { namespace }: Collection<T>,
  updates: readonly UpdateOne<T>[],
): Write[] {
  return updates.map(({ filter, update, upsert }) => ({
    namespace,
    name: "updateOne",
    filter: filter as Filter<Document>,
    update: update as UpdateFilter<Document>,
    upsert,
  }));
}

/**
 * Sends writes to several collections as one command of a transaction: one round trip instead of one for each
 * collection, while others wait for what the transaction has locked. Ends at the first write that is refused, with
 * WriteRefusedError; throws the driver's own error when the command failed as a whole. Fields that are undefined
 * are left out.
 */
export async function writeTogether(
  { client }: Store,
  writes: readonly Write[],
  session: ClientSession,
): Promise<void> {
  if (writes.length === 0) return;
  try {
    await client.bulkWrite(writes, { session, ordered: true });
  } catch (error) {
    throw reasonOf(error);
  }
}

/** What the driver has wrapped: the server's answer, or why it could not send a write. */
export function reasonOf(error: unknown): unknown {
  if (error instanceof MongoClientBulkWriteError) {
    const [refused] = error.writeErrors.values();
    if (refused !== undefined) return new WriteRefusedError(refused.message, refused.code, { cause: error });
    return error.cause instanceof MongoError ? error.cause : error;
  }
  if (!(error instanceof MongoInvalidArgumentError)) return error;
  if (error.cause !== undefined) return new WriteRefusedError(error.message, INVALID_BSON, { cause: error });
  if (!TOO_LARGE.test(error.message)) return error;
  return new WriteRefusedError(error.message, OBJECT_TOO_LARGE, { cause: error });
}
