import type { IncomingMessage } from "node:http";
import { AppError } from "../errors.ts";
import { OVERLOADED } from "./overloaded.ts";

/** Makes room for a body that has so many bytes; false: there is none. */
export type GrowBody = (bytes: number) => boolean | Promise<boolean>;

export interface BodyBounds {
  readonly maxBytes: number;
  /** Asked before more of a body that does not tell its length is read; default: there is always room. */
  readonly grow?: GrowBody | undefined;
  /** All of it must be here by then; default: as long as it keeps coming. */
  readonly withinMs?: number;
}

/** In each such window a body must bring at least so much, whatever it brought before. */
const WINDOW_MS = 10_000;
const LEAST_BYTES_PER_WINDOW = 10 * 1024;
/** Without a length, room is made in steps: this, then twice as much, and so on. */
const FIRST_ROOM_BYTES = 64 * 1024;

/** The body's length as its sender tells it; 0 when it does not. */
export function declaredBytes({ headers }: IncomingMessage): number {
  return Number(headers["content-length"] ?? 0);
}

/**
 * The whole request body. Throws request_too_large as soon as it is known to pass `maxBytes`, request_timeout
 * when it comes slower than 1 KiB a second or not within `withinMs`, overloaded when there is no room for it,
 * and unsupported_media_type for a compressed body.
 */
export async function readBody(request: IncomingMessage, bounds: BodyBounds): Promise<Buffer> {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new AppError("unsupported_media_type", "Compressed request bodies are not supported");
  }
  if (declaredBytes(request) > bounds.maxBytes) throw tooLarge(bounds.maxBytes);
  const reading = new BodyReading(request, bounds);
  try {
    return await reading.whole;
  } finally {
    reading.stop();
  }
}

class BodyReading {
  readonly whole: Promise<Buffer>;
  readonly #request: IncomingMessage;
  readonly #bounds: BodyBounds;
  readonly #declared: number;
  #resolve!: (body: Buffer) => void;
  #fail!: (error: AppError) => void;
  readonly #chunks: Buffer[] = [];
  /** A body of a told length is put together where it will stand, so that it never stands in memory twice. */
  #place: Buffer | null = null;
  #bytes = 0;
  #room = FIRST_ROOM_BYTES;
  #bytesAtWindow = 0;
  #isStopped = false;
  #window: NodeJS.Timeout;
  #deadline: NodeJS.Timeout | undefined;

  constructor(request: IncomingMessage, bounds: BodyBounds) {
    this.#request = request;
    this.#bounds = bounds;
    this.#declared = declaredBytes(request);
    this.whole = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#fail = reject;
    });
    request.on("data", (chunk: Buffer) => this.#take(chunk));
    request.once("end", () => this.#resolve(this.#joined()));
    request.once("error", (cause) => this.#fail(late("did not arrive", cause)));
    request.once("close", () => {
      if (!request.readableEnded) this.#fail(late("did not arrive whole"));
    });
    this.#window = this.#openWindow();
    if (bounds.withinMs !== undefined) {
      this.#deadline = setTimeout(
        () => setImmediate(() => this.#fail(late("took too long"))),
        bounds.withinMs,
      );
    }
  }

  /** What comes from now on is let go of. */
  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#window);
    clearTimeout(this.#deadline);
    this.#request.removeAllListeners("data");
    this.#request.resume();
  }

  #take(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bounds.maxBytes) {
      this.#fail(tooLarge(this.#bounds.maxBytes));
    } else if (this.#declared === 0) {
      this.#chunks.push(chunk);
      if (this.#bytes > this.#room) this.#makeRoom();
    } else if (chunk.length === this.#declared) {
      this.#place = chunk;
    } else {
      this.#place ??= Buffer.allocUnsafeSlow(this.#declared);
      chunk.copy(this.#place, this.#bytes - chunk.length);
    }
  }

  #makeRoom(): void {
    while (this.#room < this.#bytes) this.#room *= 2;
    this.#room = Math.min(this.#room, this.#bounds.maxBytes);
    const made = this.#bounds.grow?.(this.#room) ?? true;
    if (made === true) return;
    this.#request.pause();
    void Promise.resolve(made).then((isMade) => {
      if (!isMade) return this.#fail(OVERLOADED);
      if (this.#isStopped) return;
      // The time it was not read is not its sender's: it has a whole window again.
      clearInterval(this.#window);
      this.#window = this.#openWindow();
      this.#request.resume();
    });
  }

  #openWindow(): NodeJS.Timeout {
    this.#bytesAtWindow = this.#bytes;
    // After a turn of the loop that took long, what has come meanwhile is taken first.
    const window = setInterval(() => setImmediate(() => this.#judge(window)), WINDOW_MS);
    return window;
  }

  #joined(): Buffer {
    const [only] = this.#chunks;
    if (only === undefined) return this.#place ?? Buffer.alloc(0);
    return this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks);
  }

  #judge(window: NodeJS.Timeout): void {
    if (window !== this.#window) return;
    const came = this.#bytes - this.#bytesAtWindow;
    this.#bytesAtWindow = this.#bytes;
    // While it waits for room it is us who do not read.
    if (came < LEAST_BYTES_PER_WINDOW && !this.#request.isPaused()) this.#fail(late("came too slowly"));
  }
}

function late(how: string, cause?: unknown): AppError {
  return new AppError("request_timeout", `The request body ${how}`, { cause });
}

function tooLarge(maxBytes: number): AppError {
  return new AppError("request_too_large", `The request body is over ${maxBytes} bytes`);
}
