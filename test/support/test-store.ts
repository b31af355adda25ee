import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startStore } from "../../src/embedded/store/server.ts";

/**
 * A MongoDB to test against: the server that `MONGODB_URL` names if it is set, else an embedded store
 * in a directory of its own that `close` removes.
 */
export async function openTestStore(): Promise<{ url: string; close(): Promise<void> }> {
  const given = process.env["MONGODB_URL"];
  if (given !== undefined && given !== "") return { url: given, close: async () => {} };
  const dataDir = await mkdtemp(join(tmpdir(), "spendhook-store-"));
  const store = await startStore({ dataDir });
  return {
    url: store.url,
    close: async () => {
      await store.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
