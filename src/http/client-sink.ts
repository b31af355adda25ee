import type { ServerResponse } from "node:http";
import type { ClientSink } from "../completions/relay-stream.ts";

/** A client that takes nothing for this long has left without saying so. */
const STALL_MS = 120_000;

/** A response as a place to stream to. `gone` must abort when the client leaves before the end. */
export function clientSink(response: ServerResponse, gone: AbortSignal): ClientSink {
  const drained = (): Promise<void> =>
    new Promise((resolve) => {
      const stalled = setTimeout(() => response.destroy(), STALL_MS);
      const done = (): void => {
        clearTimeout(stalled);
        response.off("drain", done);
        response.off("close", done);
        resolve();
      };
      response.on("drain", done);
      response.on("close", done);
    });
  return {
    gone,
    write: (bytes) => {
      if (gone.aborted || response.destroyed || bytes.length === 0) return undefined;
      return response.write(bytes) ? undefined : drained();
    },
    end: () => {
      if (!response.destroyed) response.end();
    },
  };
}

/** Aborts when the connection closes before the response was finished. */
export function clientGone(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
}
