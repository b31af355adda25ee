import { existsSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { ConfigError } from "./config/config-error.ts";
import { readSettings } from "./config/settings.ts";
import { startStore } from "./embedded/store/server.ts";
import { formatNano } from "./lib/money.ts";
import { runningStoreUrl } from "./running-store.ts";
import { createVerifySource } from "./spend/verify-store.ts";
import { verifyLedger, type VerifyReport } from "./spend/verify-ledger.ts";
import { connectStore } from "./store/connect.ts";

const HELP = `Usage: npm run verify [-- --json]

Recomputes every customer total, daily roll-up, sequence and delivery set from the ledger and prints each
difference. Exit code 0: there is none; 1: there are some; 2: it could not look. The service may be
running or stopped; MONGODB_URL and DATA_DIR say where its data is.

  --json   print the report as JSON
  --help   print this text
`;

try {
  const { values } = parseArgs({
    options: { json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
  } else {
    const report = await verify();
    process.stdout.write(values.json === true ? `${asJson(report)}\n` : asText(report));
    process.exitCode = report.differences.length === 0 ? 0 : 1;
  }
} catch (error) {
  process.stderr.write(`verify: ${error instanceof Error ? error.message : "it could not look"}\n`);
  process.exitCode = 2;
}

async function verify(): Promise<VerifyReport> {
  const { values } = readSettings(process.env);
  const dataDir = path.resolve(values.dataDir);
  const url = values.mongodbUrl ?? runningStoreUrl(dataDir);
  const own = url === null ? await openStopped(dataDir) : null;
  const store = connectStore({ url: url ?? own?.url ?? "", appName: "spendhook-verify" });
  try {
    return await verifyLedger(createVerifySource(store));
  } finally {
    await store.close();
    await own?.close();
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
    return await startStore({ dataDir: directory });
  } catch (cause) {
    throw new ConfigError(dataDir, [cause instanceof Error ? cause.message : "the store does not open"]);
  }
}

function asText({ customers, charges, totalNano, differences }: VerifyReport): string {
  const looked = `${customers} customers, ${charges} charges, ${formatNano(totalNano)} USD`;
  if (differences.length === 0) return `verify: no difference (${looked})\n`;
  return `${differences.join("\n")}\nverify: ${differences.length} differences (${looked})\n`;
}

function asJson({ customers, charges, totalNano, differences }: VerifyReport): string {
  return JSON.stringify({ customers, charges, total_usd: formatNano(totalNano), differences });
}
