/** What we use of the driver beyond its public types. */
declare module "mongodb/lib/cmap/connection.js" {
  import type { EventEmitter } from "node:events";
  import type { Duplex } from "node:stream";

  export class Connection extends EventEmitter {
    constructor(socket: Duplex, options: object);
    /** Why it is closed, set before it says so; null while it is open. */
    readonly error: Error | null;
    /** Resolves when the socket has taken the statement. */
    writeCommand(statement: object, options: object): Promise<void>;
  }
}
