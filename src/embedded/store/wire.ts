import { decode, encode } from "./bson-codec.ts";
import type { Document } from "./bson-codec.ts";

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const HEADER = 16;
const MAX_MESSAGE = 48_000_000 + 16_384;

const MORE_TO_COME = 1 << 1;
const EXHAUST_ALLOWED = 1 << 16;

/** A request as it came over the wire. */
export interface Message {
  readonly requestId: number;
  readonly body: Document;
  /** The first handshake comes in MongoDB's old form and is answered in it. */
  readonly legacy: boolean;
  /** The client does not wait for an answer. */
  readonly silent: boolean;
}

/** Cuts a byte stream into messages. Throws on anything that is not one: the connection is of no use then. */
export class MessageReader {
  #chunks: Buffer[] = [];
  #size = 0;

  *read(chunk: Buffer): Generator<Message> {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    for (;;) {
      if (this.#size < HEADER) return;
      const length = this.#peek(4).readInt32LE(0);
      if (length < HEADER + 5 || length > MAX_MESSAGE) throw new Error(`message length ${length}`);
      if (this.#size < length) return;
      const all = this.#peek(this.#size);
      this.#size -= length;
      this.#chunks = this.#size === 0 ? [] : [all.subarray(length)];
      yield parseMessage(all.subarray(0, length));
    }
  }

  /** The first bytes in one buffer; chunks are joined only when a message needs it. */
  #peek(size: number): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= size) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}

function parseMessage(bytes: Buffer): Message {
  const requestId = bytes.readInt32LE(4);
  const opcode = bytes.readInt32LE(12);
  if (opcode === OP_MSG) return parseMsg(bytes, requestId);
  if (opcode === OP_QUERY) return parseQuery(bytes, requestId);
  throw new Error(`opcode ${opcode}`);
}

function parseMsg(bytes: Buffer, requestId: number): Message {
  const flags = bytes.readUInt32LE(HEADER);
  // Checksums and any flag that is not known must be understood; the upper half may be ignored.
  if ((flags & 0xffff & ~MORE_TO_COME) !== 0) throw new Error(`message flags ${flags}`);
  let body: Document | null = null;
  const sequences: [string, Document[]][] = [];
  let at = HEADER + 4;
  while (at < bytes.length) {
    const kind = bytes[at];
    const size = bytes.readInt32LE(at + 1);
    const section = sliceOf(bytes, at + 1, size);
    if (kind === 0 && body === null) body = decode(section);
    else if (kind === 1) sequences.push(parseSequence(section));
    else throw new Error(`section of kind ${kind}`);
    at += 1 + size;
  }
  if (body === null) throw new Error("message without a body");
  for (const [name, documents] of sequences) body[name] = documents;
  return {
    requestId,
    body,
    legacy: false,
    silent: (flags & MORE_TO_COME) !== 0 && (flags & EXHAUST_ALLOWED) === 0,
  };
}

function parseSequence(section: Buffer): [string, Document[]] {
  const nameEnd = section.indexOf(0, 4);
  if (nameEnd === -1) throw new Error("document sequence without a name");
  const documents: Document[] = [];
  for (let at = nameEnd + 1; at < section.length;) {
    const size = section.readInt32LE(at);
    documents.push(decode(sliceOf(section, at, size)));
    at += size;
  }
  return [section.toString("utf8", 4, nameEnd), documents];
}

function parseQuery(bytes: Buffer, requestId: number): Message {
  const nameEnd = bytes.indexOf(0, HEADER + 4);
  if (nameEnd === -1) throw new Error("query without a collection");
  const at = nameEnd + 1 + 8;
  const body = decode(sliceOf(bytes, at, bytes.readInt32LE(at)));
  const [database] = bytes.toString("utf8", HEADER + 4, nameEnd).split(".");
  return { requestId, body: { ...body, $db: database }, legacy: true, silent: false };
}

function sliceOf(bytes: Buffer, at: number, size: number): Buffer {
  if (size < 5 || at + size > bytes.length) throw new Error(`a part of ${size} bytes`);
  return bytes.subarray(at, at + size);
}

/** The answer to a message, in the form the message came in. */
export function encodeMessage(to: Message, reply: Document | Uint8Array): Buffer {
  const body = reply instanceof Uint8Array ? reply : encode(reply);
  const fixed = to.legacy ? 20 : 5;
  const bytes = Buffer.alloc(HEADER + fixed);
  bytes.writeInt32LE(bytes.length + body.length, 0);
  bytes.writeInt32LE(to.requestId, 4);
  bytes.writeInt32LE(to.requestId, 8);
  bytes.writeInt32LE(to.legacy ? OP_REPLY : OP_MSG, 12);
  // Of OP_REPLY's fields only the number of documents is not zero; OP_MSG has zero flags and kind 0.
  if (to.legacy) bytes.writeInt32LE(1, HEADER + 16);
  return Buffer.concat([bytes, body]);
}
