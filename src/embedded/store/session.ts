import { Binary } from "bson";
import { isDocument } from "./bson-codec.ts";
import type { Document } from "./bson-codec.ts";
import { StoreError, TRANSIENT_TRANSACTION, notImplemented } from "./errors.ts";
import { asDouble, isNumber, toSafeInteger } from "./numbers.ts";
import { blob } from "./sql.ts";
import type { Sql } from "./sql.ts";

/** What a command says about its session. */
export interface Session {
  readonly lsid: Uint8Array;
  readonly txnNumber: number;
  /** Session and number as one key. */
  readonly key: string;
  /** Part of a multi-document transaction, as opposed to a retryable write. */
  readonly transaction: boolean;
  readonly starts: boolean;
}

/** Reads session fields and concerns of a command; null when it is not numbered. */
export function readSession(body: Document): Session | null {
  const transaction = body["autocommit"] === false;
  checkReadConcern(body["readConcern"], transaction);
  checkWriteConcern(body["writeConcern"]);
  if (body["txnNumber"] === undefined) {
    if (transaction) throw new StoreError("InvalidOptions", "a transaction needs a txnNumber");
    return null;
  }
  const lsid = sessionId(body["lsid"]);
  if (lsid === null) throw new StoreError("InvalidOptions", "txnNumber needs a session");
  const txnNumber = toSafeInteger(body["txnNumber"], "txnNumber");
  const key = `${Buffer.from(lsid).toString("hex")}/${txnNumber}`;
  return { lsid, txnNumber, key, transaction, starts: body["startTransaction"] === true };
}

function sessionId(lsid: unknown): Uint8Array | null {
  const id: unknown = isDocument(lsid) ? lsid["id"] : null;
  return id instanceof Binary ? id.buffer.subarray(0, id.position) : null;
}

function checkReadConcern(concern: unknown, transaction: boolean): void {
  if (!isDocument(concern)) return;
  for (const [name, value] of Object.entries(concern) as [string, unknown][]) {
    if (name !== "level") throw notImplemented(`readConcern option ${name}`);
    // One node that answers after the commit satisfies every level; a snapshot needs a transaction here.
    if (value === "snapshot" && transaction) continue;
    if (!["local", "available", "majority", "linearizable"].includes(String(value))) {
      throw notImplemented(`readConcern level ${String(value)}`);
    }
  }
}

function checkWriteConcern(concern: unknown): void {
  if (!isDocument(concern)) return;
  const w: unknown = concern["w"];
  const satisfied = w === undefined || w === "majority" || (isNumber(w) && asDouble(w) <= 1);
  if (!satisfied) throw new StoreError("UnsatisfiableWriteConcern", "Not enough data-bearing nodes");
}

/** The error for a transaction this server does not have, which makes the driver start over. */
export function noSuchTransaction(session: Session): StoreError {
  return new StoreError(
    "NoSuchTransaction",
    `Given transaction number ${session.txnNumber} does not match any in-progress transactions.`,
    { labels: [TRANSIENT_TRANSACTION] },
  );
}

/** The reply kept for this very number, if it was done before. An older number is an error. */
export function recordedReply(sql: Sql, session: Session): Uint8Array | null {
  const row = sql.get("SELECT txn, reply FROM sessions WHERE lsid = ?", session.lsid);
  if (row === undefined || Number(row["txn"]) < session.txnNumber) return null;
  if (Number(row["txn"]) === session.txnNumber) return blob(row["reply"]);
  throw new StoreError(
    "TransactionTooOld",
    `Cannot start transaction ${session.txnNumber}: a newer one, ${Number(row["txn"])}, has already started.`,
  );
}

/** Keeps the reply in the commit of the write itself, so that a repeat is answered and not done again. */
export function recordReply(sql: Sql, session: Session, reply: Uint8Array): void {
  sql.run(
    "INSERT OR REPLACE INTO sessions (lsid, txn, reply, at) VALUES (?, ?, ?, ?)",
    session.lsid,
    session.txnNumber,
    reply,
    Date.now(),
  );
}

/** Drivers end a session that has been idle for 30 minutes; nothing older is repeated. */
export const SESSION_TIMEOUT_MINUTES = 30;

export function forgetOldReplies(sql: Sql, now: number): void {
  const cutoff = now - 2 * SESSION_TIMEOUT_MINUTES * 60_000;
  sql.run("DELETE FROM sessions WHERE lsid IN (SELECT lsid FROM sessions WHERE at < ? LIMIT 1000)", cutoff);
}
