// oxlint-disable-next-line typescript/triple-slash-reference -- a declaration of another's module cannot be imported
/// <reference path="./driver-internals.d.ts" />
import { Connection } from "mongodb/lib/cmap/connection.js";

/**
 * The driver's connection, on which a statement ends when the connection does. The driver's own waits for ever for
 * a socket to take the rest of a statement when that socket has been closed without an error: by the server's end
 * in the moment before, or by its own time-out. Where that statement is the monitor's, the process never sees the
 * store again.
 */
export class WatchedConnection extends Connection {
  override async writeCommand(...statement: Parameters<Connection["writeCommand"]>): Promise<void> {
    const { promise: closed, reject } = Promise.withResolvers<never>();
    const fail = (): void => reject(this.error);
    this.once("close", fail);
    try {
      await Promise.race([super.writeCommand(...statement), closed]);
    } finally {
      this.off("close", fail);
    }
  }
}
