import { usdJson } from "../lib/money.ts";

/** Where a charge has left its customer. */
export interface LiveSpend {
  readonly customerId: string;
  /** Spend of the current period. */
  readonly spendNano: bigint;
  readonly sequence: bigint;
}

/** What an operator has changed, as the change feed tells it. */
export type LiveChange =
  | { readonly kind: "customers"; readonly ids: readonly string[] }
  | { readonly kind: "budget"; readonly id: string };

/** Somebody who looks on. Neither function may throw. */
export interface Watcher {
  /** Takes server-sent events, complete ones. */
  readonly take: (events: string) => void;
  /** Nothing more will come. */
  readonly end: () => void;
}

export interface LiveFeedDeps {
  /** Tells the other processes; what gets lost is made up for by the customer's next charge. */
  readonly publish: (spends: readonly LiveSpend[]) => void;
  /** Called at the first watcher: from now on what others publish is wanted. */
  readonly listen: () => void;
}

const INTERVAL_MS = 250;
const MAX_WATCHERS = 100;
/** One message to the other processes stays small. */
const MAX_PUBLISHED = 500;

/**
 * Spend as it happens, for whoever looks on: at most four times a second per customer, the latest only. A
 * hint and no record: the lists are what holds. Costs nothing per call but an entry in a map.
 */
export class LiveFeed {
  readonly #deps: LiveFeedDeps;
  readonly #watchers = new Set<Watcher>();
  #toPublish = new Map<string, LiveSpend>();
  #toShow = new Map<string, LiveSpend>();
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(deps: LiveFeedDeps) {
    this.#deps = deps;
  }

  /** Charges that this process has committed. */
  spent(spends: readonly LiveSpend[]): void {
    for (const spend of spends) keepLatest(this.#toPublish, spend);
    this.heard(spends);
    if (spends.length > 0) this.#schedule();
  }

  /** Charges that another process has committed. */
  heard(spends: readonly LiveSpend[]): void {
    if (this.#watchers.size === 0) return;
    for (const spend of spends) keepLatest(this.#toShow, spend);
    if (spends.length > 0) this.#schedule();
  }

  changed(change: LiveChange): void {
    if (this.#watchers.size > 0) this.#tell(eventText("change", change));
  }

  /** Null when too many look on already, or this process stops; else a function that ends it. */
  watch(watcher: Watcher): (() => void) | null {
    if (this.#isClosed || this.#watchers.size >= MAX_WATCHERS) return null;
    if (this.#watchers.size === 0) this.#deps.listen();
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  /** Ends all watchers and takes no new ones. What is to be published still is. */
  end(): void {
    this.#isClosed = true;
    for (const watcher of this.#watchers) watcher.end();
    this.#watchers.clear();
  }

  /** Publishes what is left, and stops. */
  close(): void {
    this.end();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#flush();
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => this.#flush(), INTERVAL_MS);
  }

  #flush(): void {
    this.#timer = null;
    const publish = [...this.#toPublish.values()];
    this.#toPublish = new Map();
    for (let from = 0; from < publish.length; from += MAX_PUBLISHED) {
      this.#deps.publish(publish.slice(from, from + MAX_PUBLISHED));
    }
    const show = [...this.#toShow.values()];
    this.#toShow = new Map();
    if (show.length === 0 || this.#watchers.size === 0) return;
    this.#tell(show.map((spend) => eventText("spend", spendJson(spend))).join(""));
  }

  #tell(events: string): void {
    for (const watcher of this.#watchers) watcher.take(events);
  }
}

/** Words of several processes may overtake each other. */
function keepLatest(spends: Map<string, LiveSpend>, spend: LiveSpend): void {
  const known = spends.get(spend.customerId);
  if (known === undefined || known.sequence <= spend.sequence) spends.set(spend.customerId, spend);
}

function spendJson({ customerId, spendNano, sequence }: LiveSpend): object {
  return { customer_id: customerId, spend: usdJson(spendNano), sequence: Number(sequence) };
}

function eventText(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
