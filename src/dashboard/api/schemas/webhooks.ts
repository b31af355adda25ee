import { z } from "zod";

const count = z.int().nonnegative();
const instant = z.iso.datetime();

export const DELIVERY_STATES = [
  "pending",
  "parked",
  "gathering",
  "batched",
  "delivered",
  "exhausted",
] as const;

export const endpointSchema = z.strictObject({
  id: z.string(),
  url: z.string(),
  description: z.string().nullable(),
  state: z.enum(["enabled", "paused", "disabled"]),
  disabled_reason: z.string().nullable(),
  /** Null = all. */
  event_types: z.array(z.string()).nullable(),
  customers: z.array(z.string()).nullable(),
  header_names: z.array(z.string()),
  timeout_ms: count,
  max_in_flight: count,
  rate_per_second: z.number().nullable(),
  signature: z.enum(["v1", "v1+v1a"]),
  public_key: z.string().nullable(),
  secrets: z.array(z.strictObject({ id: z.string(), created_at: instant, expires_at: instant.nullable() })),
  coalesce: z.strictObject({ max_events: count, max_seconds: z.number() }).nullable(),
  paused_until: instant.nullable(),
  created_at: instant,
  updated_at: instant,
  stats: z.strictObject({
    pending: count,
    parked: count,
    delivered: count,
    failed: count,
    /** 0 to 1; null before the first attempt. */
    success_rate: z.number().nullable(),
    lag_seconds: z.number().nullable(),
    breaker: z.enum(["closed", "open", "half_open"]),
    last_success_at: instant.nullable(),
    last_failure_at: instant.nullable(),
    failing_since: instant.nullable(),
    consecutive_failures: count,
  }),
});
export type Endpoint = z.infer<typeof endpointSchema>;
export const endpointsSchema = z.strictObject({ data: z.array(endpointSchema) });
/** One hour of an endpoint's attempts. */
export const endpointHourSchema = z.strictObject({
  hour: instant,
  delivered: count,
  failed: count,
  lag_ms_average: z.number().nullable(),
  lag_ms_max: z.number(),
});
export type EndpointHour = z.infer<typeof endpointHourSchema>;
export const endpointHistorySchema = z.strictObject({ data: z.array(endpointHourSchema) });

export const endpointWithSecretSchema = endpointSchema.extend({ secret: z.string() });
export type EndpointWithSecret = z.infer<typeof endpointWithSecretSchema>;

export const deliverySchema = z.strictObject({
  id: z.string(),
  event_id: z.string(),
  endpoint_id: z.string(),
  /** Null for an event that is about no customer. */
  customer_id: z.string().nullable(),
  event: z.string(),
  state: z.enum(DELIVERY_STATES),
  /** How many tries there were. */
  attempts: count,
  due_at: instant,
  created_at: instant,
  finished_at: instant.nullable(),
  last_code: z.string().nullable(),
  /** The delivery that told this one's charge together with others. */
  batch_id: z.string().nullable(),
});
export type Delivery = z.infer<typeof deliverySchema>;
export const deliveriesSchema = z.strictObject({
  data: z.array(deliverySchema),
  next_cursor: z.string().nullable(),
});

const headers = z.record(z.string(), z.string());
const timingSchema = z.strictObject({
  dns_ms: z.number().nullable(),
  tcp_ms: z.number().nullable(),
  tls_ms: z.number().nullable(),
  first_byte_ms: z.number().nullable(),
  total_ms: z.number().nullable(),
});
export type Timing = z.infer<typeof timingSchema>;

export const attemptSchema = z.strictObject({
  number: count,
  started_at: instant,
  duration_ms: z.number().nullable(),
  outcome: z.string(),
  code: z.string(),
  status: z.int().nullable(),
  response: z.string().nullable(),
  /** A person asked for it. */
  manual: z.boolean(),
  /** As they were signed for this attempt. */
  headers: headers.nullable(),
  timing: timingSchema.nullable(),
});
export type Attempt = z.infer<typeof attemptSchema>;

export const deliveryDetailSchema = deliverySchema.omit({ attempts: true }).extend({
  /** The exact text that is signed and sent; null when it is no longer kept. */
  body: z.string().nullable(),
  attempts: z.array(attemptSchema),
});
export type DeliveryDetail = z.infer<typeof deliveryDetailSchema>;

export const testResultSchema = z.strictObject({
  request: z.strictObject({ url: z.string(), headers, body: z.string() }),
  response: z.strictObject({ status: z.int(), headers, body: z.string() }).nullable(),
  outcome: z.string(),
  timing: timingSchema,
  curl: z.string(),
});
export type TestResult = z.infer<typeof testResultSchema>;

/** `queued` grows until `state` is done. */
export const replaySchema = z.strictObject({
  id: z.string(),
  endpoint_id: z.string(),
  state: z.enum(["running", "done"]),
  /** Null while it is being counted. */
  matched: count.nullable(),
  queued: count,
  from: instant,
  to: instant,
  created_at: instant,
  finished_at: instant.nullable(),
});
export type Replay = z.infer<typeof replaySchema>;

/** The part of an event's body that lists show; the rest is shown as it is. */
export const eventSchema = z.looseObject({
  id: z.string(),
  type: z.string(),
  timestamp: instant,
  sequence: count,
  customer_id: z.string(),
  spend: z.number(),
  event_message: z.string(),
});
export type EventBody = z.infer<typeof eventSchema>;
export const eventsSchema = z.strictObject({
  data: z.array(eventSchema),
  next_cursor: z.string().nullable(),
});
