import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { ConfigError } from "./config/config-error.ts";
import type { Environment } from "./config/environment.ts";
import { readSettings } from "./config/settings.ts";
import { inUseFile } from "./embedded/in-use.ts";
import { startStore } from "./embedded/store/server.ts";
import { connectStore, type Store } from "./store/connect.ts";

const runFile = z.object({
  pid: z.int(),
  mongodbUrl: z.string().nullable(),
  redisUrl: z.string().nullish(),
});
type Run = z.infer<typeof runFile>;

/** A service's data, opened beside it or instead of it. */
export interface OpenData {
  readonly store: Store;
  /** The Redis of the service; null when it is not known here, or not running. */
  readonly redisUrl: string | null;
  close(): Promise<void>;
}

/**
 * Opens the data that MONGODB_URL names, else that of DATA_DIR: through the embedded store of the service
 * that runs on it, or where none runs with a store of its own. Throws ConfigError when there is none.
 */
export async function openData(env: Environment, appName: string): Promise<OpenData> {
  const { values } = readSettings(env);
  const dataDir = path.resolve(values.dataDir);
  const run = readRunning(dataDir);
  const url = values.mongodbUrl ?? run?.mongodbUrl ?? null;
  const own = url === null ? await openStopped(dataDir) : null;
  const store = connectStore({ url: url ?? own?.url ?? "", appName });
  return {
    store,
    redisUrl: values.redisUrl ?? run?.redisUrl ?? null,
    close: async () => {
      await store.close();
      await own?.close();
    },
  };
}

/** Where the embedded services of a service are that runs on this DATA_DIR; null when none does. */
export function readRunning(dataDir: string): Run | null {
  try {
    const run = runFile.parse(JSON.parse(readFileSync(path.join(dataDir, "run.json"), "utf8")));
    process.kill(run.pid, 0);
    return run;
  } catch {
    // No file, or one left by a service that was killed: the data lies still.
    return null;
  }
}

async function openStopped(dataDir: string): Promise<{ url: string; close(): Promise<void> }> {
  const directory = path.join(dataDir, "store");
  if (!existsSync(directory)) {
    throw new ConfigError(dataDir, [
      "there is no embedded store here; start the service, or set MONGODB_URL or DATA_DIR",
    ]);
  }
  try {
    return await startStore({ dataDir: directory, inUse: inUseFile(dataDir, "store"), existing: true });
  } catch (cause) {
    throw new ConfigError(dataDir, [cause instanceof Error ? cause.message : "the store does not open"]);
  }
}
