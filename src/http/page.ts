import type { Page } from "../customers/list-customers.ts";
import type { AppContext } from "./context.ts";

/** A plain array, as LiteLLM sends it; where there is more, the next page's address is in `Link`. */
export function sendPage(ctx: AppContext, page: Page): void {
  if (page.nextCursor !== null) {
    const query = new URLSearchParams(ctx.querystring);
    query.set("cursor", page.nextCursor);
    ctx.set("link", `<${ctx.path}?${query.toString()}>; rel="next"`);
  }
  ctx.body = page.rows;
}
