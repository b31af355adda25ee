import type { Log } from "../lib/log.ts";
import { untilDone } from "../lib/repeat.ts";
import type { Store } from "./connect.ts";

/**
 * Connects to the store until that has succeeded once, however late it comes: after it the driver finds it again by
 * itself. Until then statements fail with what `isStoreAway` knows. The collections of the store stay as they are.
 * Returns how to close the store, in the middle of a try, too.
 */
export function keepConnecting(store: Pick<Store, "client" | "close">, log: Log): () => Promise<void> {
  const stop = untilDone(async () => {
    // Each try begins anew, with the name looked up again, where a statement would only hear of the first failure.
    await store.client.connect();
  }, log);
  return async () => {
    const stopped = stop();
    // Ends the try in hand.
    await store.close();
    await stopped;
  };
}
