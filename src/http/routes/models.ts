import type { AppContext } from "../context.ts";

/** GET /models: the configured names, as OpenAI lists models. */
export function models(names: readonly string[], startedAt: Date) {
  const created = Math.floor(startedAt.getTime() / 1000);
  const data = names.map((id) => ({ id, object: "model", created, owned_by: "spendhook" }));
  return (ctx: AppContext): void => {
    ctx.body = { object: "list", data };
  };
}
