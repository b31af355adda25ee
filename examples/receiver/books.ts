import { MongoClient } from "mongodb";

/** What a receiver reads of an event. */
export interface Event {
  readonly id: string;
  readonly type: string;
  /** Absent in events about Spendhook itself. */
  readonly customer_id?: string;
  /** A charge's number among the customer's charges; other events carry the number of the last charge. */
  readonly sequence: number;
  readonly spend: number;
}

/** One customer: what was spent, the last charge before the first gap, and the last charge of all. */
export interface Account {
  readonly spentNano: bigint;
  readonly through: number;
  readonly highest: number;
}

export interface Books {
  /** Books an event once and durably, and answers its customer's account; null when it was booked before. */
  book(event: Event): Promise<Account | null>;
  /** Customers with a gap, and the last charge before it. */
  gaps(): Promise<[customerId: string, through: number][]>;
}

const EMPTY: Account = { spentNano: 0n, through: 0, highest: 0 };

/** Amounts have at most nine decimals: as whole nano-dollars they add up exactly, as doubles they would not. */
function nanoOf({ spend }: Event): bigint {
  return BigInt(spend.toFixed(9).replace(".", ""));
}

/** One transaction per event: its id and what it changes are there together, or neither is. */
export async function booksInMongo(url: string): Promise<Books> {
  const client = new MongoClient(url, { useBigInt64: true });
  const db = client.db("receiver");
  const events = db.collection<{ _id: string; type: string; customerId: string; sequence: number }>("events");
  const customers = db.collection<{ _id: string } & Account>("customers");
  await events.createIndex({ customerId: 1, sequence: 1 });
  await customers.createIndex({ hasGap: 1 });
  return {
    book: (event) =>
      client.withSession((session) =>
        session.withTransaction(
          async () => {
            if ((await events.findOne({ _id: event.id }, { session })) !== null) return null;
            const { id, type, customer_id: customerId = "", sequence } = event;
            await events.insertOne({ _id: id, type, customerId, sequence }, { session });
            if (type !== "spend_tracked") return EMPTY;
            const known = (await customers.findOne({ _id: customerId }, { session })) ?? EMPTY;
            const spentNano = known.spentNano + nanoOf(event);
            const highest = Math.max(known.highest, sequence);
            const charges = { customerId, type: "spend_tracked" };
            let { through } = known;
            while (await events.findOne({ ...charges, sequence: through + 1 }, { session })) through++;
            const account = { spentNano, through, highest };
            const $set = { ...account, hasGap: through < highest };
            await customers.updateOne({ _id: customerId }, { $set }, { session, upsert: true });
            return account;
          },
          { readConcern: { level: "snapshot" }, writeConcern: { w: "majority", journal: true } },
        ),
      ),
    gaps: async () => {
      const rows = await customers.find({ hasGap: true }).toArray();
      return rows.map(({ _id, through }) => [_id, through]);
    },
  };
}

/** The same for trying it out: gone when the receiver ends. */
export function booksInMemory(): Books {
  const seen = new Set<string>();
  const accounts = new Map<string, Account & { readonly ahead: Set<number> }>();
  const book = (event: Event): Account | null => {
    if (seen.has(event.id)) return null;
    seen.add(event.id);
    const { type, customer_id: customerId = "", sequence } = event;
    if (type !== "spend_tracked") return EMPTY;
    const { ahead, ...known } = accounts.get(customerId) ?? { ...EMPTY, ahead: new Set() };
    ahead.add(sequence);
    let { through } = known;
    while (ahead.delete(through + 1)) through++;
    const highest = Math.max(known.highest, sequence);
    const account = { spentNano: known.spentNano + nanoOf(event), through, highest };
    accounts.set(customerId, { ...account, ahead });
    return account;
  };
  return {
    book: (event) => Promise.resolve(book(event)),
    gaps: () =>
      Promise.resolve(
        [...accounts].flatMap(([id, { through, highest }]) => (through < highest ? [[id, through]] : [])),
      ),
  };
}
