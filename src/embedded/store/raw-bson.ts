import { decode } from "./bson-codec.ts";
import type { Document } from "./bson-codec.ts";

/** Decoding all of a document this small costs less than looking for what is needed. */
const SMALL = 192;

/** Decodes only the named top-level fields. */
export function decodeFields(bytes: Uint8Array, names: ReadonlySet<string> | null): Document {
  if (names === null || bytes.length <= SMALL) return decode(bytes);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Buffer[] = [Buffer.alloc(4)];
  let at = 4;
  let left = names.size;
  while (left > 0 && at < buffer.length - 1) {
    const type = buffer[at] ?? 0;
    const nameEnd = buffer.indexOf(0, at + 1);
    const next = nameEnd + 1 + valueSize(buffer, type, nameEnd + 1);
    if (names.has(buffer.toString("utf8", at + 1, nameEnd))) {
      parts.push(buffer.subarray(at, next));
      left--;
    }
    at = next;
  }
  parts.push(Buffer.alloc(1));
  const picked = Buffer.concat(parts);
  picked.writeInt32LE(picked.length, 0);
  return decode(picked);
}

/** Sizes of values by BSON type byte, where the type alone tells. */
const FIXED_SIZES: ReadonlyMap<number, number> = new Map([
  [0x01, 8],
  [0x06, 0],
  [0x07, 12],
  [0x08, 1],
  [0x09, 8],
  [0x0a, 0],
  [0x10, 4],
  [0x11, 8],
  [0x12, 8],
  [0x13, 16],
  [0x7f, 0],
  [0xff, 0],
]);

/** What comes on top of the length that other values start with. */
const LENGTH_EXTRA: ReadonlyMap<number, number> = new Map([
  [0x02, 4],
  [0x03, 0],
  [0x04, 0],
  [0x05, 5],
  [0x0c, 16],
  [0x0d, 4],
  [0x0e, 4],
  [0x0f, 0],
]);

const REGEX = 0x0b;

function valueSize(buffer: Buffer, type: number, at: number): number {
  const fixed = FIXED_SIZES.get(type);
  if (fixed !== undefined) return fixed;
  const extra = LENGTH_EXTRA.get(type);
  if (extra !== undefined) return extra + buffer.readInt32LE(at);
  if (type === REGEX) return buffer.indexOf(0, buffer.indexOf(0, at) + 1) + 1 - at;
  throw new Error(`unknown BSON type ${type}`);
}

/** `{cursor: {<name>: [documents], id, ns}, ok: 1}` put together from documents as they are stored. */
export function encodeCursorReply(
  batch: { name: "firstBatch" | "nextBatch"; documents: readonly Uint8Array[] },
  id: bigint,
  namespace: string,
): Uint8Array {
  const elements = batch.documents.flatMap((document, at) => [element(0x03, String(at)), document]);
  const array = bsonDocument(elements);
  const idBytes = Buffer.alloc(8);
  idBytes.writeBigInt64LE(id);
  const text = Buffer.from(`${namespace}\0`);
  const length = Buffer.alloc(4);
  length.writeInt32LE(text.length);
  const cursor = bsonDocument([
    element(0x04, batch.name),
    array,
    element(0x12, "id"),
    idBytes,
    element(0x02, "ns"),
    length,
    text,
  ]);
  const one = Buffer.alloc(8);
  one.writeDoubleLE(1);
  return bsonDocument([element(0x03, "cursor"), cursor, element(0x01, "ok"), one]);
}

function element(type: number, name: string): Buffer {
  return Buffer.from(`${String.fromCharCode(type)}${name}\0`, "latin1");
}

function bsonDocument(parts: readonly Uint8Array[]): Buffer {
  const size = parts.reduce((sum, part) => sum + part.length, 5);
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeInt32LE(size, 0);
  let at = 4;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  bytes[at] = 0;
  return bytes;
}
