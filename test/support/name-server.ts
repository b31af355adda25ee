import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import path from "node:path";

const PRELOAD = path.join(import.meta.dirname, "ask-name-server.ts");
const TYPES = { A: 1, SRV: 33 } as const;
const NAME_ERROR = 3;

/** A name server that knows only what a test has told it so far: nothing, at first. */
export class NameServer {
  readonly #socket: Socket;
  readonly #answers = new Map<string, { readonly type: number; readonly data: Buffer }>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (query, from) => socket.send(this.#answer(query), from.port, from.address));
  }

  static async start(): Promise<NameServer> {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return new NameServer(socket);
  }

  /** For the environment of a process that is to ask this server, for every name. */
  get env(): Record<string, string> {
    return {
      NAME_SERVER: `127.0.0.1:${this.#socket.address().port}`,
      NODE_OPTIONS: `--import=${PRELOAD}`,
    };
  }

  /** From now on the name is this machine's. */
  addHost(name: string): void {
    this.#answers.set(name, { type: TYPES.A, data: Buffer.from([127, 0, 0, 1]) });
  }

  /** From now on a mongodb+srv URL of this name leads to that host, which must be of the same domain. */
  addStore(name: string, target: { host: string; port: number }): void {
    const data = Buffer.alloc(6);
    data.writeUInt16BE(target.port, 4);
    const service = { type: TYPES.SRV, data: Buffer.concat([data, encodeName(target.host)]) };
    this.#answers.set(`_mongodb._tcp.${name}`, service);
  }

  async close(): Promise<void> {
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }

  #answer(query: Buffer): Buffer {
    const { name, end } = readName(query, 12);
    const type = query.readUInt16BE(end);
    const known = this.#answers.get(name);
    const matches = known?.type === type;
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    // A response, recursion desired and available.
    head.writeUInt16BE(0x8180 | (known === undefined ? NAME_ERROR : 0), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(matches ? 1 : 0, 6);
    const question = query.subarray(12, end + 4);
    if (!matches) return Buffer.concat([head, question]);
    const record = Buffer.alloc(12);
    // The name of the question, its type, class IN, and no time for which it may be kept.
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt16BE(known.data.length, 10);
    return Buffer.concat([head, question, record, known.data]);
  }
}

function encodeName(name: string): Buffer {
  const labels = name
    .split(".")
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

/** The name at this place of a query, where names are not abbreviated, and where it ends. */
function readName(query: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), end: at + 1 };
}
