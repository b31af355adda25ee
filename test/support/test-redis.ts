import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedis } from "../../src/embedded/redis-server.ts";

/** A redis to test against: the one REDIS_URL names, else a new one on an empty temporary folder. */
export async function openTestRedis(): Promise<{ url: string; close: () => Promise<void> }> {
  const external = process.env["REDIS_URL"];
  if (external) return { url: external, close: async () => {} };
  const dataDir = await mkdtemp(join(tmpdir(), "spendhook-redis-"));
  const server = await startRedis({ dataDir });
  return {
    url: server.url,
    async close() {
      await server.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
