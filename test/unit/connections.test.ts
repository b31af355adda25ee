import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { Connections } from "../../src/http/connections.ts";

/** What of a socket is asked for here. */
class FakeSocket extends EventEmitter {
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

function open(most: number) {
  let now = 0;
  const connections = new Connections(most, () => now);
  return {
    connections,
    at: (ms: number) => (now = ms),
    connect: (): Socket => {
      const socket = new FakeSocket() as unknown as Socket;
      connections.add(socket);
      return socket;
    },
  };
}

test("one too many closes the one that never asked for anything, then the one that is idle the longest", () => {
  const { connections, connect } = open(3);
  const [busy, idle, unused] = [connect(), connect(), connect()];
  connections.busy(busy);
  connections.busy(idle);
  connections.idle(idle);
  const next = connect();
  expect([busy, idle, unused].map(({ destroyed }) => destroyed)).toEqual([false, false, true]);
  connections.busy(next);
  connect();
  expect([busy, idle, next].map(({ destroyed }) => destroyed)).toEqual([false, true, false]);
});

test("where all are busy the newcomer has to go", () => {
  const { connections, connect } = open(1);
  const busy = connect();
  connections.busy(busy);
  expect([connect().destroyed, busy.destroyed, connections.all.size]).toEqual([true, false, 1]);
});

test("what a burst has left idle is closed before its time-out, down to what is kept", () => {
  const { connections, connect, at } = open(10_000);
  const sockets = Array.from({ length: 1000 }, connect);
  for (const socket of sockets) {
    connections.busy(socket);
    connections.idle(socket);
  }
  at(9000);
  connections.busy(sockets[0]!);
  connections.idle(sockets[0]!);
  connections.trim();
  expect(connections.all.size).toBe(1000);
  at(11_000);
  connections.trim();
  expect([connections.all.size, sockets[0]?.destroyed]).toEqual([512, false]);
});
