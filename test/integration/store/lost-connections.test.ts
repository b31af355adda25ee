import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Store } from "../../../src/store/connect.ts";
import type { Gate } from "../../support/gate.ts";
import { openGatedStore } from "../../support/gated-store.ts";
import { waitUntil } from "../../support/wait-until.ts";

let gate: Gate;
let store: Store;
/** Those of this process, the driver's among them. */
let sockets: Socket[];
const remember = (message: unknown): void => void sockets.push((message as { socket: Socket }).socket);

beforeEach(async () => {
  sockets = [];
  subscribe("net.client.socket", remember);
  // The driver looks at the store often, over a connection that it keeps, whatever the store could tell by itself.
  const opened = await openGatedStore("heartbeatFrequencyMS=500&serverMonitoringMode=poll");
  ({ gate, store } = opened);
  return opened.close;
});
afterEach(() => unsubscribe("net.client.socket", remember));

const toStore = (): Socket[] =>
  sockets.filter((socket) => !socket.destroyed && String(socket.remotePort) === new URL(gate.url).port);

// Timeline  the store ends the connection; in the moment before that is known a statement is sent.
// Proves    it ends, and what can be repeated is done on another connection.
test("a statement on a connection that has just been closed does not wait for ever", async () => {
  await store.collections.customers.findOne({ _id: "anyone" });
  for (let turn = 0; turn < 3; turn++) {
    expect(toStore()).not.toEqual([]);
    for (const socket of toStore()) socket.destroy();
    expect(await store.collections.customers.findOne({ _id: "anyone" })).toBeNull();
  }
});

// Timeline  the same happens to the driver's own look at the store.
// Proves    the process sees the store again: it would be blind for good, as nothing else looks.
test("a process sees its store again after the connection that looks at it was closed", async () => {
  const { customers } = store.collections;
  const read = (): Promise<boolean> => customers.findOne({ _id: "anyone" }).then(() => true);
  await read();
  const closed: number[] = [];
  store.client.on("serverHeartbeatStarted", () => {
    // Its statement is about to be written.
    if (closed.length === 0) for (const socket of toStore()) socket.destroy();
    closed.push(sockets.filter(({ destroyed }) => destroyed).length);
  });
  await waitUntil("three more looks", () => closed.length > 3);
  // The one that looks, and the one that reads.
  expect(closed[0]).toBeGreaterThanOrEqual(2);
  await waitUntil("the store to be seen again", read);
});

// Timeline  the store stops reading in the middle of a statement that no socket's buffer can take.
// Proves    it ends when the driver takes the store for gone, as a small one does.
test("a large statement to a store that has stopped reading ends", async () => {
  const rows = store.db.collection("rows");
  await rows.insertOne({});
  gate.shut();
  const large = { $set: { text: "x".repeat(15_000_000) } };
  await expect(rows.updateMany({}, large)).rejects.toThrow(/time/);
  gate.open();
});
