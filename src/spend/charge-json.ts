import { z } from "zod";
import type { Charge } from "./charge.ts";

const nano = z.string().regex(/^\d+$/).transform(BigInt);
const count = z.int().nonnegative();

const schema = z.strictObject({
  v: z.literal(1),
  requestId: z.string().min(1),
  customerId: z.string().min(1),
  occurredAt: z.iso.datetime().transform((text) => new Date(text)),
  costNano: nano,
  rates: z
    .strictObject({
      source: z.string(),
      input: nano,
      output: nano,
      cacheRead: nano,
      cacheWrite: nano,
      reasoning: nano,
    })
    .nullable(),
  model: z.string(),
  deploymentId: z.string(),
  upstreamModel: z.string(),
  usage: z.strictObject({
    promptTokens: count,
    completionTokens: count,
    totalTokens: count,
    cachedTokens: count,
    cacheWriteTokens: count,
    reasoningTokens: count,
  }),
  estimated: z.boolean(),
  keyHash: z.string(),
});

/** A charge as one line of JSON; amounts are strings, so none passes through a double. */
export function encodeCharge(charge: Charge): string {
  return JSON.stringify({ v: 1, ...charge }, (_key, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
}

/** Reads what `encodeCharge` wrote; throws on anything else. */
export function decodeCharge(line: string): Charge {
  const { v: _version, ...charge } = schema.parse(JSON.parse(line));
  return charge;
}
