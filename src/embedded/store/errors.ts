import type { Document } from "bson";

const CODES = {
  InternalError: 1,
  BadValue: 2,
  FailedToParse: 9,
  Unauthorized: 13,
  TypeMismatch: 14,
  InvalidLength: 16,
  NamespaceNotFound: 26,
  IndexNotFound: 27,
  PathNotViable: 28,
  ConflictingUpdateOperators: 40,
  CursorNotFound: 43,
  NamespaceExists: 48,
  MaxTimeMSExpired: 50,
  DollarPrefixedFieldName: 52,
  InvalidIdField: 53,
  ImmutableField: 66,
  InvalidOptions: 72,
  InvalidNamespace: 73,
  FileStreamFailed: 39,
  IndexOptionsConflict: 85,
  IndexKeySpecsConflict: 86,
  UnsatisfiableWriteConcern: 100,
  WriteConflict: 112,
  CannotIndexParallelArrays: 171,
  TransactionTooOld: 225,
  NotImplemented: 238,
  NoSuchTransaction: 251,
  TransactionCommitted: 256,
  OperationNotSupportedInTransaction: 263,
  QueryExceededMemoryLimit: 292,
  BSONObjectTooLarge: 10_334,
  OutOfDiskSpace: 14_031,
  DuplicateKey: 11_000,
} as const;

type CodeName = keyof typeof CODES;

/** The label that makes a driver run a whole transaction again. */
export const TRANSIENT_TRANSACTION = "TransientTransactionError";
/** The label that makes a driver send one write again, once. */
export const RETRYABLE_WRITE = "RetryableWriteError";

/** An answer with `ok: 0`, or one entry of `writeErrors`. */
export class StoreError extends Error {
  readonly code: number;
  readonly codeName: CodeName;
  readonly labels: readonly string[];
  readonly details: Document;

  constructor(
    codeName: CodeName,
    message: string,
    extra: { labels?: readonly string[]; details?: Document } = {},
  ) {
    super(message);
    this.name = "StoreError";
    this.code = CODES[codeName];
    this.codeName = codeName;
    this.labels = extra.labels ?? [];
    this.details = extra.details ?? {};
  }
}

/** Whatever this server does not do is refused by name, never ignored. */
export function notImplemented(what: string): StoreError {
  return new StoreError("NotImplemented", `${what} is not supported by the embedded store`);
}

/** SQLite's names of what a disk does to it: full; read-only, failed reads and writes, files that cannot be opened. */
const SQLITE_FULL = 13;
const SQLITE_DISK_FAILURES: ReadonlySet<number> = new Set([8, 10, 14]);

/**
 * The error for a write that the disk did not take, without a label: sending it again at once is no help. Null for
 * another failure. Nothing of the write is stored.
 */
export function diskFailure(error: unknown): StoreError | null {
  const number = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : null;
  if (number === SQLITE_FULL) return new StoreError("OutOfDiskSpace", "the disk of the store is full");
  if (number === null || !SQLITE_DISK_FAILURES.has(number)) return null;
  return new StoreError("FileStreamFailed", `the disk of the store fails: ${String(error)}`);
}

/** The reply to a command that failed as a whole. */
export function errorReply(failure: unknown): Document {
  const error = diskFailure(failure) ?? failure;
  if (!(error instanceof StoreError)) {
    const message = error instanceof Error ? error.message : String(error);
    return { ok: 0, errmsg: message, code: CODES.InternalError, codeName: "InternalError" };
  }
  const reply: Document = {
    ok: 0,
    errmsg: error.message,
    code: error.code,
    codeName: error.codeName,
    ...error.details,
  };
  if (error.labels.length > 0) reply["errorLabels"] = [...error.labels];
  return reply;
}

/** One entry of `writeErrors`. */
export function writeError(error: StoreError, index: number): Document {
  return { index, code: error.code, errmsg: error.message, ...error.details };
}
