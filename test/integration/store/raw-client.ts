import { connect } from "node:net";
import type { Socket } from "node:net";
import { deserialize, serialize } from "bson";
import type { Document } from "bson";

/** A client that sends bytes as they are told to be, unlike a driver. */
export interface RawClient {
  readonly socket: Socket;
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>;
  send(bytes: Uint8Array): void;
  /** The next reply. */
  reply(): Promise<Document>;
}

export async function openRawClient(url: string): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve).once("error", reject);
  });
  socket.on("error", () => {});
  const replies: Document[] = [];
  const waiting: ((reply: Document) => void)[] = [];
  let received = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 4 && received.length >= received.readInt32LE(0)) {
      const length = received.readInt32LE(0);
      const reply = deserialize(received.subarray(21, length));
      received = received.subarray(length);
      const next = waiting.shift();
      if (next === undefined) replies.push(reply);
      else next(reply);
    }
  });
  return {
    socket,
    closed: new Promise((resolve) => socket.once("close", () => resolve())),
    send: (bytes) => void socket.write(bytes),
    reply: () =>
      new Promise((resolve) => {
        const known = replies.shift();
        if (known === undefined) waiting.push(resolve);
        else resolve(known);
      }),
  };
}

/** A message of kind 0, with whatever flags. */
export function message(body: Document, flags = 0): Buffer {
  const document = serialize(body);
  return frame(2013, [flagBytes(flags), Buffer.of(0), document]);
}

export function flagBytes(flags: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(flags);
  return bytes;
}

export function frame(opcode: number, parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const header = Buffer.alloc(16);
  header.writeInt32LE(16 + body.length, 0);
  header.writeInt32LE(1, 4);
  header.writeInt32LE(opcode, 12);
  return Buffer.concat([header, body]);
}
