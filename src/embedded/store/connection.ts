import type { Socket } from "node:net";
import { answerHandshake } from "./commands/handshake.ts";
import type { Engine } from "./engine.ts";
import type { Log } from "./request.ts";
import { MessageReader, encodeMessage } from "./wire.ts";
import type { Message } from "./wire.ts";

/** Serves one client until its socket closes. */
export function serveConnection(socket: Socket, parts: { engine: Engine; log: Log; id: number }): void {
  const connection = new Connection(socket, parts);
  socket.on("data", (chunk) => connection.receive(chunk));
  // A reset ends in `close`, which is where the connection is cleaned up.
  socket.on("error", () => {});
  socket.on("close", () => parts.engine.disconnected(parts.id));
}

/** One client connection: reads messages, hands commands to the engine, writes the answers. */
class Connection {
  readonly #socket: Socket;
  readonly #engine: Engine;
  readonly #log: Log;
  readonly #id: number;
  readonly #reader = new MessageReader();

  constructor(socket: Socket, parts: { engine: Engine; log: Log; id: number }) {
    this.#socket = socket;
    this.#engine = parts.engine;
    this.#log = parts.log;
    this.#id = parts.id;
  }

  receive(chunk: Buffer): void {
    try {
      for (const message of this.#reader.read(chunk)) this.#handle(message);
    } catch (error) {
      this.#log("store.bad_message", { connection: this.#id, error: String(error) });
      this.#socket.destroy();
    }
  }

  #handle(message: Message): void {
    const { body } = message;
    const name = Object.keys(body)[0] ?? "";
    const handshake = answerHandshake(name, this.#id);
    if (handshake !== null) return this.#reply(message, handshake);
    const database: unknown = body["$db"];
    if (typeof database !== "string" || database === "") throw new Error("message without a database");
    const respond = (reply: Uint8Array): void => this.#reply(message, reply);
    this.#engine.submit({ client: this.#id, database, name, body, respond });
  }

  #reply(message: Message, reply: Parameters<typeof encodeMessage>[1]): void {
    if (message.silent || this.#socket.destroyed) return;
    this.#socket.write(encodeMessage(message, reply));
  }
}
