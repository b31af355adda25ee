import { parseArgs } from "node:util";
import { DataLostError, EXIT_DATA_LOST } from "./in-use.ts";
import { startStore } from "./store/server.ts";
import type { RunningStore, StoreOptions } from "./store/server.ts";

const HELP = `Usage: node src/embedded/store-process.ts --data-dir DIR [options]

Runs the embedded store, which speaks MongoDB's wire protocol, as a process of its own.
Prints {"ready":true,"url":"…"} on one line when it listens.

  --data-dir DIR       where the data is kept (required)
  --port N             TCP port; 0, the default, takes a free one
  --host H             loopback address to listen on, 127.0.0.1 by default
  --socket PATH        listen on a Unix socket instead
  --in-use FILE        where it is noted that there is data, DIR/in-use by default
  --exit-with-parent   stop when standard input has closed and the last client has gone, a minute later at most
  --help               show this text
`;

/** A drain and what follows it; a client that stays longer is none of ours. */
const CLIENTS_LEAVE_MS = 60_000;

/** Null when only help was asked for. */
function readOptions(): (StoreOptions & { exitWithParent: boolean }) | null {
  const { values } = parseArgs({
    options: {
      "data-dir": { type: "string" },
      port: { type: "string", default: "0" },
      host: { type: "string", default: "127.0.0.1" },
      socket: { type: "string" },
      "in-use": { type: "string" },
      "exit-with-parent": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const dataDir = values["data-dir"];
  if (dataDir === undefined) throw new Error("--data-dir is required");
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port ${values.port} is not a port`);
  const where = {
    ...(values.socket !== undefined && { socketPath: values.socket }),
    ...(values["in-use"] !== undefined && { inUse: values["in-use"] }),
  };
  return { dataDir, port, host: values.host, ...where, exitWithParent: values["exit-with-parent"] };
}

/** Standard output has the one ready line, so whatever happens later goes to standard error. */
function log(line: string, fields: object = {}): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), msg: line, ...fields })}\n`);
}

function stopOn(store: RunningStore, exitWithParent: boolean): void {
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    store.close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  if (!exitWithParent) return;
  // The processes that the parent has left have calls to finish.
  const stopSoon = (): void => void store.left(CLIENTS_LEAVE_MS).then(stop);
  process.stdin.on("end", stopSoon).on("error", stopSoon).resume();
}

function fail(error: unknown): never {
  process.stderr.write(`embedded store: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof DataLostError ? EXIT_DATA_LOST : 1);
}

try {
  const options = readOptions();
  if (options === null) {
    process.stdout.write(HELP);
  } else {
    const store = await startStore({ ...options, log });
    stopOn(store, options.exitWithParent);
    process.stdout.write(`${JSON.stringify({ ready: true, url: store.url })}\n`);
  }
} catch (error) {
  fail(error);
}
