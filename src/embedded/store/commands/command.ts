import type { Document } from "../bson-codec.ts";
import { isDocument } from "../bson-codec.ts";
import type { Collection } from "../catalog.ts";
import type { Cursors } from "../cursors.ts";
import { StoreError, notImplemented } from "../errors.ts";
import { toSafeInteger } from "../numbers.ts";
import type { Reading } from "../scan.ts";
import type { WriteView } from "../view.ts";

/** What a command is given to work with. */
export interface Context {
  readonly database: string;
  readonly body: Document;
  readonly reading: Reading;
  readonly cursors: Cursors;
  /** The transaction the command runs in, as a key; null outside of one. */
  readonly transaction: string | null;
}

export interface WriteContext extends Context {
  readonly view: WriteView;
}

/** A reply, as a document or already encoded. */
export type Reply = Document | Uint8Array;

interface Common {
  /** The fields it takes besides those every command takes. Anything else is refused. */
  readonly options: readonly string[];
  readonly inTransaction: boolean;
}

export type Command = Common &
  (
    | { readonly kind: "read"; readonly run: (context: Context) => Reply }
    | { readonly kind: "write"; readonly run: (context: WriteContext) => Reply }
  );

/** Sent by drivers with any command; sessions and concerns are dealt with before a command runs. */
const GENERIC = new Set([
  "$db",
  "$readPreference",
  "$clusterTime",
  "lsid",
  "txnNumber",
  "autocommit",
  "startTransaction",
  "readConcern",
  "writeConcern",
  "maxTimeMS",
  "comment",
]);

/** Refuses options that the command does not take, by name. */
export function checkOptions(name: string, body: Document, options: readonly string[]): void {
  for (const option of Object.keys(body)) {
    if (option === name || GENERIC.has(option) || options.includes(option)) continue;
    throw notImplemented(`option ${option} of ${name}`);
  }
}

/** Refuses fields of one statement of a write command, such as `collation`. */
export function checkFields(what: string, statement: Document, allowed: ReadonlySet<string>): void {
  for (const field of Object.keys(statement))
    if (!allowed.has(field)) throw notImplemented(`${field} in ${what}`);
}

/** Options that are accepted only as false, their default. */
export function refuseWhenSet(body: Document, ...options: readonly string[]): void {
  for (const option of options) {
    if (body[option] !== undefined && body[option] !== false) throw notImplemented(`option ${option}`);
  }
}

/** What a namespace could not be taken apart again with is refused, as MongoDB refuses it. */
export function requireDatabaseName(name: string): void {
  if (name !== "" && name.length < 64 && !/[./\\ "$\0]/.test(name)) return;
  throw new StoreError("InvalidNamespace", `Invalid database name: '${name}'`);
}

/** The namespace a command names by its first field. */
export function namespaceOf(context: Context, name: string): string {
  const collection: unknown = context.body[name];
  if (typeof collection !== "string" || collection === "") {
    throw new StoreError("InvalidNamespace", `collection name has invalid type for ${name}`);
  }
  return `${context.database}.${collection}`;
}

export function collectionOf(context: Context, name: string): Collection | undefined {
  return context.reading.view.catalog.get(namespaceOf(context, name));
}

export function integerOption(body: Document, name: string): number | null {
  const value: unknown = body[name];
  if (value === undefined || value === null) return null;
  const number = toSafeInteger(value, name);
  if (number < 0) throw new StoreError("BadValue", `${name} must not be negative`);
  return number;
}

/** The statements of a write command. */
export function statementsOf(body: Document, name: string): Document[] {
  const statements: unknown = body[name];
  if (!Array.isArray(statements) || statements.length === 0 || !statements.every(isDocument)) {
    throw new StoreError("InvalidLength", `${name} must be a nonempty array of documents`);
  }
  if (statements.length > 100_000) throw new StoreError("InvalidLength", `too many ${name}`);
  return statements;
}
