import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { EmbeddedServer } from "./child.ts";
import { type RedisOptions, startRedis } from "./redis-server.ts";

/** Where Redis keeps what it has written; the second by versions before 7. */
const PARTS = ["appendonlydir", "appendonly.aof"];
/** What a server says of them before it ends. */
const IS_DAMAGED = /append[- ]only (?:file|dir)|\bAOF\b|\bRDB\b|load(?:ing)? DB/i;
/** Its disk or its rights: another folder would not help. */
const IS_ELSEWHERE = /no space left|quota exceeded|permission denied|read-only file system|already in use/i;

/**
 * Starts Redis as `startRedis` does, and where its append-only file cannot be read sets that aside, whole and under
 * another name, and starts empty: all it has can be had from the store again. `told` gets a line for a person.
 */
export async function startRedisAnyway(
  options: RedisOptions,
  { now, told }: { now: () => Date; told: (line: string) => void },
): Promise<EmbeddedServer> {
  try {
    return await startRedis(options);
  } catch (error) {
    const words = error instanceof Error ? error.message : "";
    if (!IS_DAMAGED.test(words) || IS_ELSEWHERE.test(words)) throw error;
    const stamp = now()
      .toISOString()
      .replaceAll(/[-:]|\.\d+/g, "");
    const moved = PARTS.map((part) => join(options.dataDir, "redis", part)).filter((part) =>
      existsSync(part),
    );
    if (moved.length === 0) throw error;
    for (const part of moved) renameSync(part, `${part}.damaged-${stamp}`);
    const server = await startRedis(options);
    const last = words.trimEnd().split("\n").at(-1) ?? "";
    told(
      `Redis could not read ${moved.join(", ")}, which is set aside as *.damaged-${stamp}; it has started empty, and is filled from the store (${last.trim()})`,
    );
    return server;
  }
}
