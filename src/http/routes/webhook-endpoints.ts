import type { Router } from "@koa/router";
import { z } from "zod";
import type { EndpointDoc } from "../../store/webhook-documents.ts";
import {
  type EndpointPatch,
  endpointPatchSchema,
  type NewEndpoint,
  newEndpointSchema,
  type Rotation,
  rotateSchema,
  testSchema,
} from "../../webhooks/endpoint-fields.ts";
import type { WithSecret } from "../../webhooks/manage-endpoints.ts";
import type { EventType } from "../../webhooks/sample-event.ts";
import type { AppContext, RequestState } from "../context.ts";
import { readJson, readJsonOrNothing, readQuery } from "../read-json.ts";

/** What the operator does with endpoints; the actor is the hash of the API key. */
export interface EndpointRoutesDeps {
  readonly webhookEndpoints: {
    readonly list: () => Promise<object[]>;
    /** As the API shows it. Throws endpoint_not_found, as all of these do. */
    readonly find: (id: string) => Promise<object>;
    readonly show: (endpoint: EndpointDoc) => Promise<object>;
    readonly create: (actor: string, body: NewEndpoint) => Promise<WithSecret>;
    readonly patch: (actor: string, change: { id: string; body: EndpointPatch }) => Promise<EndpointDoc>;
    readonly delete: (actor: string, id: string) => Promise<void>;
    readonly pause: (actor: string, id: string) => Promise<EndpointDoc>;
    readonly resume: (actor: string, id: string) => Promise<EndpointDoc>;
    readonly rotate: (actor: string, change: { id: string; body: Rotation }) => Promise<WithSecret>;
    readonly revoke: (actor: string, id: string) => Promise<EndpointDoc>;
    readonly reveal: (actor: string, id: string) => Promise<string>;
    readonly test: (id: string, type: EventType) => Promise<object>;
    readonly history: (id: string, hours: number) => Promise<object[]>;
  };
}

const MOST_HOURS = 24 * 30;
export const historyQuery = z.object({
  hours: z.coerce.number().int().min(1).max(MOST_HOURS).default(24),
});

/** /webhook/endpoints: where events go. */
export function endpointRoutes(
  router: Router<RequestState>,
  { webhookEndpoints: endpoints }: EndpointRoutesDeps,
): void {
  const base = "/webhook/endpoints";
  const one = `${base}/:id`;
  const idOf = (ctx: AppContext): string => String(ctx["params"]?.id ?? "");
  const withSecret = async (ctx: AppContext, { endpoint, secret }: WithSecret): Promise<void> => {
    ctx.set("cache-control", "no-store");
    ctx.body = { ...(await endpoints.show(endpoint)), secret };
  };

  router.get(base, async (ctx: AppContext) => {
    ctx.body = { data: await endpoints.list() };
  });
  router.post(base, async (ctx: AppContext) => {
    const made = await endpoints.create(ctx.state.keyHash, await readJson(ctx, newEndpointSchema));
    ctx.status = 201;
    await withSecret(ctx, made);
  });
  router.get(one, async (ctx: AppContext) => {
    ctx.body = await endpoints.find(idOf(ctx));
  });
  router.patch(one, async (ctx: AppContext) => {
    const body = await readJson(ctx, endpointPatchSchema);
    ctx.body = await endpoints.show(await endpoints.patch(ctx.state.keyHash, { id: idOf(ctx), body }));
  });
  router.delete(one, async (ctx: AppContext) => {
    await endpoints.delete(ctx.state.keyHash, idOf(ctx));
    ctx.status = 204;
  });
  for (const action of ["pause", "resume", "revoke"] as const) {
    router.post(`${one}/${action}`, async (ctx: AppContext) => {
      ctx.body = await endpoints.show(await endpoints[action](ctx.state.keyHash, idOf(ctx)));
    });
  }
  router.post(`${one}/rotate`, async (ctx: AppContext) => {
    const body = await readJsonOrNothing(ctx, rotateSchema);
    await withSecret(ctx, await endpoints.rotate(ctx.state.keyHash, { id: idOf(ctx), body }));
  });
  router.get(`${one}/secret`, async (ctx: AppContext) => {
    ctx.set("cache-control", "no-store");
    ctx.body = { secret: await endpoints.reveal(ctx.state.keyHash, idOf(ctx)) };
  });
  router.post(`${one}/test`, async (ctx: AppContext) => {
    const { event_type: type } = await readJsonOrNothing(ctx, testSchema);
    ctx.body = await endpoints.test(idOf(ctx), type ?? "spend_tracked");
  });
  router.get(`${one}/history`, async (ctx: AppContext) => {
    const { hours } = readQuery(ctx, historyQuery);
    ctx.body = { data: await endpoints.history(idOf(ctx), hours) };
  });
}
