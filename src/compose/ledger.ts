import { accessSync, constants, mkdirSync } from "node:fs";
import path from "node:path";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/config-error.ts";
import { repeat, untilDone } from "../lib/repeat.ts";
import type { Committed } from "../spend/commit-charges.ts";
import { Ledger } from "../spend/ledger.ts";
import type { LedgerStore } from "../spend/ledger-store.ts";
import type { EventPlanner } from "../spend/plan-batch.ts";
import { createSpool } from "../spend/spool.ts";
import type { SpooledCharge } from "../spend/spooled-charges.ts";
import type { EndpointRouter } from "../webhooks/endpoint-router.ts";
import { serializeBudgetEvent, serializeSpendTracked } from "../webhooks/event-body.ts";
import type { Parts } from "./parts.ts";

const PING_MS = 1000;
/** By then a batch that the store does not take is in the spool. */
const SPOOLED_MS = 5000;
const SPOOL_INTERVAL_MS = 1000;

/** The ledger with its spool, which is put into the store whenever that answers. */
export function openLedger(
  { config, store, newId, closer, log }: Parts,
  wiring: {
    readonly store: LedgerStore;
    readonly planner: EventPlanner;
    readonly committed: (done: Committed) => void;
    readonly spooled: (charges: readonly SpooledCharge[]) => void;
    readonly unspooled: (charges: readonly SpooledCharge[]) => void;
    readonly isPrepared: () => boolean;
  },
): Ledger {
  requireWritable(config.dataDir);
  const { isPrepared } = wiring;
  const ledger = new Ledger({
    ...wiring,
    spool: createSpool(path.join(config.dataDir, "spool"), newId),
    pingStore: () => store.ping(PING_MS),
    log,
    now: () => new Date(),
  });
  // The disk needs no store: what waits there counts from the first call on.
  closer.add(
    "recall",
    untilDone(() => ledger.recall(), log),
  );
  closer.add(
    "spool keeper",
    repeat({ name: "spool keeper", intervalMs: SPOOL_INTERVAL_MS, log }, () => ledger.tend()),
  );
  closer.add("ledger", () => ledger.idle(), { limitMs: SPOOLED_MS });
  const replay = async (): Promise<void> => {
    if (isPrepared()) await ledger.replaySpool();
  };
  closer.add("spool", repeat({ name: "spool", intervalMs: SPOOL_INTERVAL_MS, log }, replay));
  return ledger;
}

/** What the ledger asks of webhooks: an event's text, and who wants it. */
export function eventPlanner(config: Config, router: EndpointRouter): EventPlanner {
  return {
    endpointsFor: router.wanting,
    gathers: router.gathers,
    keepDeliveriesMs: config.webhooks.keepDeliveriesMs,
    serializeCharge: serializeSpendTracked,
    serializeBudget: serializeBudgetEvent,
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
