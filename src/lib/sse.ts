const LF = 10;
const CR = 13;

/**
 * Cuts a byte stream of server-sent events into frames without changing a byte: joined together, the
 * frames and the rest are what went in. A frame ends with the blank line that ends the event (LF, CR or
 * CRLF, as the HTML standard allows).
 */
export interface FrameSplitter {
  /** Frames completed by this chunk, each with its closing blank line. */
  push(chunk: Uint8Array): Buffer[];
  /** What came after the last complete frame; call when the stream has ended. */
  rest(): Buffer;
}

/** Thrown when one frame grows past the limit. */
export class FrameTooLargeError extends Error {
  override readonly name = "FrameTooLargeError";
}

export function createFrameSplitter(maxFrameBytes = 16 * 1024 * 1024): FrameSplitter {
  let parts: Uint8Array[] = [];
  let partBytes = 0;
  let lineLength = 0;
  let lastWasCr = false;
  // A blank line that ended in CR: the frame also owns an LF that may follow, perhaps in the next chunk.
  let endsAfterCr = false;

  const take = (tail: Uint8Array): Buffer => {
    const frame = parts.length === 0 ? Buffer.from(tail) : Buffer.concat([...parts, tail]);
    parts = [];
    partBytes = 0;
    return frame;
  };

  return {
    push: (chunk) => {
      const frames: Buffer[] = [];
      let start = 0;
      for (let at = 0; at < chunk.length; at++) {
        const byte = chunk[at];
        if (endsAfterCr) {
          endsAfterCr = false;
          const end = byte === LF ? at + 1 : at;
          frames.push(take(chunk.subarray(start, end)));
          start = end;
          if (byte === LF) {
            lastWasCr = false;
            continue;
          }
        }
        if (byte === LF) {
          // The LF of a CRLF ends the line that the CR has ended already.
          if (!lastWasCr) {
            if (lineLength === 0) {
              frames.push(take(chunk.subarray(start, at + 1)));
              start = at + 1;
            }
            lineLength = 0;
          }
          lastWasCr = false;
        } else if (byte === CR) {
          if (lineLength === 0) endsAfterCr = true;
          lineLength = 0;
          lastWasCr = true;
        } else {
          lineLength++;
          lastWasCr = false;
        }
      }
      if (start < chunk.length) {
        parts.push(Buffer.from(chunk.subarray(start)));
        partBytes += chunk.length - start;
        if (partBytes > maxFrameBytes) throw new FrameTooLargeError("A stream event is larger than allowed");
      }
      return frames;
    },
    rest: () => take(new Uint8Array(0)),
  };
}

/** The event's data lines joined by line feeds, or null when it has none (a comment, an empty event). */
export function frameData(frame: Buffer): string | null {
  let data: string | null = null;
  for (const line of frame
    .toString("utf8")
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\r|\n/)) {
    if (!line.startsWith("data:") && line !== "data") continue;
    const value = line.slice(5).replace(/^ /, "");
    data = data === null ? value : `${data}\n${value}`;
  }
  return data;
}
