import { z } from "zod";
import { isSigningSecret, SIGNING_SECRET_RULE } from "../lib/secrets.ts";
import { refuseHeaders } from "./custom-headers.ts";

/** Every type of event that an endpoint may ask for. */
export const EVENT_TYPES = [
  "spend_tracked",
  "soft_budget_crossed",
  "threshold_crossed",
  "budget_crossed",
  "projected_limit_exceeded",
  "budget_reset",
  "endpoint_disabled",
  "price_missing",
] as const;

export const DEFAULT_TIMEOUT_MS = 15_000;
export const DEFAULT_MAX_IN_FLIGHT = 50;
const MAX_CUSTOMERS = 1000;
const LONGEST_OVERLAP_S = 7 * 24 * 3600;

const headers = z.record(z.string(), z.string()).superRefine((given, context) => {
  for (const fault of refuseHeaders(given)) context.addIssue({ code: "custom", message: fault });
});
const secret = z.string().refine(isSigningSecret, SIGNING_SECRET_RULE);

const fields = {
  url: z.string().min(1).max(2048),
  description: z.string().max(1000).nullish(),
  event_types: z
    .array(z.enum(EVENT_TYPES))
    .min(1, "Input should name at least one type, or be null for all")
    .nullish(),
  customers: z
    .array(z.string().min(1).max(1024))
    .min(1, "Input should name at least one customer, or be null for all")
    .max(MAX_CUSTOMERS)
    .nullish(),
  headers: headers.nullish(),
  timeout_ms: z.int().min(5000).max(30_000).optional(),
  max_in_flight: z.int().min(1).max(100).optional(),
  rate_per_second: z.number().min(0.01).max(1000).nullish(),
  signature: z.enum(["v1", "v1+v1a"]).optional(),
  coalesce: z
    .strictObject({ max_events: z.int().min(2).max(500), max_seconds: z.int().min(1).max(300) })
    .nullish(),
} as const;

/** POST /webhook/endpoints */
export const newEndpointSchema = z.strictObject({ ...fields, secret: secret.optional() });
/** PATCH /webhook/endpoints/{id}: what is absent stays, `null` clears. */
export const endpointPatchSchema = z.strictObject({ ...fields, url: fields.url.optional() });
/** POST /webhook/endpoints/{id}/rotate */
export const rotateSchema = z.strictObject({
  overlap_seconds: z.int().min(0).max(LONGEST_OVERLAP_S).optional(),
  secret: secret.optional(),
});
/** POST /webhook/endpoints/{id}/test */
export const testSchema = z.strictObject({ event_type: z.enum(EVENT_TYPES).optional() });

export type NewEndpoint = z.infer<typeof newEndpointSchema>;
export type EndpointPatch = z.infer<typeof endpointPatchSchema>;
export type Rotation = z.infer<typeof rotateSchema>;
