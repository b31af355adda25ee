import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { loadConfig } from "./config/load-config.ts";
import type { Log } from "./lib/log.ts";
import { hashApiKey } from "./lib/secrets.ts";
import { readRunning } from "./open-data.ts";
import { emptyStore } from "./seed/empty-store.ts";
import { seedStore } from "./seed/seed-store.ts";
import { connectStore } from "./store/connect.ts";
import { prepareStore } from "./store/prepare-store.ts";
import { storeService } from "./supervisor/services.ts";
import { serializeBudgetEvent, serializeSpendTracked } from "./webhooks/event-body.ts";

const HELP = `Usage: npm run seed -- [--customers 1000] [--charges 10000] [--days 30] [--seed 1] [--until 2026-11-24T12:00:00Z] [--force]

Fills an empty store with made-up customers, tiers and charges that add up: npm run verify finds no
difference. The same numbers make the same data. MONGODB_URL and DATA_DIR say where; an embedded store
that does not run is started for it. No event of it is delivered.

  --until   when the last call was (default: now)
  --force   delete all customers, budgets, charges, events and deliveries that are there
`;

const PROGRESS_MS = 1000;
const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

try {
  const { values } = parseArgs({
    options: {
      customers: { type: "string", default: "1000" },
      charges: { type: "string", default: "10000" },
      days: { type: "string", default: "30" },
      seed: { type: "string", default: "1" },
      until: { type: "string", default: new Date().toISOString() },
      force: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) process.stdout.write(HELP);
  else await run(values);
} catch (error) {
  process.stderr.write(`seed: ${error instanceof Error ? error.message : "it could not be done"}\n`);
  process.exitCode = 1;
}

interface Arguments {
  readonly customers: string;
  readonly charges: string;
  readonly days: string;
  readonly seed: string;
  readonly until: string;
  readonly force: boolean;
}

async function run(args: Arguments): Promise<void> {
  const config = loadConfig({ env: process.env, cwd: process.cwd() });
  const sizes = {
    customers: count("customers", args.customers),
    charges: count("charges", args.charges),
    days: count("days", args.days),
    seed: count("seed", args.seed),
    until: instant(args.until),
  };
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const known = config.mongodbUrl ?? readRunning(config.dataDir)?.mongodbUrl ?? null;
  const service = known === null ? await storeService(config.dataDir, SILENT) : null;
  const running = await service?.start();
  const store = connectStore({ url: known ?? service?.url ?? "", appName: "spendhook-seed" });
  const startedAt = performance.now();
  try {
    await prepareStore(store);
    await emptyStore(store, args.force);
    await seedStore(store, {
      ...sizes,
      keyHash: hashApiKey(config.masterKey),
      defaults: config.budgets,
      planner: { serializeCharge: serializeSpendTracked, serializeBudget: serializeBudgetEvent },
      progress: progressLine(),
    });
  } finally {
    await store.close();
    await running?.stop();
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  process.stderr.write(`seed: ${sizes.customers} customers, ${sizes.charges} charges in ${seconds} s\n`);
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} wants a whole number above zero`);
  return value;
}

function instant(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new Error("--until wants a date such as 2026-11-24T12:00:00Z");
  return date;
}

/** At most a line a second. */
function progressLine(): (what: string, done: number, of: number) => void {
  let last = performance.now();
  return (what, done, of) => {
    if (performance.now() - last < PROGRESS_MS) return;
    last = performance.now();
    process.stderr.write(`seed: ${done} of ${of} ${what}\n`);
  };
}
