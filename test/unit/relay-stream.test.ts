import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type ClientSink, relayStream } from "../../src/completions/relay-stream.ts";
import { StreamMeter } from "../../src/completions/stream-meter.ts";
import { createFrameSplitter, frameData } from "../../src/lib/sse.ts";

const folder = new URL("../fixtures/streams/", import.meta.url);
const fixtures = readdirSync(folder).map(
  (name) => [name.replace(".txt", ""), readFileSync(new URL(name, folder))] as const,
);

const FINAL = {
  promptTokens: 11,
  completionTokens: 7,
  totalTokens: 18,
  cachedTokens: 4,
  cacheWriteTokens: 0,
  reasoningTokens: 2,
};

/** What the upstream reports in each fixture; null where it reports nothing. */
const USAGE: Record<string, typeof FINAL | null> = { "usage-missing": null, "error-event": null };
/** Fixtures whose usage comes in a chunk of its own. */
const USAGE_ONLY_CHUNK = new Set([
  "openai",
  "done-missing",
  "crlf",
  "comments",
  "multi-line-data",
  "tool-calls",
  "usage-in-text",
  "unfinished-frame",
]);

async function relay(chunks: readonly Uint8Array[], withholdUsage: boolean) {
  const meter = new StreamMeter({ withholdUsage });
  const sent: Uint8Array[] = [];
  const sink: ClientSink = {
    write: (bytes) => {
      sent.push(Buffer.from(bytes));
      return undefined;
    },
    end: () => {},
    gone: new AbortController().signal,
  };
  const end = await relayStream(iterate(chunks), meter, sink);
  const held = end.outcome === "complete" ? end.held : Buffer.alloc(0);
  return { meter, end, early: Buffer.concat(sent), held, all: Buffer.concat([...sent, held]) };
}

// oxlint-disable-next-line typescript/require-await -- an async iterable is what an upstream body is
async function* iterate(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** A stream without its usage-only chunk, found the slow way: cut at blank lines and parsed whole. */
function withoutUsageChunk(bytes: Buffer): string {
  const pieces = bytes.toString("utf8").split(/(?<=\r?\n\r?\n)/);
  return pieces
    .filter((piece) => !(/"choices":\s*\[\s*\]/.test(piece) && piece.includes('"usage"')))
    .join("");
}

test.each(fixtures)(
  "%s: split at every byte, the client gets the upstream's bytes less the usage chunk",
  async (name, bytes) => {
    const expected = withoutUsageChunk(bytes);
    expect(expected === bytes.toString()).toBe(!USAGE_ONLY_CHUNK.has(name));
    for (let at = 0; at <= bytes.length; at++) {
      const { all, meter } = await relay([bytes.subarray(0, at), bytes.subarray(at)], true);
      expect(all.toString("utf8")).toBe(expected);
      expect(meter.usage).toEqual(name in USAGE ? USAGE[name] : FINAL);
    }
  },
);

test.each(fixtures)(
  "%s: byte by byte, a client that asked for usage gets every byte",
  async (name, bytes) => {
    const { all, meter } = await relay(
      [...bytes].map((byte) => Uint8Array.of(byte)),
      false,
    );
    expect(all.equals(bytes)).toBe(true);
    expect(meter.usage).toEqual(name in USAGE ? USAGE[name] : FINAL);
  },
);

test.each(fixtures)(
  "%s: [DONE] and what follows are held until the charge is durable",
  async (_name, bytes) => {
    const { early, held } = await relay([bytes], true);
    const done = bytes.indexOf("data: [DONE]");
    expect(early.includes("[DONE]")).toBe(false);
    expect(held.toString()).toBe(done < 0 ? "" : bytes.subarray(done).toString());
  },
);

test.each([
  ["openai", "héllo ✓ 💸"],
  ["usage-missing", "one two"],
  ["tool-calls", 'get_weather{"city":"Boston"}'],
  ["error-event", "par"],
])("%s: the generated text is what the model said", async (name, text) => {
  const { meter } = await relay([readFileSync(new URL(`${name}.txt`, folder))], true);
  expect(meter.generatedText()).toBe(text);
});

test("a running count is not final until the closing chunk", () => {
  const splitter = createFrameSplitter();
  const frames = splitter.push(readFileSync(new URL("usage-in-every-chunk.txt", folder)));
  const meter = new StreamMeter({ withholdUsage: true });
  const first = frames[0];
  if (first === undefined) throw new Error("The fixture has frames");
  meter.accept(first);
  expect([meter.usage?.completionTokens, meter.usageIsFinal]).toEqual([1, false]);
  for (const frame of frames.slice(1)) meter.accept(frame);
  expect([meter.usage, meter.usageIsFinal]).toEqual([FINAL, true]);
});

test.each(fixtures)("%s: frames and rest joined are the stream", (_name, bytes) => {
  for (const step of [1, 2, 3, 7, 64]) {
    const splitter = createFrameSplitter();
    const frames: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += step)
      frames.push(...splitter.push(bytes.subarray(at, at + step)));
    expect(Buffer.concat([...frames, splitter.rest()]).equals(bytes)).toBe(true);
  }
});

test.each([
  ["data: a\n\n", "a"],
  ["data:a\n\n", "a"],
  ["data:  a\n\n", " a"],
  ["data: a\ndata: b\n\n", "a\nb"],
  ["data\n\n", ""],
  [": comment\n\n", null],
  ["event: x\n\n", null],
  ["\uFEFFdata: a\n\n", "a"],
  ["data: a\rdata: b\r\r", "a\nb"],
  ["database: x\n\n", null],
])("the data of %j is %j", (frame, data) => {
  expect(frameData(Buffer.from(frame))).toBe(data);
});

test.each([
  ["LF", "data: 1\n\ndata: 2\n\n", 2],
  ["CRLF", "data: 1\r\n\r\ndata: 2\r\n\r\n", 2],
  ["CR", "data: 1\r\rdata: 2\r\r", 2],
  ["CR then LF", "data: 1\r\r\ndata: 2\n\n", 2],
  ["blank lines in a row", "data: 1\n\n\n\ndata: 2\n\n", 4],
])("%s ends frames, wherever the bytes are cut", (_name, text, count) => {
  const bytes = Buffer.from(text);
  for (let at = 0; at <= bytes.length; at++) {
    const splitter = createFrameSplitter();
    const frames = [...splitter.push(bytes.subarray(0, at)), ...splitter.push(bytes.subarray(at))];
    const rest = splitter.rest();
    expect(Buffer.concat([...frames, rest]).toString()).toBe(text);
    expect(frames.length + (rest.length > 0 ? 1 : 0)).toBe(count);
  }
});

test("a frame that never ends is refused", () => {
  const splitter = createFrameSplitter(100);
  expect(() => splitter.push(Buffer.alloc(101, 97))).toThrow("larger than allowed");
});

test("a client that has left ends the relay, and what came before counts", async () => {
  const gone = new AbortController();
  const meter = new StreamMeter({ withholdUsage: true });
  const sink: ClientSink = {
    write: () => {
      gone.abort();
      return undefined;
    },
    end: () => {},
    gone: gone.signal,
  };
  const frames = createFrameSplitter().push(readFileSync(new URL("usage-missing.txt", folder)));
  const end = await relayStream(iterate(frames), meter, sink);
  expect(end.outcome).toBe("aborted");
  expect(meter.sawData).toBe(true);
});
