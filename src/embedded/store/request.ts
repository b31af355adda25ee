import type { Document } from "./bson-codec.ts";

/** Takes one line of the store's own log. */
export type Log = (line: string, fields?: object) => void;

/** A command and where its answer goes. */
export interface Request {
  readonly client: number;
  readonly database: string;
  readonly name: string;
  readonly body: Document;
  respond(reply: Uint8Array): void;
}
