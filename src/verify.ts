import path from "node:path";
import { parseArgs } from "node:util";
import { readSettings } from "./config/settings.ts";
import { formatNano } from "./lib/money.ts";
import { openData } from "./open-data.ts";
import { type SpoolSurvey, surveySpool } from "./spend/spool-files.ts";
import { createVerifySource } from "./spend/verify-store.ts";
import { verifyLedger, type VerifyReport } from "./spend/verify-ledger.ts";

const HELP = `Usage: npm run verify [-- --json]

Recomputes every customer total, daily roll-up, sequence and delivery set from the ledger and prints each
difference. Says what waits in DATA_DIR/spool for the store, and names each file and line there that no
replay will book, which counts as a difference. Exit code 0: there is none; 1: there are some; 2: it could not look. The service may be
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

interface Report extends VerifyReport {
  readonly spool: SpoolSurvey;
}

async function verify(): Promise<Report> {
  const data = await openData(process.env, "spendhook-verify");
  try {
    // First: what is booked in between is in the ledger as well, and nothing is missing in both.
    const spool = await surveySpool(path.resolve(readSettings(process.env).values.dataDir, "spool"));
    const report = await verifyLedger(createVerifySource(data.store));
    return { ...report, differences: [...report.differences, ...spool.faults], spool };
  } finally {
    await data.close();
  }
}

function asText({ customers, charges, totalNano, differences, spool }: Report): string {
  const looked = `${customers} customers, ${charges} charges, ${formatNano(totalNano)} USD`;
  const waiting =
    spool.charges === 0
      ? ""
      : `spool: ${spool.charges} charges of ${formatNano(spool.totalNano)} USD wait for the store\n`;
  if (differences.length === 0) return `${waiting}verify: no difference (${looked})\n`;
  return `${waiting}${differences.join("\n")}\nverify: ${differences.length} differences (${looked})\n`;
}

function asJson({ customers, charges, totalNano, differences, spool }: Report): string {
  return JSON.stringify({
    customers,
    charges,
    total_usd: formatNano(totalNano),
    spool: { charges: spool.charges, total_usd: formatNano(spool.totalNano) },
    differences,
  });
}
