import type { Document } from "../bson-codec.ts";
import { StoreError, writeError } from "../errors.ts";

/**
 * Runs the statements of one write command. An error ends an ordered batch and is noted in an
 * unordered one; what is not supported at all fails the command.
 */
export function runStatements<T>(
  body: Document,
  statements: readonly T[],
  run: (statement: T, index: number) => void,
): Document[] {
  const errors: Document[] = [];
  const ordered = body["ordered"] !== false;
  for (const [index, statement] of statements.entries()) {
    try {
      run(statement, index);
    } catch (error) {
      if (!(error instanceof StoreError) || error.codeName === "NotImplemented") throw error;
      errors.push(writeError(error, index));
      if (ordered) break;
    }
  }
  return errors;
}

/** True for the reply of a command one of whose statements failed. */
export function hasWriteErrors(reply: Document): boolean {
  return reply["writeErrors"] !== undefined || Number(reply["nErrors"] ?? 0) > 0;
}

/** The reply of a write command; `writeErrors` is left out when there are none. */
export function writeReply(fields: Document, errors: readonly Document[]): Document {
  return errors.length > 0 ? { ...fields, writeErrors: [...errors], ok: 1 } : { ...fields, ok: 1 };
}
