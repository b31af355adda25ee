import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LayerOrder } from "./support/layer-order.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Each layer is a project; order inside a file is random, and nothing is retried. */
export default defineConfig({
  root,
  test: {
    // Most files wait for real processes and time-outs: two at once also where there are only two cores. Each
    // has ports and folders of its own.
    maxWorkers: 2,
    sequence: { shuffle: { tests: true, files: false }, sequencer: LayerOrder },
    retry: 0,
    dangerouslyIgnoreUnhandledErrors: false,
    passWithNoTests: false,
    reporters: ["default"],
    projects: [
      { extends: true, test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
