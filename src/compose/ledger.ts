import { accessSync, constants, mkdirSync } from "node:fs";
import path from "node:path";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/config-error.ts";
import { repeat } from "../lib/repeat.ts";
import { Ledger } from "../spend/ledger.ts";
import type { LedgerStore } from "../spend/ledger-store.ts";
import type { EventPlanner } from "../spend/plan-batch.ts";
import { createSpool } from "../spend/spool.ts";
import { DEFAULT_ENDPOINT_ID } from "../webhooks/endpoint-store.ts";
import { serializeSpendTracked } from "../webhooks/event-body.ts";
import type { Parts } from "./parts.ts";

const PING_MS = 1000;
const SPOOL_INTERVAL_MS = 1000;

/** The ledger with its spool, which is put into the store whenever that answers. */
export function openLedger(
  { config, store, newId, closer, log }: Parts,
  wiring: {
    readonly store: LedgerStore;
    readonly announce: (deliveryIds: readonly string[]) => void;
    readonly isPrepared: () => boolean;
  },
): Ledger {
  requireWritable(config.dataDir);
  const ledger = new Ledger({
    store: wiring.store,
    spool: createSpool(path.join(config.dataDir, "spool"), newId),
    planner: eventPlanner(config),
    announce: wiring.announce,
    pingStore: () => store.ping(PING_MS),
    log,
    now: () => new Date(),
  });
  closer.add("ledger", () => ledger.idle());
  const replay = async (): Promise<void> => {
    if (wiring.isPrepared()) await ledger.replaySpool();
  };
  closer.add("spool", repeat(SPOOL_INTERVAL_MS, replay));
  return ledger;
}

/** What the ledger asks of webhooks: the event's text, and who wants it. */
function eventPlanner(config: Config): EventPlanner {
  const wanted = config.webhookAlerting && config.webhookUrl !== null ? [DEFAULT_ENDPOINT_ID] : [];
  return {
    endpointsFor: () => wanted,
    serialize: ({ id, charge, totals }) =>
      serializeSpendTracked({
        id,
        requestId: charge.requestId,
        customerId: charge.customerId,
        occurredAt: charge.occurredAt,
        costNano: charge.costNano,
        keyHash: charge.keyHash,
        model: charge.model,
        usage: charge.usage,
        estimated: charge.estimated,
        unpriced: charge.rates === null,
        ...totals,
      }),
  };
}

/** The spool is the last resort: that it cannot be written must not be found out when it is needed. */
function requireWritable(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    accessSync(dataDir, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError("environment", [`DATA_DIR (${dataDir}) cannot be written (${code ?? "error"})`]);
  }
}
