import { MongoNetworkError, MongoServerError, MongoServerSelectionError } from "mongodb";
import { DeadlineError } from "../lib/deadline.ts";

/** True for a failure that says that the store is away or too busy, not that a request was wrong. */
export function isStoreAway(error: unknown): boolean {
  if (
    error instanceof MongoNetworkError ||
    error instanceof MongoServerSelectionError ||
    // The driver does not let anybody have its class.
    (error instanceof Error && error.name === "MongoWaitQueueTimeoutError") ||
    error instanceof DeadlineError
  ) {
    return true;
  }
  return (
    error instanceof MongoServerError &&
    (error.hasErrorLabel("TransientTransactionError") || error.hasErrorLabel("RetryableWriteError"))
  );
}
