import { median } from "./statistics.ts";

/**
 * How long the dashboard's requests take against a service that runs: BASE_URL (default
 * http://127.0.0.1:4000) and MASTER_KEY (default sk-1234). Fill its store first: npm run seed.
 */
const base = process.env["BASE_URL"] ?? "http://127.0.0.1:4000";
const headers = { authorization: `Bearer ${process.env["MASTER_KEY"] ?? "sk-1234"}` };
const ROUNDS = 15;
const MAX_BYTES = 100 * 1024;

interface Case {
  readonly name: string;
  readonly target: string;
  readonly aimMs: number;
}

async function get(
  target: string,
): Promise<{ ms: number; bytes: number; next: string | null; text: string }> {
  const startedAt = performance.now();
  const response = await fetch(base + target, { headers });
  const text = await response.text();
  const ms = performance.now() - startedAt;
  if (!response.ok) throw new Error(`${target}: ${response.status} ${text.slice(0, 200)}`);
  const next = /^<(.+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1] ?? null;
  return { ms, bytes: Buffer.byteLength(text), next, text };
}

function day(offset: number): string {
  return new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
}

async function cases(): Promise<Case[]> {
  const page = (query: string): string => `/customer/list?limit=50&held=true${query}`;
  const sorts = ["user_id", "created_at", "spend", "utilization", "last_call_at"];
  const busiest = JSON.parse((await get(page("&sort=spend&order=desc"))).text) as {
    user_id: string;
    alias: string | null;
  }[];
  const id = busiest[0]?.user_id ?? "";
  const alias = busiest.find((row) => row.alias !== null)?.alias ?? "a";
  const customer = `/customer/${encodeURIComponent(id)}`;
  const second: Case[] = [];
  for (const sort of sorts) {
    const first = await get(page(`&sort=${sort}&order=desc`));
    if (first.next !== null) second.push({ name: `second page by ${sort}`, target: first.next, aimMs: 200 });
  }
  return [
    ...sorts.flatMap((sort) =>
      ["asc", "desc"].map((order) => ({
        name: `first page by ${sort} ${order}`,
        target: page(`&sort=${sort}&order=${order}`),
        aimMs: 200,
      })),
    ),
    ...second,
    ...["utilization", "spend", "user_id", "last_call_at"].map((sort) => ({
      name: `tier free by ${sort}`,
      target: page(`&budget_id=free&sort=${sort}&order=desc`),
      aimMs: 300,
    })),
    ...["enterprise", "team"].map((tier) => ({
      name: `tier ${tier} by spend`,
      target: page(`&budget_id=${tier}&sort=spend&order=desc`),
      aimMs: 300,
    })),
    { name: "blocked", target: page("&blocked=true&sort=spend&order=desc"), aimMs: 200 },
    ...[id.slice(0, 1), id.slice(0, -2), id, alias.slice(0, 1), alias.slice(0, 6), alias, "zzz"].flatMap(
      (search) =>
        ["user_id", "spend"].map((sort) => ({
          name: `search ${JSON.stringify(search)} by ${sort}`,
          target: page(`&search=${encodeURIComponent(search)}&sort=${sort}&order=desc`),
          aimMs: 300,
        })),
    ),
    { name: "customer", target: `/customer/info?end_user_id=${encodeURIComponent(id)}`, aimMs: 200 },
    { name: "its calls", target: `${customer}/calls?limit=50`, aimMs: 200 },
    {
      name: "its activity, 30 days",
      target: `${customer}/activity?from=${day(-29)}&to=${day(0)}`,
      aimMs: 200,
    },
    { name: "overview, 30 days", target: `/spend/overview?from=${day(-29)}&to=${day(0)}`, aimMs: 200 },
    { name: "overview, 366 days", target: `/spend/overview?from=${day(-365)}&to=${day(0)}`, aimMs: 200 },
    { name: "budgets with usage", target: "/budget/list?usage=true&limit=50", aimMs: 200 },
    { name: "models", target: "/model/info", aimMs: 200 },
  ];
}

let missed = 0;
const line = (cells: readonly string[]): void => {
  const [name = "", ...numbers] = cells;
  process.stdout.write(`${name.padEnd(42)}${numbers.map((cell) => cell.padStart(10)).join("")}\n`);
};
line(["", "median ms", "max ms", "aim ms", "KB"]);
for (const { name, target, aimMs } of await cases()) {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await get(target));
  const times = rounds.map(({ ms }) => ms);
  const bytes = Math.max(...rounds.map((one) => one.bytes));
  const isMissed = median(times) > aimMs || bytes > MAX_BYTES;
  if (isMissed) missed++;
  const figures = [
    median(times).toFixed(0),
    Math.max(...times).toFixed(0),
    String(aimMs),
    (bytes / 1024).toFixed(0),
  ];
  line([`${isMissed ? "! " : "  "}${name}`, ...figures]);
}
process.exitCode = missed === 0 ? 0 : 1;
