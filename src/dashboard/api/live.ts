import { type Observable, observable } from "../observable.ts";
import type { Session } from "../session/session.ts";
import { eventReader } from "./event-stream.ts";
import type { ChangeMessage, SpendMessage } from "./schemas/session.ts";

/** off: nobody is signed in, or the page is hidden. lost: it was live, and is being tried again. */
export type LiveState = "off" | "live" | "lost";

/** resumed: messages may have been missed, so everything on show has to be asked for again. */
export type LiveMessage =
  | { readonly name: "spend"; readonly data: SpendMessage }
  | { readonly name: "change"; readonly data: ChangeMessage }
  | { readonly name: "resumed" };

export interface Live {
  readonly state: Pick<Observable<LiveState>, "get" | "listen">;
  /** Returns how to stop listening. */
  readonly listen: (listener: (message: LiveMessage) => void) => () => void;
  readonly start: () => void;
  readonly stop: () => void;
}

/** Heartbeats come every ten seconds; a line that is silent this long is dead, whatever the socket says. */
const SILENCE_MS = 25_000;
const RETRY_MS = 1000;

/** The live stream of spend and changes. It is tried again for as long as it is started. */
export function createLive(fetch: typeof globalThis.fetch, session: Session): Live {
  const state = observable<LiveState>("off");
  const listeners = new Set<(message: LiveMessage) => void>();
  let running: AbortController | null = null;
  let wasConnected = false;

  const tell = (message: LiveMessage): void => {
    for (const listener of listeners) listener(message);
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const line = new AbortController();
      const dead = deadline(SILENCE_MS, () => line.abort());
      try {
        const answer = await fetch("/ui/api/live", { signal: AbortSignal.any([signal, line.signal]) });
        if (answer.status === 401) {
          await session.expire();
          continue;
        }
        if (!answer.ok || answer.body === null) throw new Error(`live answered ${answer.status}`);
        state.set("live");
        if (wasConnected) tell({ name: "resumed" });
        wasConnected = true;
        await readAll(answer.body, { alive: dead.again, tell });
      } catch {
        // Whatever ended it, the next turn tries again.
      } finally {
        dead.cancel();
      }
      if (signal.aborted) return;
      state.set("lost");
      await pause(RETRY_MS, signal);
    }
  };

  return {
    state,
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    start: () => {
      if (running !== null) return;
      running = new AbortController();
      void run(running.signal);
    },
    stop: () => {
      running?.abort();
      running = null;
      state.set("off");
    },
  };
}

async function readAll(
  body: ReadableStream<Uint8Array>,
  on: { alive: () => void; tell: (message: LiveMessage) => void },
): Promise<void> {
  const read = eventReader();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    on.alive();
    for (const { name, data } of read(decoder.decode(value, { stream: true }))) {
      if (name === "spend") on.tell({ name, data: JSON.parse(data) as SpendMessage });
      if (name === "change") on.tell({ name, data: JSON.parse(data) as ChangeMessage });
    }
  }
}

function deadline(afterMs: number, end: () => void): { again: () => void; cancel: () => void } {
  let timer = setTimeout(end, afterMs);
  return {
    again: () => {
      clearTimeout(timer);
      timer = setTimeout(end, afterMs);
    },
    cancel: () => clearTimeout(timer),
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", end, { once: true });
  });
}
