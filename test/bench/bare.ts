import { once } from "node:events";
import type { AddressInfo } from "node:net";
import Koa from "koa";
import { Agent } from "undici";
import { serveCommands } from "./part.ts";

/** The yardstick: what a Koa + undici pass-through costs that does nothing else. */
const origin = process.env["UPSTREAM"] ?? "";
const agent = new Agent({});
const app = new Koa();
app.on("error", () => {});
app.use(async (ctx) => {
  const chunks: Buffer[] = [];
  for await (const chunk of ctx.req) chunks.push(chunk as Buffer);
  const response = await agent.request({
    origin,
    path: "/v1/chat/completions",
    method: "POST",
    headers: { "content-type": "application/json" },
    body: Buffer.concat(chunks),
  });
  ctx.status = response.statusCode;
  ctx.set("content-type", String(response.headers["content-type"]));
  // The load generator hangs up in the middle of its last calls.
  response.body.on("error", () => {});
  ctx.body = response.body;
});
const server = app.listen({ port: 0, host: "127.0.0.1", backlog: 2048 });
await once(server, "listening");
serveCommands((server.address() as AddressInfo).port, {});
