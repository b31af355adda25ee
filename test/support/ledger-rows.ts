import { MongoClient } from "mongodb";

/** A row of the ledger as it lies in the store. */
export interface LedgerRow {
  readonly _id: string;
  readonly customerId: string;
  readonly sequence: bigint;
  readonly requestId: string;
  readonly costNano: bigint;
  readonly estimated: boolean;
  readonly usage: { readonly promptTokens: number; readonly completionTokens: number };
  readonly body: string;
}

/** Opens a stack's store, as an operator with `mongosh` would. */
export async function withStore<T>(url: string, use: (client: MongoClient) => Promise<T>): Promise<T> {
  const client = new MongoClient(url, { useBigInt64: true });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** All charges, or those that match. */
export function readLedger(url: string, filter: object = {}): Promise<LedgerRow[]> {
  return withStore(url, (client) =>
    client
      .db("spendhook")
      .collection<LedgerRow>("events")
      .find({ type: "spend_tracked", ...filter })
      .toArray(),
  );
}

/** How many deliveries there are in each state. */
export function countDeliveries(url: string, filter: object): Promise<number> {
  return withStore(url, (client) => client.db("spendhook").collection("deliveries").countDocuments(filter));
}
