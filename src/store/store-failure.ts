import {
  MongoNetworkError,
  MongoOperationTimeoutError,
  MongoServerError,
  MongoServerSelectionError,
} from "mongodb";

/** True for a failure that says that the store is away or too busy, not that a request was wrong. */
export function isStoreAway(error: unknown): boolean {
  if (
    error instanceof MongoNetworkError ||
    error instanceof MongoServerSelectionError ||
    error instanceof MongoOperationTimeoutError
  ) {
    return true;
  }
  return (
    error instanceof MongoServerError &&
    (error.hasErrorLabel("TransientTransactionError") || error.hasErrorLabel("RetryableWriteError"))
  );
}
