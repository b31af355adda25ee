import { AppError } from "../../errors.ts";
import type { EndpointDoc } from "../../store/documents.ts";
import type { AppContext } from "../context.ts";

export interface WebhookRoutesDeps {
  readonly listEndpoints: () => Promise<EndpointDoc[]>;
  readonly findEndpoint: (id: string) => Promise<EndpointDoc | null>;
  readonly resumeEndpoint: (id: string) => Promise<EndpointDoc | null>;
  readonly openSecret: (endpoint: EndpointDoc) => string;
}

type Handler = (ctx: AppContext) => Promise<void>;

export interface WebhookRoutes {
  readonly list: Handler;
  readonly show: Handler;
  readonly secret: Handler;
  readonly resume: Handler;
}

/** The routes under /webhook/endpoints. */
export function webhookRoutes(deps: WebhookRoutesDeps): WebhookRoutes {
  const load = async (
    ctx: AppContext,
    find: (id: string) => Promise<EndpointDoc | null>,
  ): Promise<EndpointDoc> => {
    const id = String(ctx["params"]?.id ?? "");
    const endpoint = await find(id);
    if (endpoint === null) throw new AppError("endpoint_not_found", `There is no webhook endpoint '${id}'`);
    return endpoint;
  };
  return {
    list: async (ctx) => {
      ctx.body = { data: (await deps.listEndpoints()).map(endpointJson) };
    },
    show: async (ctx) => {
      ctx.body = endpointJson(await load(ctx, deps.findEndpoint));
    },
    secret: async (ctx) => {
      ctx.set("cache-control", "no-store");
      ctx.body = { secret: deps.openSecret(await load(ctx, deps.findEndpoint)) };
    },
    resume: async (ctx) => {
      ctx.body = endpointJson(await load(ctx, deps.resumeEndpoint));
    },
  };
}

function endpointJson(endpoint: EndpointDoc): object {
  return {
    id: endpoint._id,
    url: endpoint.url,
    state: endpoint.state,
    disabled_reason: endpoint.disabledReason,
    paused_until: endpoint.pausedUntil?.toISOString() ?? null,
    created_at: endpoint.createdAt.toISOString(),
    updated_at: endpoint.updatedAt.toISOString(),
  };
}
