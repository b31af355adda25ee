import type { Router } from "@koa/router";
import { z } from "zod";
import type { DeliveryPage, DeliveryQuery } from "../../webhooks/list-deliveries.ts";
import { SHOWN_STATES } from "../../webhooks/list-deliveries.ts";
import { EVENT_TYPES } from "../../webhooks/endpoint-fields.ts";
import type { EventPage } from "../../webhooks/pull-events.ts";
import type { ReplayRequest } from "../../webhooks/run-replays.ts";
import type { AppContext, RequestState } from "../context.ts";
import { type Position, timeCursor } from "../cursor-field.ts";
import { readJson, readQuery } from "../read-json.ts";

export interface DeliveryRoutesDeps {
  readonly webhookDeliveries: {
    readonly list: (query: DeliveryQuery) => Promise<DeliveryPage>;
    /** Throws delivery_not_found. */
    readonly show: (id: string) => Promise<object>;
    readonly resend: (id: string) => Promise<object>;
    readonly startReplay: (actor: string, request: ReplayRequest) => Promise<object>;
    /** Throws replay_not_found. */
    readonly showReplay: (id: string) => Promise<object>;
    readonly pull: (query: { after: Position | null; limit: number }) => Promise<EventPage>;
    readonly pullCustomer: (query: {
      customerId: string;
      after: number;
      limit: number;
    }) => Promise<EventPage>;
  };
}

const MAX_PAGE = 1000;
const types = z.enum([...EVENT_TYPES, "spend_tracked.batch"]);
const instant = z.iso
  .datetime({ offset: true, message: "Input should be a date and time such as 2026-01-31T08:00:00Z" })
  .transform((text) => new Date(text));
const limit = z.coerce.number().int().min(1).max(MAX_PAGE).default(100);

export const deliveriesQuery = z.object({
  endpoint_id: z.string().nullable().default(null),
  customer_id: z.string().nullable().default(null),
  event: types.nullable().default(null),
  state: z.enum(SHOWN_STATES).nullable().default(null),
  from: instant.nullable().default(null),
  to: instant.nullable().default(null),
  limit,
  cursor: timeCursor.nullable().default(null),
});

export const replayBody = z
  .strictObject({
    endpoint_id: z.string().min(1),
    from: instant,
    to: instant,
    event: types.nullish(),
    customer_id: z.string().nullish(),
    only_missing: z.boolean().optional(),
  })
  .refine((body) => body.from <= body.to, { message: "'from' must not be after 'to'", path: ["from"] });

export const eventsQuery = z.object({ after: timeCursor.nullable().default(null), limit });
export const customerEventsQuery = z.object({
  after: z.coerce.number().int().min(0).default(0),
  limit,
});

/** What became of events, telling them again, and events for receivers that ask for them. */
export function deliveryRoutes(
  router: Router<RequestState>,
  { webhookDeliveries: deliveries }: DeliveryRoutesDeps,
): void {
  const param = (ctx: AppContext): string => String(ctx["params"]?.id ?? "");

  router.get("/webhook/deliveries", async (ctx: AppContext) => {
    const query = readQuery(ctx, deliveriesQuery);
    ctx.body = await deliveries.list({
      endpointId: query.endpoint_id,
      customerId: query.customer_id,
      type: query.event,
      state: query.state,
      from: query.from,
      to: query.to,
      limit: query.limit,
      after: query.cursor,
    });
  });
  router.get("/webhook/deliveries/:id", async (ctx: AppContext) => {
    ctx.body = await deliveries.show(param(ctx));
  });
  router.post("/webhook/deliveries/:id/resend", async (ctx: AppContext) => {
    ctx.body = await deliveries.resend(param(ctx));
    ctx.status = 202;
  });
  router.post("/webhook/replay", async (ctx: AppContext) => {
    const body = await readJson(ctx, replayBody);
    ctx.body = await deliveries.startReplay(ctx.state.keyHash, {
      endpointId: body.endpoint_id,
      from: body.from,
      to: body.to,
      type: body.event ?? null,
      customerId: body.customer_id ?? null,
      onlyMissing: body.only_missing ?? false,
    });
    ctx.status = 202;
  });
  router.get("/webhook/replay/:id", async (ctx: AppContext) => {
    ctx.body = await deliveries.showReplay(param(ctx));
  });
  router.get("/events", async (ctx: AppContext) => {
    sendEvents(ctx, await deliveries.pull(readQuery(ctx, eventsQuery)));
  });
  router.get(["/customer/:id/events", "/end_user/:id/events"], async (ctx: AppContext) => {
    const query = readQuery(ctx, customerEventsQuery);
    sendEvents(ctx, await deliveries.pullCustomer({ ...query, customerId: param(ctx) }));
  });
}

/** The events' own texts, so that no number changes on its way. */
function sendEvents(ctx: AppContext, { bodies, nextCursor }: EventPage): void {
  ctx.type = "application/json";
  ctx.body = `{"data":[${bodies.join(",")}],"next_cursor":${JSON.stringify(nextCursor)}}`;
}
