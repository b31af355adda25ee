import {
  MongoNetworkError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
} from "mongodb";
import { DeadlineError } from "../lib/deadline.ts";

/**
 * True for a failure that says that the store cannot be reached, or has given up on its own: not that a request was
 * wrong, and not that somebody has waited for long enough. On this word an operator may have customers served whom
 * nobody knows.
 */
export function isStoreAway(error: unknown): boolean {
  if (error instanceof MongoNetworkError || error instanceof MongoServerSelectionError) return true;
  if (error instanceof MongoTopologyClosedError || isNameUnknown(error)) return true;
  return (
    error instanceof MongoServerError &&
    (error.hasErrorLabel("TransientTransactionError") || error.hasErrorLabel("RetryableWriteError"))
  );
}

/** A mongodb+srv name is looked up before there is anything of the driver's: its failure comes as the system gave it. */
function isNameUnknown(error: unknown): boolean {
  if (!(error instanceof Error) || !("syscall" in error)) return false;
  return error.syscall === "querySrv" || error.syscall === "queryTxt";
}

/** True where trying again later may help: the store is away, or did not answer in time. */
export function isStoreUnavailable(error: unknown): boolean {
  // The driver does not let anybody have the class of its error for a pool that has no connection to spare.
  const isPoolBusy = error instanceof Error && error.name === "MongoWaitQueueTimeoutError";
  return isPoolBusy || error instanceof DeadlineError || isStoreAway(error);
}

/** OutOfDiskSpace; FileStreamFailed: the disk fails otherwise. */
const DISK_FAILURES: ReadonlySet<unknown> = new Set([14_031, 39]);

/** True where the store has said that its disk takes nothing: it may read, and writes nothing. */
export function isStoreFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && DISK_FAILURES.has(error.code);
}
