import { withStore } from "./ledger-rows.ts";
import type { Stack } from "./stack.ts";

interface Row {
  readonly _id: string;
  readonly eventId: string;
  readonly state: string;
  readonly dueAt: Date;
  readonly lease: object | null;
  readonly attempts: readonly { code: string; startedAt: Date }[];
}

const MOST_ROWS = 5;
const MOST_OUTPUT = 6000;

/** Why events may not have arrived: their deliveries, their endpoints and what the processes last said. */
export async function describeDeliveries(stack: Stack, eventIds: readonly string[]): Promise<string> {
  const [rows, endpoints] = await withStore(stack.mongodbUrl, async (client) => {
    const db = client.db("spendhook");
    return [
      await db
        .collection<Row>("deliveries")
        .find({ eventId: { $in: [...eventIds] } })
        .toArray(),
      await db.collection("webhook_endpoints").find().toArray(),
    ];
  });
  const kinds = Map.groupBy(rows, ({ state, attempts, lease }) =>
    [state, ...attempts.map(({ code }) => code), lease === null ? "free" : "claimed"].join(" "),
  );
  return [
    `now ${new Date().toISOString()}; ${rows.length} deliveries of ${eventIds.length} events`,
    ...[...kinds].map(([kind, own]) => `${own.length} × ${kind}`),
    ...rows
      .slice(0, MOST_ROWS)
      .map(({ _id, dueAt, lease, attempts }) => shown({ _id, dueAt, lease, attempts })),
    ...endpoints.map(({ _id, state, pausedUntil, breaker, health }) =>
      shown({ _id, state, pausedUntil, breaker, health }),
    ),
    ...stack.processes().map(({ pid, command }) => `${pid} ${command}`),
    stack.output.slice(-MOST_OUTPUT),
  ].join("\n");
}

function shown(value: object): string {
  return JSON.stringify(value, (_key, field: unknown) => (typeof field === "bigint" ? String(field) : field));
}
