import { readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { importInto } from "./compose/importer.ts";
import { loadBudgetSetup } from "./config/load-config.ts";
import { reportJson, reportText } from "./customers/import/import-report.ts";
import { collectIncoming } from "./customers/import/incoming.ts";
import { readRows, type Row, UnreadableFile } from "./customers/import/read-rows.ts";
import type { ImportReport } from "./customers/import/run-import.ts";
import { createProgress } from "./lib/progress.ts";
import { openData } from "./open-data.ts";

const HELP = `Usage: npm run import -- FILE… [--dry-run] [--json] [--config FILE]

Takes over customers and budgets from LiteLLM. The files are what its GET /customer/list and GET /budget/list
answer, as a JSON array or with one JSON object a line, in any order; one of them alone will do.

Budgets are matched by budget_id and customers by user_id: a second run changes nothing. A new customer begins
with its spend in the file; one that exists here keeps what it has spent here. Rows that cannot be taken are
named with the reason, and the rest goes on. The service may be running or stopped; MONGODB_URL and DATA_DIR
say where its data is.

Exit code 0: every row was taken; 1: some were skipped; 2: it could not import.

  --dry-run      write nothing, print what would be done
  --json         print the report as JSON
  --config FILE  configuration file (default: $CONFIG_FILE_PATH, else ./config.yaml)
  --help         print this text
`;

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      "dry-run": { type: "boolean" },
      json: { type: "boolean" },
      config: { type: "string", short: "c" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
  } else if (positionals.length === 0) {
    throw new UnreadableFile(`it needs the files to import\n\n${HELP}`);
  } else {
    const report = await importFiles(positionals, values["dry-run"] === true, values.config);
    const json = values.json === true;
    process.stdout.write(json ? `${JSON.stringify(reportJson(report))}\n` : reportText(report));
    process.exitCode = report.skipped.length === 0 ? 0 : 1;
  }
} catch (error) {
  process.stderr.write(`import: ${error instanceof Error ? error.message : "it could not import"}\n`);
  process.exitCode = 2;
}

async function importFiles(
  files: readonly string[],
  dryRun: boolean,
  configPath: string | undefined,
): Promise<ImportReport> {
  const setup = loadBudgetSetup({
    env: process.env,
    cwd: process.cwd(),
    ...(configPath !== undefined && { configPath }),
  });
  if (setup.fault !== null) {
    process.stderr.write(
      `import: ${setup.fault}\nimport: default models are not checked, and budget days are taken to be UTC days\n`,
    );
  }
  const incoming = collectIncoming(files.flatMap(readFile), setup.modelNames);
  const progress = createProgress({
    name: "import",
    write: (text) => process.stderr.write(text),
    isTty: process.stderr.isTTY,
    nowMs: () => performance.now(),
  });
  const data = await openData(process.env, "spendhook-import");
  try {
    const { store, redisUrl } = data;
    return await importInto({ store, redisUrl, setup, dryRun, progress }, incoming);
  } finally {
    await data.close();
  }
}

function readFile(file: string): Row[] {
  const name = path.basename(file);
  try {
    return readRows(name, readFileSync(file));
  } catch (error) {
    if (error instanceof UnreadableFile) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "error";
    throw new UnreadableFile(
      `${file}: ${code === "ENOENT" ? "there is no such file" : `it cannot be read (${code})`}`,
    );
  }
}
