import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LayerOrder } from "./support/layer-order.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Each layer is a project; order inside a file is random, and nothing is retried. */
export default defineConfig({
  root,
  test: {
    // Most files wait for real processes and time-outs: three at once also where there are only two cores. Each
    // has ports and folders of its own.
    maxWorkers: 3,
    sequence: { shuffle: { tests: true, files: false }, sequencer: LayerOrder },
    retry: 0,
    dangerouslyIgnoreUnhandledErrors: false,
    passWithNoTests: false,
    reporters: ["default"],
    // Only to end what hangs: nothing here says how fast anything is.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    projects: ["unit", "integration", "e2e", "chaos", "browser"].map((name) => ({
      extends: true,
      test: { name, include: [`test/${name}/**/*.test.ts`] },
    })),
  },
});
