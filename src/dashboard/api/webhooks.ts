import { type Page, type Paged, pageOf } from "./page.ts";
import type {
  Delivery,
  DeliveryDetail,
  Endpoint,
  EndpointHour,
  EndpointWithSecret,
  EventBody,
  Replay,
  TestResult,
} from "./schemas/webhooks.ts";
import type { Query, Send } from "./send.ts";

/** What an operator says about an endpoint; what is absent stays, null clears. */
export interface EndpointFields {
  readonly url?: string;
  readonly description?: string | null;
  readonly event_types?: readonly string[] | null;
  readonly customers?: readonly string[] | null;
  readonly headers?: Readonly<Record<string, string>> | null;
  readonly timeout_ms?: number | string;
  readonly max_in_flight?: number | string;
  readonly rate_per_second?: number | string | null;
  readonly signature?: string;
}

export interface ReplayRange {
  readonly endpoint_id: string;
  readonly from: string;
  readonly to: string;
  readonly event?: string | undefined;
  readonly customer_id?: string | undefined;
  readonly only_missing?: boolean;
}

const ENDPOINTS = "/webhook/endpoints";

function endpointPath(id: string, rest = ""): string {
  return `${ENDPOINTS}/${encodeURIComponent(id)}${rest}`;
}

export function endpointsApi(send: Send) {
  const post = async <T>(path: string, body: unknown = {}): Promise<T> =>
    (await send<T>({ method: "POST", path, body })).body;
  return {
    list: async (signal?: AbortSignal): Promise<Endpoint[]> =>
      (await send<{ data: Endpoint[] }>({ path: ENDPOINTS, signal })).body.data,
    history: async (id: string, hours: number, signal?: AbortSignal): Promise<EndpointHour[]> => {
      const path = endpointPath(id, "/history");
      return (await send<{ data: EndpointHour[] }>({ path, query: { hours }, signal })).body.data;
    },
    create: (body: EndpointFields) => post<EndpointWithSecret>(ENDPOINTS, body),
    update: async (id: string, body: Partial<EndpointFields>): Promise<Endpoint> =>
      (await send<Endpoint>({ method: "PATCH", path: endpointPath(id), body })).body,
    delete: async (id: string): Promise<void> => {
      await send<undefined>({ method: "DELETE", path: endpointPath(id) });
    },
    pause: (id: string) => post<Endpoint>(endpointPath(id, "/pause")),
    resume: (id: string) => post<Endpoint>(endpointPath(id, "/resume")),
    rotate: (id: string, overlapSeconds: number) =>
      post<EndpointWithSecret>(endpointPath(id, "/rotate"), { overlap_seconds: overlapSeconds }),
    secret: async (id: string): Promise<string> =>
      (await send<{ secret: string }>({ path: endpointPath(id, "/secret") })).body.secret,
    test: (id: string, eventType: string) =>
      post<TestResult>(endpointPath(id, "/test"), { event_type: eventType }),
  };
}

export function deliveriesApi(send: Send) {
  const path = "/webhook/deliveries";
  const one = (id: string): string => `${path}/${encodeURIComponent(id)}`;
  const post = async <T>(to: string, body: unknown): Promise<T> =>
    (await send<T>({ method: "POST", path: to, body })).body;
  return {
    list: async (query: Query, signal?: AbortSignal): Promise<Page<Delivery>> =>
      pageOf(await send<Paged<Delivery>>({ path, query, signal })),
    show: async (id: string, signal?: AbortSignal): Promise<DeliveryDetail> =>
      (await send<DeliveryDetail>({ path: one(id), signal })).body,
    resend: (id: string) => post<object>(`${one(id)}/resend`, {}),
    replay: (range: ReplayRange) => post<Replay>("/webhook/replay", range),
    replayState: async (id: string, signal?: AbortSignal): Promise<Replay> =>
      (await send<Replay>({ path: `/webhook/replay/${encodeURIComponent(id)}`, signal })).body,
    events: async (query: Query, signal?: AbortSignal): Promise<Page<EventBody>> =>
      pageOf(await send<Paged<EventBody>>({ path: "/events", query, signal })),
  };
}
