import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { freePort, LOOPBACK } from "../embedded/child.ts";
import { DataLostError, EXIT_DATA_LOST, inUseFile, leaveMark } from "../embedded/in-use.ts";
import { findMongod, startMongod } from "../embedded/mongod.ts";
import { startRedisAnyway } from "../embedded/recover-redis.ts";
import type { EmbeddedServer } from "../embedded/child.ts";
import { ConfigError } from "../config/config-error.ts";
import type { Log } from "../lib/log.ts";
import { OLDEST_MONGODB } from "../lib/mongodb-version.ts";
import { type Running } from "./keep-running.ts";
import { stopChild } from "./node-child.ts";

/** An embedded service: where it listens, and how to start it there, again and again. */
export interface Service {
  readonly name: string;
  readonly url: string;
  readonly start: () => Promise<Running>;
}

const STOP_MS = 10_000;
const START_TRIES = 10;
const START_WAIT_MS = 500;
const STORE_PROCESS = path.join(import.meta.dirname, "..", "embedded", "store-process.ts");

/**
 * The store where no MONGODB_URL is set: where data is already, else a `mongod` on PATH, else the embedded one.
 * Throws ConfigError for data of a mongod when there is none to read it. `spawned` is told of each process of the
 * embedded one; a mongod keeps a record of its own.
 */
export async function storeService(
  dataDir: string,
  log: Log,
  spawned: (pid: number) => void = () => {},
): Promise<Service> {
  const port = await freePort(LOOPBACK);
  if (chooseStore(dataDir) === "mongod") {
    return {
      name: "mongod",
      url: `mongodb://${LOOPBACK}:${port}/?directConnection=true`,
      start: async () => {
        const running = asRunning(await startMongod({ dataDir, port, log: lineLog("mongod", log) }));
        leaveMark(inUseFile(dataDir, "mongo"));
        return running;
      },
    };
  }
  return {
    name: "store",
    url: `mongodb://${LOOPBACK}:${port}/?directConnection=true`,
    start: () => startWhenFree(() => startStore({ dataDir, port, log, spawned })),
  };
}

/** What was started on one kind goes on with it, whatever is installed later: the other would begin anew. */
export function chooseStore(dataDir: string): "mongod" | "store" {
  const isFound = findMongod() !== null;
  const folder = path.join(dataDir, "mongo");
  if (!existsSync(path.join(folder, "WiredTiger"))) {
    if (existsSync(inUseFile(dataDir, "mongo"))) {
      throw new ConfigError("environment", [
        new DataLostError(`the data of a mongod in ${folder} is gone`).message,
      ]);
    }
    const isStore =
      existsSync(path.join(dataDir, "store", "store.db")) || existsSync(inUseFile(dataDir, "store"));
    return isFound && !isStore ? "mongod" : "store";
  }
  if (isFound) return "mongod";
  throw new ConfigError("environment", [
    `DATA_DIR has the data of a mongod in ${folder}, and no mongod of ${OLDEST_MONGODB}.0 or newer is on PATH; install one, or move that folder away to begin anew`,
  ]);
}

/** Redis where no REDIS_URL is set. */
export async function redisService(dataDir: string, log: Log): Promise<Service> {
  const port = await freePort(LOOPBACK);
  return {
    name: "redis",
    url: `redis://${LOOPBACK}:${port}`,
    start: async () => {
      const told = (line: string): void => {
        log.warn({ line }, "supervisor.redis_set_aside");
        process.stderr.write(`WARNING: ${line}\n`);
      };
      const options = { dataDir, port, log: lineLog("redis", log) };
      return asRunning(await startRedisAnyway(options, { now: () => new Date(), told }));
    },
  };
}

function lineLog(child: string, log: Log): (line: string) => void {
  return (line) => log.debug({ child, line }, "supervisor.child_output");
}

function asRunning(server: EmbeddedServer): Running {
  const exited = new Promise<number | null>((resolve) => {
    server.process.once("exit", (code) => resolve(code));
  });
  return { pid: server.pid, exited, stop: () => server.close() };
}

/** A store whose supervisor was killed lets go of its directory a moment later: that is waited for. */
async function startWhenFree(start: () => Promise<Running>): Promise<Running> {
  for (let tries = 1; ; tries++) {
    try {
      return await start();
    } catch (error) {
      if (tries === START_TRIES || error instanceof ConfigError) throw error;
      await delay(START_WAIT_MS);
    }
  }
}

/** Resolves when the store accepts connections; rejects with its own words when it cannot. */
async function startStore({
  dataDir,
  port,
  log,
  spawned,
}: {
  dataDir: string;
  port: number;
  log: Log;
  spawned: (pid: number) => void;
}): Promise<Running> {
  const where = ["--data-dir", path.join(dataDir, "store"), "--in-use", inUseFile(dataDir, "store")];
  const child = spawn(
    process.execPath,
    [STORE_PROCESS, ...where, "--port", String(port), "--exit-with-parent"],
    // Standard input stays open as long as we live: that is how it knows.
    { detached: true, stdio: ["pipe", "pipe", "pipe"] },
  );
  await once(child, "spawn");
  const exited = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => resolve(code));
  });
  const stop = (): Promise<void> => stopChild(child, exited, STOP_MS);
  spawned(child.pid ?? 0);
  let lastWords = "";
  createInterface(child.stderr).on("line", (line) => {
    lastWords = line;
    log.debug({ child: "store", line }, "supervisor.child_output");
  });
  const ready = once(createInterface(child.stdout), "line");
  const outcome = await Promise.race([
    ready.then(() => "ready" as const),
    exited.then(() => "ended" as const),
  ]);
  if (outcome === "ended" && (await exited) === EXIT_DATA_LOST) throw new ConfigError(dataDir, [lastWords]);
  if (outcome === "ended")
    throw new Error(`The embedded store did not start: ${lastWords || "no reason given"}`);
  return { pid: child.pid ?? 0, exited, stop };
}
