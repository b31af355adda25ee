import ipaddr from "ipaddr.js";
import { z } from "zod";
import type { Config } from "./config.ts";
import { ConfigError } from "./config-error.ts";
import { HEADER_TEXT, HEADER_TEXT_RULE } from "../lib/header-text.ts";
import { isSigningSecret, SIGNING_SECRET_RULE } from "../lib/secrets.ts";
import { type Environment, readVariable, type Variable } from "./environment.ts";

type FromEnvironment = Pick<
  Config,
  | "host"
  | "port"
  | "trustedProxies"
  | "mongodbUrl"
  | "redisUrl"
  | "webhookUrl"
  | "webhookSecret"
  | "webhookAllowPrivate"
  | "webhookAllowCidrs"
  | "secretsKey"
  | "dataDir"
  | "logLevel"
>;

export interface Settings {
  readonly values: FromEnvironment;
  readonly masterKey: string | undefined;
  readonly configFilePath: string | undefined;
  readonly embedded: boolean;
}

const port = z
  .string()
  .regex(/^\d+$/, "expected a port number")
  .transform(Number)
  .pipe(z.number().max(65_535));
const flag = z.enum(["true", "false", "1", "0"]).transform((text) => text === "true" || text === "1");
const httpUrl = z.url({ protocol: /^https?$/ });
const logLevel = z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]);
const cidrs = z
  .string()
  .transform((text) =>
    text
      .split(",")
      .map((part) => part.trim())
      .filter(Boolean),
  )
  .refine((list) => list.every((cidr) => ipaddr.isValidCIDR(cidr)), "expected CIDRs such as 10.0.0.0/8");
const signingSecret = z.string().refine(isSigningSecret, SIGNING_SECRET_RULE);
const base64Key = z
  .string()
  .refine((text) => Buffer.from(text, "base64").length === 32, "expected 32 bytes in base64");

/** Reads and checks the environment; every fault names its variable and never its value. */
export function readSettings(env: Environment): Settings {
  const faults: string[] = [];
  const get = <T>(name: Variable, schema: z.ZodType<T, string>): T | undefined => {
    const text = readVariable(env, name);
    if (text === undefined) return undefined;
    const parsed = schema.safeParse(text);
    if (parsed.success) return parsed.data;
    faults.push(`${name}: ${parsed.error.issues[0]?.message ?? "invalid"}`);
    return undefined;
  };
  const text = z.string();
  const mongodbUrl = get(
    "MONGODB_URL",
    text.regex(/^mongodb(\+srv)?:\/\//, "expected mongodb://… or mongodb+srv://…"),
  );
  const redisUrl = get("REDIS_URL", text.regex(/^rediss?:\/\//, "expected redis://… or rediss://…"));
  // The supervisor passes the embedded store's address to its children as MONGODB_URL, and says so here.
  const embedded = mongodbUrl === undefined || get("SPENDHOOK_EMBEDDED", flag) === true;
  const values: FromEnvironment = {
    host: get("HOST", text) ?? "127.0.0.1",
    port: get("PORT", port) ?? 4000,
    trustedProxies: get("TRUSTED_PROXIES", cidrs) ?? [],
    mongodbUrl: mongodbUrl ?? null,
    redisUrl: redisUrl ?? null,
    webhookUrl: get("WEBHOOK_URL", httpUrl) ?? null,
    webhookSecret: get("WEBHOOK_SECRET", signingSecret) ?? null,
    webhookAllowPrivate: get("WEBHOOK_ALLOW_PRIVATE", flag) ?? embedded,
    webhookAllowCidrs: get("WEBHOOK_ALLOW_CIDRS", cidrs) ?? [],
    secretsKey: get("SECRETS_KEY", base64Key) ?? null,
    dataDir: get("DATA_DIR", text) ?? ".data",
    logLevel: get("LOG_LEVEL", logLevel) ?? "info",
  };
  const key = text.regex(HEADER_TEXT, HEADER_TEXT_RULE);
  const masterKey = get("MASTER_KEY", key) ?? get("LITELLM_MASTER_KEY", key);
  const configFilePath = get("CONFIG_FILE_PATH", text);
  if (faults.length > 0) throw new ConfigError("environment", faults);
  return { values, masterKey, configFilePath, embedded };
}
