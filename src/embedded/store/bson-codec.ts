import {
  BSONRegExp,
  BSONSymbol,
  Binary,
  Code,
  DBRef,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  deserialize,
  serialize,
} from "bson";
import type { Document } from "bson";
import { StoreError, notImplemented } from "./errors.ts";

export type { Document } from "bson";

export const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;

/** Numbers stay Int32, Long or Double, so a document that is read and written again keeps its types. */
export function decode(bytes: Uint8Array): Document {
  return deserialize(bytes, { promoteValues: false, bsonRegExp: true });
}

/** A reply of the server. */
export function encode(document: Document): Uint8Array {
  return serialize(document, { ignoreUndefined: false });
}

/** A document to be stored: also refuses what is larger than MongoDB takes. */
export function encodeStored(document: Document): Uint8Array {
  const bytes = encode(document);
  if (bytes.length > MAX_DOCUMENT_BYTES) {
    throw new StoreError("BSONObjectTooLarge", `object to insert too large. size in bytes: ${bytes.length}`);
  }
  return bytes;
}

export type BsonType =
  | "minKey"
  | "undefined"
  | "null"
  | "int"
  | "long"
  | "double"
  | "decimal"
  | "string"
  | "symbol"
  | "object"
  | "array"
  | "binData"
  | "objectId"
  | "bool"
  | "date"
  | "timestamp"
  | "regex"
  | "javascript"
  | "maxKey";

const CLASSES: readonly (readonly [new (...args: never[]) => object, BsonType])[] = [
  [Int32, "int"],
  [Timestamp, "timestamp"],
  [Long, "long"],
  [Double, "double"],
  [ObjectId, "objectId"],
  [Date, "date"],
  [Binary, "binData"],
  [BSONRegExp, "regex"],
  [RegExp, "regex"],
  [MinKey, "minKey"],
  [MaxKey, "maxKey"],
  [Decimal128, "decimal"],
  [BSONSymbol, "symbol"],
  [Code, "javascript"],
  [DBRef, "object"],
];

/** The BSON type of a decoded value, by the names `$type` uses. */
export function typeOf(value: unknown): BsonType {
  switch (typeof value) {
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "undefined":
      return "undefined";
    case "number":
      return Number.isInteger(value) && Math.abs(value) <= 0x7fffffff ? "int" : "double";
    case "bigint":
      return "long";
    case "object":
      return typeOfObject(value);
    case "symbol":
    case "function":
      break;
  }
  throw notImplemented(`a value of type ${typeof value}`);
}

function typeOfObject(value: object | null): BsonType {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return "object";
  for (const [type, name] of CLASSES) if (value instanceof type) return name;
  return "object";
}

/** A plain embedded document, as opposed to an array or one of BSON's scalar classes. */
export function isDocument(value: unknown): value is Document {
  return typeof value === "object" && value !== null && typeOfObject(value) === "object";
}
