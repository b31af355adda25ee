import { expect, test } from "vitest";
import { connectStore, type Store } from "../../src/store/connect.ts";
import { prepareStore, StoreTooOldError } from "../../src/store/prepare-store.ts";

test("a server that is too old is refused by its version, and nothing is created in it", async () => {
  const asked: unknown[] = [];
  const db = {
    command: (command: unknown) => {
      asked.push(command);
      return Promise.resolve({ version: "7.0.14", ok: 1 });
    },
  };
  const preparing = prepareStore({ db } as unknown as Store);
  await expect(preparing).rejects.toThrow(StoreTooOldError);
  await expect(preparing).rejects.toThrow("MongoDB 8.0 or newer is needed, and MONGODB_URL leads to 7.0.14");
  expect(asked).toEqual([{ buildInfo: 1 }]);
});

test.each([
  ["mongodb://127.0.0.1:1/?directConnection=true", "spendhook"],
  ["mongodb://a:1,b:2,c:3/bills?replicaSet=rs0", "bills"],
  ["mongodb://user:secret@a/bills", "bills"],
  ["mongodb://%2Frun%2Fmongodb.sock/bills", "bills"],
  ["mongodb://%2Frun%2Fmongodb.sock", "spendhook"],
])("the database of %s is %s", async (url, name) => {
  const store = connectStore({ url, appName: "test" });
  expect(store.db.databaseName).toBe(name);
  await store.close();
});
