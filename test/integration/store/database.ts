import { randomUUID } from "node:crypto";
import { MongoClient, MongoServerError } from "mongodb";
import type { Collection, Db, Document } from "mongodb";
import { afterAll, beforeAll } from "vitest";
import { openTestStore } from "../../support/test-store.ts";

/** A document whose `_id` the tests choose. */
export interface Row extends Document {
  _id: string | number;
}

export interface TestDatabase {
  readonly url: string;
  readonly client: MongoClient;
  readonly db: Db;
  /** A collection of its own for each call. */
  collection(): Collection<Row>;
  /** The same, for documents whose `_id` is neither text nor a number. */
  collectionOf<T extends Document>(): Collection<T>;
}

/** A store and a database of its own for one test file. Types come back as they are stored. */
export function useDatabase(): TestDatabase {
  let url = "";
  let close = async (): Promise<void> => {};
  let client: MongoClient | null = null;
  let db: Db | null = null;
  let made = 0;
  const opened = <T>(value: T | null): T => {
    if (value === null) throw new Error("the database is not open yet");
    return value;
  };
  beforeAll(async () => {
    const store = await openTestStore();
    close = () => store.close();
    ({ url } = store);
    client = new MongoClient(store.url, { promoteLongs: false });
    db = client.db(`conformance_${randomUUID().slice(0, 8)}`);
    await db.command({ ping: 1 });
  });
  afterAll(async () => {
    await db?.dropDatabase();
    await client?.close();
    await close();
  });
  return {
    get url() {
      return url;
    },
    get client() {
      return opened(client);
    },
    get db() {
      return opened(db);
    },
    collection: () => opened(db).collection<Row>(`c${++made}`),
    collectionOf: <T extends Document>() => opened(db).collection<T>(`c${++made}`),
  };
}

/** The server error a promise must reject with. */
export async function serverError(promise: Promise<unknown>): Promise<MongoServerError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof MongoServerError) return error;
    throw error;
  }
  throw new Error("expected a server error, but there was none");
}

/** Waits for a condition; fails when it does not come true in time. */
export async function until(condition: () => Promise<boolean>, seconds = 20): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`the condition did not come true within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
