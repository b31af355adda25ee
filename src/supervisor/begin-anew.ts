import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/config-error.ts";
import { inUseFile, syncFolder } from "../embedded/in-use.ts";
import { retireMongod } from "../embedded/mongod.ts";
import { retireRedis } from "../embedded/redis-server.ts";
import { lockDirectory } from "../embedded/store/storage.ts";
import { readRunning } from "../open-data.ts";

/**
 * Sets the embedded data of a DATA_DIR aside, so that the next start begins anew, and answers what it did, as lines
 * for a person. Nothing is deleted; charges in the spool stay for the new store. Comes after `takeOver`: a Redis
 * and a mongod that an earlier start has left are ended first. Throws ConfigError where there is nothing embedded, and
 * while anything runs on it that is not ours to end.
 */
export async function beginAnew({ dataDir, mongodbUrl }: Config, now: Date): Promise<string[]> {
  const refuse = (why: string): never => {
    throw new ConfigError("--force-new", [why]);
  };
  if (mongodbUrl !== null) refuse("the data is at MONGODB_URL, and this begins only an embedded store anew");
  if (readRunning(dataDir) !== null) refuse(`a service runs on ${dataDir}; stop it first`);
  const stamp = now.toISOString().replaceAll(/[-:]|\.\d+/g, "");
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  await requireFree(dataDir);
  const lines: string[] = [];
  for (const name of ["store", "mongo", "redis"]) {
    const folder = path.join(dataDir, name);
    if (!existsSync(folder)) continue;
    const aside = `${folder}.set-aside-${stamp}`;
    renameSync(folder, aside);
    lines.push(`--force-new: ${folder} is now ${aside}`);
  }
  for (const kind of ["store", "mongo"] as const) rmSync(inUseFile(dataDir, kind), { force: true });
  syncFolder(dataDir);
  return lines;
}

async function requireFree(dataDir: string): Promise<void> {
  const has = (name: string): boolean => existsSync(path.join(dataDir, name));
  try {
    // It would go on writing under the other name, where no later start looks for it.
    if (has("redis")) await retireRedis(dataDir);
    if (has("mongo")) await retireMongod(dataDir);
    // Last: what was waited for above has given others time to start.
    if (has("store")) lockDirectory(path.join(dataDir, "store")).close();
  } catch (error) {
    throw new ConfigError("--force-new", [error instanceof Error ? error.message : "the data is in use"]);
  }
}
