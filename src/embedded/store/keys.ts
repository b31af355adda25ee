import { BSONRegExp, Binary, BSONSymbol, Code, Long, Timestamp } from "bson";
import type { ObjectId } from "bson";
import { isDocument, typeOf } from "./bson-codec.ts";
import type { BsonType } from "./bson-codec.ts";
import { notImplemented } from "./errors.ts";
import { asDouble } from "./numbers.ts";
import type { BsonNumber } from "./numbers.ts";

/**
 * Keys whose bytes compare as MongoDB compares the values: memcmp order is BSON order. Used for index
 * entries, sorting, equality and grouping. A key ends itself (no key is a prefix of another), so keys
 * of several fields can be joined, and a descending field is the same bytes inverted.
 */
const TYPE_BYTE: Record<BsonType, number> = {
  minKey: 0x0a,
  // MongoDB sorts an empty array, and the deprecated undefined, before null.
  undefined: 0x0f,
  null: 0x14,
  int: 0x1e,
  long: 0x1e,
  double: 0x1e,
  decimal: 0x1e,
  string: 0x28,
  symbol: 0x28,
  object: 0x32,
  array: 0x3c,
  binData: 0x46,
  objectId: 0x50,
  bool: 0x5a,
  date: 0x64,
  timestamp: 0x6e,
  regex: 0x78,
  javascript: 0x82,
  maxKey: 0x8c,
};

/** The first byte of every key of the value's type: values with equal bytes are compared by value. */
export function typeByte(value: unknown): number {
  return TYPE_BYTE[typeOf(value)];
}

export function encodeKey(value: unknown): Buffer {
  const writer = new KeyWriter();
  writer.value(value);
  return writer.finish();
}

/** A key as a string for Map and Set: one character per byte. */
export function keyString(value: unknown): string {
  return encodeKey(value).toString("latin1");
}

export function compareValues(a: unknown, b: unknown): number {
  if (typeof a === "string" && a === b) return 0;
  return Buffer.compare(encodeKey(a), encodeKey(b));
}

/** Keys in order, each once. */
export function orderedKeys(keys: Iterable<Buffer>): Buffer[] {
  const distinct = new Map<string, Buffer>();
  for (const key of keys) distinct.set(key.toString("latin1"), key);
  return [...distinct.values()].sort((a, b) => Buffer.compare(a, b));
}

export function invert(key: Uint8Array): Buffer {
  const inverted = Buffer.allocUnsafe(key.length);
  for (let i = 0; i < key.length; i++) inverted[i] = ~(key[i] ?? 0);
  return inverted;
}

/** The smallest key after every key that starts with this prefix; null when there is none. */
export function afterPrefix(prefix: Uint8Array): Buffer | null {
  let end = prefix.length;
  while (end > 0 && prefix[end - 1] === 0xff) end--;
  if (end === 0) return null;
  const next = Buffer.from(prefix.subarray(0, end));
  next[end - 1] = (next[end - 1] ?? 0) + 1;
  return next;
}

class KeyWriter {
  #buffer: Buffer = Buffer.allocUnsafe(48);
  #length = 0;

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  value(value: unknown): void {
    const type = typeOf(value);
    this.#byte(TYPE_BYTE[type]);
    this.#payload(type, value);
  }

  #payload(type: BsonType, value: unknown): void {
    switch (type) {
      case "int":
      case "long":
      case "double":
        return this.#number(value as BsonNumber);
      case "string":
        return this.#text(value as string);
      case "objectId":
        return this.#bytes((value as ObjectId).id);
      case "date":
        return this.#int64(BigInt((value as Date).getTime()));
      case "array":
      case "object":
        return this.#container(value);
      case "bool":
        return this.#byte(Number(value));
      case "decimal":
        throw notImplemented("comparing a Decimal128");
      case "binData":
      case "timestamp":
      case "regex":
      case "symbol":
      case "javascript":
        return this.#rare(value);
      case "null":
      case "undefined":
      case "minKey":
      case "maxKey":
      // All is said by the type.
    }
  }

  #rare(value: unknown): void {
    if (value instanceof Binary) {
      const head = Buffer.alloc(5);
      head.writeUInt32BE(value.position);
      head[4] = value.sub_type;
      this.#bytes(head);
      this.#bytes(value.buffer.subarray(0, value.position));
    } else if (value instanceof Timestamp) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(BigInt.asUintN(64, value.toBigInt()));
      this.#bytes(bytes);
    } else if (value instanceof BSONRegExp) {
      this.#text(value.pattern);
      this.#text(value.options);
    } else if (value instanceof RegExp) {
      this.#text(value.source);
      this.#text(value.flags);
    } else if (value instanceof BSONSymbol) {
      this.#text(value.value);
    } else if (value instanceof Code && value.scope === null) {
      this.#text(value.code);
    } else {
      throw notImplemented("comparing code with scope");
    }
  }

  /** Type, then name, then value of each field, as MongoDB compares documents; 0 ends, before any type. */
  #container(value: unknown): void {
    if (Array.isArray(value)) {
      for (const element of value) this.value(element);
    } else if (isDocument(value)) {
      for (const [name, field] of Object.entries(value)) {
        const type = typeOf(field);
        this.#byte(TYPE_BYTE[type]);
        this.#text(name);
        this.#payload(type, field);
      }
    }
    this.#byte(0);
  }

  /**
   * The largest double not above the number, its bits made sortable, then what is left: an int64 is
   * between two doubles by less than 2^11, so integers beyond 2^53 keep their exact order.
   */
  #number(value: BsonNumber): void {
    let double = asDouble(value);
    let rest = 0;
    if (!Number.isSafeInteger(double) && (value instanceof Long || typeof value === "bigint")) {
      const exact = typeof value === "bigint" ? value : value.toBigInt();
      if (BigInt(double) > exact) double = previousDouble(double);
      rest = Number(exact - BigInt(double));
    }
    this.#reserve(10);
    if (Number.isNaN(double)) {
      this.#buffer.fill(0, this.#length, this.#length + 8);
    } else {
      // Adding zero turns -0 into 0, which is equal to it.
      const at = this.#buffer.writeDoubleBE(double + 0, this.#length) - 8;
      const first = this.#buffer[at] ?? 0;
      if (first < 0x80) this.#buffer[at] = first | 0x80;
      else for (let i = at; i < at + 8; i++) this.#buffer[i] = ~(this.#buffer[i] ?? 0);
    }
    this.#buffer.writeUInt16BE(rest, this.#length + 8);
    this.#length += 10;
  }

  /** UTF-8, a zero byte inside as 00 FF, ended by 00 00. */
  #text(text: string): void {
    const size = Buffer.byteLength(text);
    this.#reserve(size + 2);
    if (text.includes("\0")) {
      for (const [index, part] of text.split("\0").entries()) {
        if (index > 0) this.#bytes(Buffer.of(0, 0xff));
        this.#bytes(Buffer.from(part));
      }
    } else {
      this.#length += this.#buffer.write(text, this.#length);
    }
    this.#byte(0);
    this.#byte(0);
  }

  #int64(value: bigint): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigUInt64BE(BigInt.asUintN(64, value ^ (1n << 63n)), this.#length);
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  #bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + size));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

function previousDouble(value: number): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  bits.setBigInt64(0, bits.getBigInt64(0) + (value > 0 ? -1n : 1n));
  return bits.getFloat64(0);
}
