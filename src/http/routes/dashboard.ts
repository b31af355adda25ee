import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import type { Router } from "@koa/router";
import { AppError } from "../../errors.ts";
import type { AppContext, RequestState } from "../context.ts";

export interface DashboardDeps {
  /** Where the built dashboard lies. */
  readonly dashboardDir: string;
}

/** Nothing from anywhere else, nothing inline, in nobody's frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** Files the build compressed, best first. */
const ENCODINGS = [
  { name: "br", suffix: ".br" },
  { name: "gzip", suffix: ".gz" },
] as const;
/** One file or folder name: no way up, no hidden file. */
const SAFE_NAME = /^[\w-][\w.-]*$/;
const ASSETS = "assets";
const NOT_BUILT =
  "<!doctype html><title>Spendhook</title><h1>The dashboard has not been built</h1>" +
  "<p>Run <code>npm run build</code> in Spendhook's folder and load this page again. The API works without it.</p>";

/** `/` and `/ui/*`: the files of the built dashboard, read from disk, so that a new build needs no restart. */
export function dashboardRoutes(router: Router<RequestState>, { dashboardDir }: DashboardDeps): void {
  router.get("/", (ctx: AppContext) => {
    ctx.redirect("/ui/");
  });
  router.get(/^\/ui(?:\/.*)?$/, async (ctx: AppContext) => {
    if (ctx.path === "/ui") {
      ctx.redirect("/ui/");
      return;
    }
    ctx.set({
      "content-security-policy": POLICY,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    });
    const parts = ctx.path.slice("/ui/".length).split("/");
    if (parts[0] === "api") throw notFound(ctx);
    const isAsset = parts[0] === ASSETS;
    const found = parts.every((part) => SAFE_NAME.test(part)) && (await send(ctx, dashboardDir, parts));
    if (found) return;
    if (isAsset) throw notFound(ctx);
    // A deep link: the page finds its own way from the address.
    if (!(await send(ctx, dashboardDir, ["index.html"]))) {
      ctx.status = 503;
      ctx.type = "html";
      ctx.body = NOT_BUILT;
    }
  });
}

function notFound(ctx: AppContext): AppError {
  return new AppError("route_not_found", `There is no ${ctx.method} ${ctx.path}`);
}

/** Answers with a file, compressed if the build did that and the client takes it; false when there is none. */
async function send(ctx: AppContext, directory: string, parts: readonly string[]): Promise<boolean> {
  const file = path.join(directory, ...parts);
  const plain = await fileTime(file);
  if (plain === null) return false;
  ctx.vary("accept-encoding");
  ctx.type = path.extname(file);
  const isAsset = parts[0] === ASSETS;
  ctx.set("cache-control", isAsset ? "public, max-age=31536000, immutable" : "no-cache");
  const encoding = await chooseEncoding(ctx, file, plain);
  if (encoding !== null) ctx.set("content-encoding", encoding.name);
  ctx.etag = `${plain.toString(36)}-${encoding?.name ?? "plain"}`;
  ctx.status = 200;
  if (ctx.fresh) {
    ctx.status = 304;
    return true;
  }
  ctx.body = await readFile(file + (encoding?.suffix ?? ""));
  return true;
}

async function chooseEncoding(
  ctx: AppContext,
  file: string,
  plainTime: number,
): Promise<(typeof ENCODINGS)[number] | null> {
  for (const encoding of ENCODINGS) {
    if (ctx.acceptsEncodings(encoding.name, "identity") !== encoding.name) continue;
    const time = await fileTime(file + encoding.suffix);
    // Older than its file: left over from another build.
    if (time !== null && time >= plainTime) return encoding;
  }
  return null;
}

/** When a file was last written, in ms; null when there is no such file. */
async function fileTime(file: string): Promise<number | null> {
  try {
    const stats = await stat(file);
    return stats.isFile() ? stats.mtimeMs : null;
  } catch {
    return null;
  }
}
