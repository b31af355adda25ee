import { MongoServerError } from "mongodb";
import { AppError } from "../errors.ts";

/** To be given to every query that may walk a whole collection for a person who waits. */
export interface ReadLimit {
  readonly maxTimeMS: number;
}

const READ_LIMIT: ReadLimit = { maxTimeMS: 5000 };
const OUT_OF_TIME = 50;

/** True for the store's own word that a query has passed its `maxTimeMS`. */
export function isOutOfTime(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === OUT_OF_TIME;
}

/**
 * Reads what a person asked for, and gives up where that takes longer than anybody waits. Each query of the
 * read gets the limit by itself. Throws query_timeout.
 */
export async function readInTime<T>(read: (limit: ReadLimit) => Promise<T>): Promise<T> {
  try {
    return await read(READ_LIMIT);
  } catch (error) {
    if (!isOutOfTime(error)) throw error;
    const message =
      "It takes too long to find this among all there is; narrow the filter, or ask for fewer days";
    throw new AppError("query_timeout", message, { cause: error });
  }
}
