import type { Filter } from "mongodb";
import { usdJson } from "../lib/money.ts";
import type { Store } from "../store/connect.ts";
import type { DailySpendDoc } from "../store/documents.ts";

export interface ActivityQuery {
  /** UTC days, YYYY-MM-DD, both inclusive. */
  readonly startDate: string;
  readonly endDate: string;
  readonly customerIds: readonly string[];
  readonly excludedIds: readonly string[];
  readonly model: string | null;
  readonly keyHash: string | null;
  /** 1-based. A page holds so many days. */
  readonly page: number;
  readonly pageSize: number;
}

type Sums = Pick<DailySpendDoc, "costNano" | "calls" | "promptTokens" | "completionTokens" | "cachedTokens">;

/** What one model, key, customer … has spent on one day, also by key. */
interface Group {
  readonly sums: Sums;
  readonly keys: Map<string, Sums>;
}

interface Day {
  readonly sums: Sums;
  readonly models: Map<string, Group>;
  readonly providers: Map<string, Group>;
  readonly endpoints: Map<string, Group>;
  readonly keys: Map<string, Group>;
  readonly customers: Map<string, Group>;
}

const ROUTE = "/chat/completions";
const NAMES: readonly (keyof Sums)[] = [
  "costNano",
  "calls",
  "promptTokens",
  "completionTokens",
  "cachedTokens",
];
const ALIAS_BATCH = 1000;

/**
 * What was spent per day, newest first, in LiteLLM's shape, from the daily roll-ups. The store adds up the
 * days of the whole range; only the page's own rows are read, and folded as they come, so that memory is
 * bounded by the answer.
 */
export async function dailyActivity(
  store: Store,
  providerOf: (model: string) => string,
  query: ActivityQuery,
): Promise<object> {
  const days = await sumByDay(store, query);
  const first = (query.page - 1) * query.pageSize;
  const shown = days.slice(first, first + query.pageSize).map(({ _id }) => _id);
  const folded = await foldDays(store, providerOf, { ...query, days: shown });
  const aliases = await aliasesOf(store, folded);
  const sums = newSums();
  for (const day of days) addSums(sums, day);
  const total = metricsOf(sums);
  return {
    results: shown.map((day) => dayJson(day, folded.get(day) ?? newDay(), aliases)),
    metadata: {
      total_spend: total.spend,
      total_prompt_tokens: total.prompt_tokens,
      total_completion_tokens: total.completion_tokens,
      total_tokens: total.total_tokens,
      total_api_requests: total.api_requests,
      total_successful_requests: total.successful_requests,
      total_failed_requests: 0,
      total_cache_read_input_tokens: total.cache_read_input_tokens,
      total_cache_creation_input_tokens: 0,
      page: query.page,
      total_pages: Math.ceil(days.length / query.pageSize),
      has_more: first + query.pageSize < days.length,
    },
  };
}

/** Every day with spend, newest first. */
function sumByDay({ collections }: Store, query: ActivityQuery): Promise<(Sums & { _id: string })[]> {
  const sums = Object.fromEntries(NAMES.map((name) => [name, { $sum: `$${name}` }]));
  return collections.dailySpend
    .aggregate<Sums & { _id: string }>([
      { $match: filterOf(query) },
      { $group: { _id: "$day", ...sums } },
      { $sort: { _id: -1 } },
    ])
    .toArray();
}

async function foldDays(
  { collections }: Store,
  providerOf: (model: string) => string,
  query: ActivityQuery & { readonly days: readonly string[] },
): Promise<Map<string, Day>> {
  const folded = new Map(query.days.map((day) => [day, newDay()]));
  const [endDate, startDate] = [query.days[0], query.days.at(-1)];
  if (startDate === undefined || endDate === undefined) return folded;
  for await (const row of collections.dailySpend.find(filterOf({ ...query, startDate, endDate }))) {
    const day = folded.get(row.day);
    if (day === undefined) continue;
    addSums(day.sums, row);
    addRow(day.models, row.model, row);
    addRow(day.providers, providerOf(row.model), row);
    addRow(day.endpoints, ROUTE, row);
    addRow(day.keys, row.keyHash, row);
    addRow(day.customers, row.customerId, row);
  }
  return folded;
}

/** Names of the customers that are shown. */
async function aliasesOf(
  { collections }: Store,
  days: ReadonlyMap<string, Day>,
): Promise<Map<string, string | null>> {
  const ids = [...new Set([...days.values()].flatMap(({ customers }) => [...customers.keys()]))];
  const aliases = new Map<string, string | null>();
  for (let from = 0; from < ids.length; from += ALIAS_BATCH) {
    const named = collections.customers
      .find({ _id: { $in: ids.slice(from, from + ALIAS_BATCH) } })
      .project<{ _id: string; alias: string | null }>({ alias: 1 });
    for await (const { _id, alias } of named) aliases.set(_id, alias);
  }
  return aliases;
}

function filterOf(query: ActivityQuery): Filter<DailySpendDoc> {
  const customers = {
    ...(query.customerIds.length > 0 && { $in: [...query.customerIds] }),
    ...(query.excludedIds.length > 0 && { $nin: [...query.excludedIds] }),
  };
  return {
    day: { $gte: query.startDate, $lte: query.endDate },
    ...(Object.keys(customers).length > 0 && { customerId: customers }),
    ...(query.model !== null && { model: query.model }),
    ...(query.keyHash !== null && { keyHash: query.keyHash }),
  };
}

function newSums(): Sums {
  return { costNano: 0n, calls: 0n, promptTokens: 0n, completionTokens: 0n, cachedTokens: 0n };
}

function newDay(): Day {
  return {
    sums: newSums(),
    models: new Map(),
    providers: new Map(),
    endpoints: new Map(),
    keys: new Map(),
    customers: new Map(),
  };
}

function addSums(sums: Sums, more: Sums): void {
  for (const name of NAMES) sums[name] += more[name];
}

function addRow(groups: Map<string, Group>, name: string, row: DailySpendDoc): void {
  const group = groups.get(name) ?? { sums: newSums(), keys: new Map<string, Sums>() };
  groups.set(name, group);
  addSums(group.sums, row);
  const key = group.keys.get(row.keyHash) ?? newSums();
  group.keys.set(row.keyHash, key);
  addSums(key, row);
}

function dayJson(date: string, day: Day, aliases: ReadonlyMap<string, string | null>): object {
  const models = breakdown(day.models);
  return {
    date,
    metrics: metricsOf(day.sums),
    breakdown: {
      mcp_servers: {},
      models,
      model_groups: models,
      providers: breakdown(day.providers),
      endpoints: breakdown(day.endpoints),
      api_keys: breakdown(day.keys),
      entities: breakdown(day.customers, (id) => ({ alias: aliases.get(id) ?? null })),
    },
  };
}

function breakdown(
  groups: ReadonlyMap<string, Group>,
  metadata: (name: string) => object = () => ({}),
): Record<string, object> {
  return Object.fromEntries(
    [...groups].map(([name, { sums, keys }]) => [
      name,
      {
        metrics: metricsOf(sums),
        metadata: metadata(name),
        api_key_breakdown: Object.fromEntries(
          [...keys].map(([key, own]) => [key, { metrics: metricsOf(own), metadata: {} }]),
        ),
      },
    ]),
  );
}

function metricsOf(sums: Sums) {
  return {
    spend: usdJson(sums.costNano),
    prompt_tokens: Number(sums.promptTokens),
    completion_tokens: Number(sums.completionTokens),
    cache_read_input_tokens: Number(sums.cachedTokens),
    cache_creation_input_tokens: 0,
    total_tokens: Number(sums.promptTokens + sums.completionTokens),
    successful_requests: Number(sums.calls),
    // A call that failed costs nothing and is in no roll-up.
    failed_requests: 0,
    api_requests: Number(sums.calls),
  };
}
