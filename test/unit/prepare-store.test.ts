import { MongoClientBulkWriteError, MongoServerError } from "mongodb";
import { expect, test } from "vitest";
import { connectStore, type Store } from "../../src/store/connect.ts";
import { prepareStore, StoreTooOldError } from "../../src/store/prepare-store.ts";

/** A store whose server answers bulkWrite with this error, and that has nothing else. */
function refusing(code: number): Store {
  const error = new MongoClientBulkWriteError({ message: "the command failed" });
  error.cause = new MongoServerError({ message: "no", code });
  return {
    client: { bulkWrite: () => Promise.reject(error) },
    db: { command: () => Promise.resolve({ version: "7.0.14" }) },
    collections: { customers: { namespace: "spendhook.customers" } },
  } as unknown as Store;
}

test.each([
  ["an old server", 59],
  ["a server that behaves as an older one", 115],
])("%s is refused with its version", async (_what, code) => {
  const preparing = prepareStore(refusing(code));
  await expect(preparing).rejects.toThrow(StoreTooOldError);
  await expect(preparing).rejects.toThrow(
    /^MongoDB 8\.0 or newer is needed, .* MONGODB_URL leads to 7\.0\.14/,
  );
});

test("any other failure is told as it is", async () => {
  await expect(prepareStore(refusing(13))).rejects.toThrow(MongoClientBulkWriteError);
});

test.each([
  ["mongodb://127.0.0.1:1/?directConnection=true", "spendhook"],
  ["mongodb://127.0.0.1?appName=a/b.c", "spendhook"],
  ["mongodb://a:1,b:2,c:3/bills?replicaSet=rs0", "bills"],
  ["mongodb://user:secret@a/bills", "bills"],
  ["mongodb://%2Frun%2Fmongodb.sock/bills", "bills"],
  ["mongodb://%2Frun%2Fmongodb.sock", "spendhook"],
])("the database of %s is %s", async (url, name) => {
  const store = connectStore({ url, appName: "test" });
  expect(store.db.databaseName).toBe(name);
  await store.close();
});
