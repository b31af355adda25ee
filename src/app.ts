import { Router } from "@koa/router";
import Koa from "koa";
import type { ModelCatalog } from "./completions/model-catalog.ts";
import { authenticate, authenticateOperator, type KeyCheckDeps } from "./http/authenticate.ts";
import { boundRequests } from "./http/bound-requests.ts";
import type { HttpDeps, RequestState } from "./http/context.ts";
import type { Gate } from "./http/gate.ts";
import { MAX_JSON_BYTES } from "./http/read-json.ts";
import { refuseWhileDraining } from "./http/refuse-while-draining.ts";
import { requestLog } from "./http/request-log.ts";
import { respondErrors } from "./http/respond-errors.ts";
import { chatCompletions, type ChatCompletionsDeps } from "./http/routes/chat-completions.ts";
import { type ActivityRoutesDeps, activityRoutes } from "./http/routes/activity.ts";
import { type BudgetRoutesDeps, budgetRoutes } from "./http/routes/budgets.ts";
import { type CustomerDetailsDeps, customerDetailRoutes } from "./http/routes/customer-details.ts";
import { type CustomerRoutesDeps, customerRoutes } from "./http/routes/customers.ts";
import { type DashboardDeps, dashboardRoutes } from "./http/routes/dashboard.ts";
import { docsRoutes } from "./http/routes/docs.ts";
import { liveness, type Readiness, readiness } from "./http/routes/health.ts";
import { type LiveDeps, liveEvents } from "./http/routes/live.ts";
import { modelInfo, type ModelInfoDeps, models } from "./http/routes/models.ts";
import { type SessionRoutesDeps, sessionRoutes } from "./http/routes/session.ts";
import {
  explainSpend,
  type OverviewDeps,
  overviewOfSpend,
  type SpendRoutesDeps,
} from "./http/routes/spend.ts";
import { type DeliveryRoutesDeps, deliveryRoutes } from "./http/routes/webhook-deliveries.ts";
import { type EndpointRoutesDeps, endpointRoutes } from "./http/routes/webhook-endpoints.ts";
import { type PublicKey, webhookKeys } from "./http/routes/webhook-keys.ts";

export interface AppDeps
  extends
    HttpDeps,
    KeyCheckDeps,
    ChatCompletionsDeps,
    CustomerRoutesDeps,
    BudgetRoutesDeps,
    SpendRoutesDeps,
    OverviewDeps,
    ModelInfoDeps,
    SessionRoutesDeps,
    DashboardDeps,
    LiveDeps,
    EndpointRoutesDeps,
    DeliveryRoutesDeps {
  readonly listPublicKeys: () => Promise<readonly PublicKey[]>;
  readonly checkReadiness: () => Promise<Readiness>;
  readonly startedAt: Date;
  readonly version: string;
  readonly catalog: ModelCatalog;
  readonly callGate: Gate;
  readonly managementGate: Gate;
  readonly sessions: SessionRoutesDeps["sessions"];
  readonly customers: CustomerRoutesDeps["customers"] &
    CustomerDetailsDeps["customers"] &
    ActivityRoutesDeps["customers"];
}

/** The HTTP application: the order of its middleware and its routes. Does no I/O of its own. */
export function createApp(deps: AppDeps): Koa<RequestState> {
  const app = new Koa<RequestState>();
  const open = new Router<RequestState>();
  open.get(["/health/liveliness", "/health/liveness"], liveness);
  open.get("/health/readiness", readiness(deps.checkReadiness));
  open.get("/.well-known/spendhook/webhook-keys.json", webhookKeys(deps.listPublicKeys));

  const calls = new Router<RequestState>();
  calls.use(authenticate(deps));
  const completions = ["/chat/completions", "/v1/chat/completions"];
  calls.post(
    completions,
    refuseWhileDraining(deps.isDraining),
    boundRequests(deps.callGate, deps.maxBodyBytes),
    chatCompletions(deps),
  );
  calls.get(["/models", "/v1/models"], models(deps.catalog.names, deps.startedAt));

  const management = new Router<RequestState>();
  management.use(authenticateOperator(deps));
  // Streams that stay open have a bound of their own.
  management.get("/ui/api/live", liveEvents(deps));
  management.use(boundRequests(deps.managementGate, MAX_JSON_BYTES));
  customerRoutes(management, deps);
  activityRoutes(management, deps);
  customerDetailRoutes(management, deps);
  budgetRoutes(management, deps);
  management.get("/spend/overview", overviewOfSpend(deps));
  management.get("/model/info", modelInfo(deps));
  management.get("/spend/explain/:requestId", explainSpend(deps));
  endpointRoutes(management, deps);
  deliveryRoutes(management, deps);

  sessionRoutes(open, deps);
  dashboardRoutes(open, deps);
  docsRoutes(open, deps);

  app.use(requestLog(deps));
  app.use(respondErrors(deps));
  app.use(calls.routes()).use(calls.allowedMethods());
  app.use(management.routes()).use(management.allowedMethods());
  app.use(open.routes()).use(open.allowedMethods());
  return app;
}
