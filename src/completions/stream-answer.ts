import { AppError, toErrorBody } from "../errors.ts";
import { formatNano } from "../lib/money.ts";
import { type Call, type ChargeDeps, type Charged, chargeCall, estimateUsage } from "./charge-call.ts";
import { type ClientSink, relayStream } from "./relay-stream.ts";
import { StreamMeter } from "./stream-meter.ts";
import { bodyFailure, type UpstreamResponse } from "./upstream.ts";

export type StreamOutcome = "complete" | "client_closed" | "upstream_failed" | "not_recorded";

/** A stream that was relayed to its end. */
export interface StreamAnswer {
  readonly kind: "stream";
  readonly outcome: StreamOutcome;
  /** Null when nothing was generated, or when the charge could not be recorded. */
  readonly charged: Charged | null;
  readonly error: AppError | null;
}

/**
 * Relays a stream to its end. `[DONE]` is sent only when the charge is durable. A failure after the first byte
 * reaches the client as an error event without `[DONE]`, and the caller as the answer's outcome.
 */
export async function relayAnswer(
  deps: ChargeDeps,
  call: Call,
  stream: { body: UpstreamResponse["body"]; sink: ClientSink; announceCost: boolean },
): Promise<StreamAnswer> {
  const { body, sink, announceCost } = stream;
  const meter = new StreamMeter({ withholdUsage: !call.request.includeUsage });
  const end = await relayStream(body, meter, sink);
  try {
    const charged = await chargeStream(deps, call, meter, end.outcome === "complete");
    if (end.outcome === "aborted") return { kind: "stream", outcome: "client_closed", charged, error: null };
    if (end.outcome === "failed") {
      const error = bodyFailure(end.error, call.deployment);
      await sendError(sink, error);
      return { kind: "stream", outcome: "upstream_failed", charged, error };
    }
    const cost = announceCost && charged !== null ? `: cost=${formatNano(charged.costNano)}\n\n` : "";
    await sink.write(Buffer.concat([Buffer.from(cost), end.held]));
    sink.end();
    return { kind: "stream", outcome: "complete", charged, error: null };
  } catch (cause) {
    const error =
      cause instanceof AppError
        ? cause
        : new AppError("internal", "The call could not be charged", { cause });
    await sendError(sink, error);
    return { kind: "stream", outcome: "not_recorded", charged: null, error };
  }
}

/** Charges a stream once it is over: by the upstream's count, else by what it generated. */
async function chargeStream(
  deps: ChargeDeps,
  call: Call,
  meter: StreamMeter,
  complete: boolean,
): Promise<Charged | null> {
  if (!meter.sawData) return null;
  if (meter.usage !== null) {
    return chargeCall(deps, call, { usage: meter.usage, estimated: !complete && !meter.usageIsFinal });
  }
  const usage = await estimateUsage(deps, call.request, meter.generatedText());
  return chargeCall(deps, call, { usage, estimated: true });
}

async function sendError(sink: ClientSink, error: AppError): Promise<void> {
  await sink.write(Buffer.from(`data: ${JSON.stringify(toErrorBody(error))}\n\n`));
  sink.end();
}
