import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { connectionBounds, Connections } from "../../src/http/connections.ts";

/** What of a socket is asked for here. */
class FakeSocket extends EventEmitter {
  destroyed = false;
  writableEnded = false;
  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

function open(most: number, keptIdle = most) {
  const connections = new Connections({ most, keptIdle }, () => 0);
  return {
    connections,
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

test("of more idle ones than are kept none is closed: the next answers should end theirs", () => {
  const { connections, connect } = open(20, 10);
  const sockets = Array.from({ length: 11 }, connect);
  for (const socket of sockets) {
    connections.busy(socket);
    connections.idle(socket);
  }
  expect(connections.areTooManyIdle).toBe(true);
  connections.busy(sockets[0]!);
  expect([connections.areTooManyIdle, sockets.some(({ destroyed }) => destroyed)]).toEqual([false, false]);
});

test("one with a request left of several is not idle", () => {
  const { connections, connect } = open(2);
  const [pipelined, busy] = [connect(), connect()];
  connections.busy(pipelined);
  connections.busy(pipelined);
  connections.busy(busy);
  connections.idle(pipelined);
  expect([connect().destroyed, pipelined.destroyed]).toEqual([true, false]);
  connections.idle(pipelined);
  expect([connect().destroyed, pipelined.destroyed]).toEqual([false, true]);
});

test.each([
  [0, 4096, 512],
  [200, 4096, 512],
  [1024, 4096, 1024],
  [8192, 16_384, 8192],
  [100_000, 200_000, 8192],
])(
  "with room for %i calls at most %i connections are open, and %i idle ones kept",
  (calls, most, keptIdle) => {
    expect(connectionBounds(calls)).toEqual({ most, keptIdle });
  },
);
