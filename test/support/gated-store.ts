import { createIds } from "../../src/lib/ids.ts";
import { connectStore, type Store } from "../../src/store/connect.ts";
import { Gate } from "./gate.ts";
import { openTestStore } from "./test-store.ts";

/** A store on an empty database, and the gate through which it is reached. */
export interface GatedStore {
  readonly gate: Gate;
  readonly store: Store;
  readonly close: () => Promise<void>;
}

/** `options` are the driver's, as in a URL: `a=1&b=2`. */
export async function openGatedStore(options = ""): Promise<GatedStore> {
  const server = await openTestStore();
  const gate = await Gate.to(server.url);
  const url = new URL(gate.url);
  for (const [name, value] of new URLSearchParams(options)) url.searchParams.set(name, value);
  const store = connectStore({ url: url.href, database: createIds()("gated"), appName: "test" });
  const close = async (): Promise<void> => {
    await store.close();
    await gate.close();
    await server.close();
  };
  return { gate, store, close };
}
