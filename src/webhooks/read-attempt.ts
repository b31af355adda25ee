import type { Socket } from "node:net";
import type { Request, Response } from "got";
import type { AttemptTimingDoc } from "../store/webhook-documents.ts";
import type { AttemptResult, FailureCode } from "./classify-attempt.ts";
import { nameFailure } from "./name-failure.ts";
import { parseRetryAfter } from "./retry-schedule.ts";

export const BODY_TIMEOUT_MS = 3000;
const READ_BYTES = 16 * 1024;
const KEEP_BYTES = 4 * 1024;
/** A connection that the receiver has given up says so at once. */
const STALE_MS = 1000;

/** How one request ended. */
export interface Sent {
  readonly result: AttemptResult;
  readonly timing: AttemptTimingDoc;
  /** The receiver closed a connection that was open before, and answered nothing. */
  readonly stale: boolean;
}

/** Waits for the answer, and briefly for the beginning of its body; never rejects. */
export function readAttempt(request: Request): Promise<Sent> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let timer: NodeJS.Timeout | undefined;
    let response: Response | undefined;
    let cameBefore = 0;
    let socket: Socket | undefined;
    const end = (result: AttemptResult, stale = false): void =>
      resolve({ result, stale, timing: timingOf(request, performance.now() - startedAt) });
    const finish = (): void => {
      if (response === undefined) return;
      clearTimeout(timer);
      end({
        kind: "response",
        status: response.statusCode,
        retryAfterMs: parseRetryAfter(headerText(response.headers["retry-after"]), new Date()),
        control: headerText(response.headers["webhook-delivery"])?.trim().toLowerCase() ?? null,
        headers: plainHeaders(response.headers),
        body: printable(Buffer.concat(chunks)),
      });
      if (!request.readableEnded) request.destroy();
    };
    const fail = (code: FailureCode): void => {
      const silent = socket !== undefined && socket.bytesRead === cameBefore;
      const atOnce = performance.now() - startedAt < STALE_MS;
      end(
        { kind: "failure", code },
        code === "connection_reset" && request.reusedSocket === true && silent && atOnce,
      );
    };
    request.once("socket", (used: Socket) => {
      socket = used;
      cameBefore = used.bytesRead;
    });
    request.once("response", (received: Response) => {
      response = received;
      timer = setTimeout(finish, BODY_TIMEOUT_MS);
    });
    request.once("upgrade", (_answer: unknown, used: Socket) => {
      used.destroy();
      fail("protocol_error");
    });
    request.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= READ_BYTES) finish();
    });
    request.once("end", finish);
    request.on("error", (error: Error & { code?: string; event?: string }) => {
      if (response === undefined) fail(nameFailure(error));
      else finish();
    });
    request.once("close", () => {
      if (response === undefined) fail("connection_reset");
      else finish();
    });
  });
}

/** got's own clock readings; a phase that an open connection does not need is null. */
function timingOf(request: Request, totalMs: number): AttemptTimingDoc {
  const phases = request.timings?.phases ?? {};
  const ms = (phase: number | undefined): number | null => (phase === undefined ? null : Math.round(phase));
  return {
    dnsMs: ms(phases.dns),
    tcpMs: ms(phases.tcp),
    tlsMs: ms(phases.tls),
    firstByteMs: ms(phases.firstByte),
    totalMs: Math.round(totalMs),
  };
}

function plainHeaders(headers: Response["headers"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, printable(Buffer.from(String(value)))]],
    ),
  );
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** At most 4 KiB, cut at a character, without control characters. */
function printable(bytes: Buffer): string {
  const text = new TextDecoder("utf-8").decode(bytes.subarray(0, KEEP_BYTES), { stream: true });
  return text.replace(/[^\P{Cc}\t\n\r]/gu, "");
}
