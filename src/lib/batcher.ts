/**
 * Turns many small calls into few big ones without a timer: a batch is whatever arrived while the
 * previous batch was away. Under no load a call leaves in the same turn of the event loop; under load
 * batches grow by themselves.
 */
export interface Batcher<Item, Result> {
  /** Resolves or rejects with this item's own result. */
  add(item: Item): Promise<Result>;
  /** Resolves when everything added so far has been answered. */
  idle(): Promise<void>;
  /** Items waiting or away. */
  readonly size: number;
}

export interface BatcherOptions {
  /** The most items given to one run. */
  readonly maxItems: number;
  /** Batches away at once; more than one gives up ordering between batches. Default 1. */
  readonly concurrency?: number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * `run` returns one outcome per item, in order: `{ value }` or `{ error }`. When it throws, every item of
 * that batch rejects with the error.
 */
export function createBatcher<Item, Result>(
  run: (items: Item[]) => Promise<BatchOutcome<Result>[]>,
  options: BatcherOptions,
): Batcher<Item, Result> {
  const concurrency = options.concurrency ?? 1;
  let waiting: Waiting<Item, Result>[] = [];
  let away = 0;
  let batches = 0;
  let scheduled = false;
  let idleWaiters: (() => void)[] = [];

  const pump = (): void => {
    scheduled = false;
    while (batches < concurrency && waiting.length > 0) {
      const batch = waiting.slice(0, options.maxItems);
      waiting = waiting.slice(options.maxItems);
      batches++;
      away += batch.length;
      void send(batch);
    }
    if (batches === 0 && waiting.length === 0) {
      for (const done of idleWaiters) done();
      idleWaiters = [];
    }
  };

  const send = async (batch: Waiting<Item, Result>[]): Promise<void> => {
    try {
      const outcomes = await run(batch.map((entry) => entry.item));
      batch.forEach((entry, index) => {
        const outcome = outcomes[index];
        if (outcome === undefined) entry.reject(new Error("The batch returned no outcome for this item"));
        else if ("error" in outcome) entry.reject(outcome.error);
        else entry.resolve(outcome.value);
      });
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    } finally {
      batches--;
      away -= batch.length;
      pump();
    }
  };

  return {
    add: (item) =>
      new Promise<Result>((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        if (!scheduled && batches < concurrency) {
          scheduled = true;
          setImmediate(pump);
        }
      }),
    idle: () =>
      new Promise((resolve) => {
        if (batches === 0 && waiting.length === 0) resolve();
        else idleWaiters.push(resolve);
      }),
    get size() {
      return waiting.length + away;
    },
  };
}

export type BatchOutcome<Result> = { readonly value: Result } | { readonly error: unknown };
