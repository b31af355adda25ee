import { readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";

const runFile = z.object({ pid: z.int(), mongodbUrl: z.string().nullable() });

/** The embedded store of a service that runs on this DATA_DIR; null when none does. */
export function runningStoreUrl(dataDir: string): string | null {
  try {
    const run = runFile.parse(JSON.parse(readFileSync(path.join(dataDir, "run.json"), "utf8")));
    process.kill(run.pid, 0);
    return run.mongodbUrl;
  } catch {
    // No file, or one left by a service that was killed: the data lies still.
    return null;
  }
}
