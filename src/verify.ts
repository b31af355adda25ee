import { parseArgs } from "node:util";
import { formatNano } from "./lib/money.ts";
import { openData } from "./open-data.ts";
import { createVerifySource } from "./spend/verify-store.ts";
import { verifyLedger, type VerifyReport } from "./spend/verify-ledger.ts";

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
  const data = await openData(process.env, "spendhook-verify");
  try {
    return await verifyLedger(createVerifySource(data.store));
  } finally {
    await data.close();
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
