import { AppError } from "../errors.ts";
import { createFrameSplitter, FrameTooLargeError } from "../lib/sse.ts";
import type { StreamMeter } from "./stream-meter.ts";

/** Where a stream's bytes go. */
export interface ClientSink {
  /** Returns a promise when the client is slower than the upstream; await it before the next write. */
  write(bytes: Uint8Array): Promise<void> | undefined;
  end(): void;
  /** Aborted when the client has gone. */
  readonly gone: AbortSignal;
}

export type RelayEnd =
  | { readonly outcome: "complete"; readonly held: Buffer }
  | { readonly outcome: "aborted" }
  | { readonly outcome: "failed"; readonly error: unknown };

/**
 * Passes the upstream's bytes to the client as they came, with back-pressure, up to but not including
 * `[DONE]`: what is held back is returned, for the caller to send once the charge is durable.
 */
export async function relayStream(
  body: AsyncIterable<Uint8Array>,
  meter: StreamMeter,
  sink: ClientSink,
): Promise<RelayEnd> {
  const splitter = createFrameSplitter();
  const held: Buffer[] = [];
  try {
    for await (const chunk of body) {
      const ready = sortFrames(splitter.push(chunk), meter, held);
      if (sink.gone.aborted) return { outcome: "aborted" };
      if (ready.length > 0) await sink.write(join(ready));
    }
  } catch (error) {
    if (sink.gone.aborted) return { outcome: "aborted" };
    return {
      outcome: "failed",
      error:
        error instanceof FrameTooLargeError
          ? new AppError("upstream_invalid_response", "The upstream sent an event too large to pass on")
          : error,
    };
  }
  if (sink.gone.aborted) return { outcome: "aborted" };
  // A last event without its blank line still belongs to the caller, and may carry the usage.
  const rest = splitter.rest();
  const late = rest.length > 0 ? sortFrames([rest], meter, held) : [];
  return { outcome: "complete", held: Buffer.concat([...late, ...held]) };
}

/** Frames to forward now; the meter's held ones are added to `held`. */
function sortFrames(frames: Buffer[], meter: StreamMeter, held: Buffer[]): Buffer[] {
  const ready: Buffer[] = [];
  for (const frame of frames) {
    const verdict = meter.accept(frame);
    if (verdict === "forward") ready.push(frame);
    else if (verdict === "hold") held.push(frame);
  }
  return ready;
}

function join(frames: Buffer[]): Buffer {
  return frames.length === 1 && frames[0] !== undefined ? frames[0] : Buffer.concat(frames);
}
