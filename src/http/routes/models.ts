import type { AppContext } from "../context.ts";

/** GET /models: the configured names, as OpenAI lists models. */
export function models(names: readonly string[], startedAt: Date) {
  const created = Math.floor(startedAt.getTime() / 1000);
  const data = names.map((id) => ({ id, object: "model", created, owned_by: "spendhook" }));
  return (ctx: AppContext): void => {
    ctx.body = { object: "list", data };
  };
}

export interface ModelInfoDeps {
  /** Deployments with the price in force and where it came from. */
  readonly modelInfo: () => Promise<object[]>;
}

/** GET /model/info */
export function modelInfo(deps: ModelInfoDeps) {
  return async (ctx: AppContext): Promise<void> => {
    ctx.body = { data: await deps.modelInfo() };
  };
}
