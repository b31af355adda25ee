import { hash } from "node:crypto";
import type { Router } from "@koa/router";
import type { AppContext, RequestState } from "../context.ts";
import { docsPage } from "../openapi/docs-page.ts";
import { openApiDocument } from "../openapi/document.ts";

/** GET /openapi.json and /docs: what the API is, open to all. */
export function docsRoutes(router: Router<RequestState>, { version }: { readonly version: string }): void {
  const document = JSON.stringify(openApiDocument(version));
  const { html, style } = docsPage();
  const styleHash = hash("sha256", style, "base64");

  router.get("/openapi.json", (ctx: AppContext) => {
    ctx.type = "application/json";
    ctx.body = document;
  });
  router.get("/docs", (ctx: AppContext) => {
    ctx.set({
      "content-security-policy": `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    });
    ctx.type = "text/html; charset=utf-8";
    ctx.body = html;
  });
}
