import { cpus } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { checkCorrectness, type Correctness, isCorrect } from "./correctness.ts";
import { type Rig, startRig } from "./rig.ts";
import { isolation } from "./isolation.ts";
import { overload } from "./overload.ts";
import { calls, events, type Figure, latency, type Plan, type Scenario, streams } from "./scenarios.ts";

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  calls,
  latency,
  streams,
  events,
  isolation,
  overload,
};

const HELP = `Usage: npm run bench [-- options]

Measures Spendhook against a bare Koa + undici pass-through on this machine, in one run, and counts what
was lost or charged wrongly meanwhile. Absolute numbers depend on the machine: compare the ratios.
Exit code 0: all counts are right; 1: some are wrong; 2: it could not be run. Linux only.

  --only NAME[,NAME]  ${Object.keys(SCENARIOS).join(", ")} (default: all)
  --rounds N          rounds of each, medians are printed (default 5)
  --seconds N         length of a round (default 5)
  --profile FOLDER    leave a CPU profile of each process there; this makes it slower
  --json              print one JSON object instead of a table
  --help              print this text

With MONGODB_URL and REDIS_URL unset the embedded services are measured.
`;

const count = z.coerce.number().int().min(1).max(1000);

interface Args {
  readonly plan: Plan;
  readonly names: readonly string[];
  readonly json: boolean;
  readonly profileDir: string | undefined;
}

function readArgs(): Args {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "5" },
      profile: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const names = values.only?.split(",") ?? Object.keys(SCENARIOS);
  const unknown = names.filter((name) => !(name in SCENARIOS));
  if (unknown.length > 0) throw new Error(`there is no scenario ${unknown.join(", ")}`);
  const number = (name: "rounds" | "seconds"): number => {
    const parsed = count.safeParse(values[name]);
    if (!parsed.success) throw new Error(`--${name} takes a whole number from 1 to 1000`);
    return parsed.data;
  };
  return {
    plan: { rounds: number("rounds"), seconds: number("seconds") },
    names,
    json: values.json,
    profileDir: values.profile && path.resolve(values.profile),
  };
}

async function measure(rig: Rig, names: readonly string[], plan: Plan) {
  const figures: Figure[] = [];
  let failed = 0;
  // What a process does once (compiling, growing its pools) is not what a call costs.
  process.stderr.write("warming up …\n");
  await SCENARIOS["calls"]?.(rig, { rounds: 1, seconds: 3 });
  for (const name of names) {
    process.stderr.write(`${name} …\n`);
    const result = await SCENARIOS[name]?.(rig, plan);
    figures.push(...(result?.figures ?? []));
    failed += result?.failed ?? 0;
  }
  return { figures, correctness: await checkCorrectness(rig, failed) };
}

function asTable(figures: readonly Figure[], correctness: Correctness): string {
  const number = (value?: number): string => (value === undefined ? "" : value.toFixed(value < 100 ? 2 : 0));
  const rows = [
    ["figure", "unit", "spendhook", "bare", "ratio", "aim"],
    ...figures.map((one) => [
      one.name,
      one.unit,
      number(one.value),
      number(one.yardstick),
      number(one.ratio),
      one.aim ?? "",
    ]),
  ];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  const counts = Object.entries(correctness).map(([name, value]) => `  ${name}: ${value}`);
  return [...rows.map(line), "", "must be zero:", ...counts, ""].join("\n");
}

function asJson(figures: readonly Figure[], correctness: Correctness): string {
  const machine = { cores: cpus().length, cpu: cpus()[0]?.model, node: process.version };
  return JSON.stringify(
    { machine, figures, correctness, correct: isCorrect(correctness) },
    (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value),
    2,
  );
}

try {
  const { plan, names, json, profileDir } = readArgs();
  const rig = await startRig(profileDir);
  try {
    const { figures, correctness } = await measure(rig, names, plan);
    process.stdout.write(json ? `${asJson(figures, correctness)}\n` : asTable(figures, correctness));
    process.exitCode = isCorrect(correctness) ? 0 : 1;
  } finally {
    await rig.stop();
  }
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
