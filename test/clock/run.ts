import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { type Moment, momentsFrom } from "./moments.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");
/** redis-server's own allocator asks for the time before libfaketime is ready, and gets none: libc's does not. */
const WITH_PLAIN_MALLOC = 'LD_PRELOAD="$LD_PRELOAD libc.so.6" exec "$@"';
const MOST_TOLD = 500;
const NAMES = momentsFrom(new Date()).map(({ name }) => name);
const HELP = `Usage: npm run test:clock [-- options] [test files …]

Runs tests, and every process that they start, under a clock that is moved: no test may depend on the day it runs.
Needs libfaketime (Debian: apt-get install faketime). Exit code 0: all passed at every moment; 1: some did not.

  --moments NAME[,NAME]   ${NAMES.join(", ")} (default: all)
  --projects NAME[,NAME]  of test/vitest.config.ts (default: unit,integration)
  --help                  print this text
`;

interface Result {
  readonly moment: Moment;
  readonly passed: number;
  readonly failed: readonly string[];
  readonly seconds: number;
}

interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { fullName: string; status: string; failureMessages: string[] }[];
  }[];
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      moments: { type: "string", default: NAMES.join(",") },
      projects: { type: "string", default: "unit,integration" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const wanted = values.moments.split(",");
  const unknown = wanted.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) throw new Error(`there is no moment ${unknown.join(", ")}`);
  const projects = values.projects.split(",").flatMap((name) => ["--project", name]);
  const results: Result[] = [];
  for (const name of wanted) {
    const moment = momentsFrom(new Date()).find((one) => one.name === name);
    if (moment === undefined) continue;
    process.stdout.write(`${name}: from ${moment.at.toISOString()} in ${moment.timeZone} …\n`);
    const result = await runAt(moment, [...projects, ...positionals]);
    for (const failure of result.failed) process.stdout.write(`  ${failure}\n`);
    process.stdout.write(
      `  ${result.passed} passed, ${result.failed.length} failed in ${result.seconds} s\n`,
    );
    results.push(result);
  }
  process.stdout.write(tableOf(results));
  const failed = results.reduce((sum, result) => sum + result.failed.length, 0);
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

async function runAt({ at, ...moment }: Moment, args: readonly string[]): Promise<Result> {
  const folder = mkdtempSync(path.join(tmpdir(), "spendhook-clock-"));
  const file = path.join(folder, "report.json");
  const startedAt = performance.now();
  try {
    const offset = Math.round((at.getTime() - Date.now()) / 1000);
    const reporting = ["--reporter=json", `--outputFile.json=${file}`];
    const vitest = ["vitest", "run", "--config", "test/vitest.config.ts", ...reporting, ...args];
    // An offset, not a time to start at: that would begin anew in each process.
    const moved = ["-f", `${offset < 0 ? "" : "+"}${offset}`, "sh", "-c", WITH_PLAIN_MALLOC, "sh"];
    const child = spawn("faketime", [...moved, ...vitest], {
      cwd: ROOT,
      // Timers go by the monotonic clock, which moves for nobody.
      env: { ...process.env, TZ: moment.timeZone, DONT_FAKE_MONOTONIC: "1" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let words = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      words += text;
    });
    const [code] = (await once(child, "close")) as [number | null];
    const report = readReport(file, words);
    const failed = failuresOf(report);
    // vitest can fail without a failed test.
    if (code !== 0 && failed.length === 0) failed.push(`vitest ended with ${code}: ${words.slice(-2000)}`);
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    return { moment: { at, ...moment }, passed: report.numPassedTests, failed, seconds };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readReport(file: string, words: string): Report {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Report;
  } catch (cause) {
    throw new Error(`vitest left no report: ${words.slice(-2000)}`, { cause });
  }
}

function failuresOf({ testResults }: Report): string[] {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = path.relative(ROOT, name);
    const failed = assertionResults.filter((test) => test.status === "failed");
    // A file that cannot be loaded has no tests of its own.
    if (failed.length === 0) return status === "failed" ? [`${file}: ${message.slice(0, MOST_TOLD)}`] : [];
    return failed.map(
      ({ fullName, failureMessages }) =>
        `${file}: ${fullName}: ${failureMessages[0]?.slice(0, MOST_TOLD) ?? ""}`,
    );
  });
}

function tableOf(results: readonly Result[]): string {
  const rows = results.map(({ moment, passed, failed, seconds }) => [
    moment.name,
    moment.at.toISOString().slice(0, 16),
    moment.timeZone,
    String(passed),
    String(failed.length),
    `${seconds} s`,
  ]);
  const all = [["moment", "from (UTC)", "TZ", "passed", "failed", "took"], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  return all.map((row) => `${row.map((text, at) => text.padEnd(widths[at] ?? 0)).join("  ")}\n`).join("");
}

try {
  process.exitCode = await main();
} catch (error) {
  const { code } = error as NodeJS.ErrnoException;
  const reason =
    code === "ENOENT" ? "faketime is not installed (Debian: apt-get install faketime)" : String(error);
  process.stderr.write(`test:clock: ${reason}\n`);
  process.stdout.write("0 passed, 1 failed\n");
  process.exitCode = 1;
}
