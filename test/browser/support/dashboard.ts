import { once } from "node:events";
import { existsSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import path from "node:path";
import OpenAI from "openai";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { newWebhookSecret, Receiver } from "../../support/receiver.ts";
import { MASTER_KEY, SECRETS_KEY, Stack } from "../../support/stack.ts";
import { launchChromium } from "./chromium.ts";

export interface OpenOptions {
  readonly width?: number;
  readonly height?: number;
  readonly theme?: "light" | "dark";
  /** Leaves the sign-in page as it is. */
  readonly signedOut?: boolean;
}

export interface DashboardOptions {
  /** Entries of `model_list`; one whose calls cost a dollar unless told otherwise. */
  readonly models?: readonly object[];
  readonly env?: Readonly<Record<string, string>>;
}

const BUILT = path.join(import.meta.dirname, "../../../dist/dashboard/index.html");
const PATIENCE_MS = 60_000;
/** Answers in four tokens of $0.25, and never in more: each call costs a dollar. */
const MISTRAL = {
  model_name: "mistral",
  litellm_params: {
    model: "mistral/mistral-small-latest",
    mock_response: "It is sunny.",
    input_cost_per_token: 0,
    output_cost_per_token: 0.25,
  },
  model_info: { max_output_tokens: 4 },
};

/** The whole service, a receiver of its events, and a browser that looks at its dashboard. */
export class Dashboard {
  readonly stack: Stack;
  readonly receiver: Receiver;
  readonly browser: Browser;
  /** What pages said that no page should say: uncaught errors, and what the policy refused. */
  readonly complaints: string[] = [];

  private constructor(parts: { stack: Stack; receiver: Receiver; browser: Browser }) {
    this.stack = parts.stack;
    this.receiver = parts.receiver;
    this.browser = parts.browser;
  }

  static async start({ models = [MISTRAL], env = {} }: DashboardOptions = {}): Promise<Dashboard> {
    if (!existsSync(BUILT)) throw new Error("The dashboard has not been built: npm run build");
    const browser = await launchChromium();
    const secret = newWebhookSecret();
    const receiver = await Receiver.start(secret);
    const stack = await Stack.start({
      config: { model_list: models, general_settings: { alerting: ["webhook"] } },
      env: {
        WEBHOOK_URL: receiver.url,
        WEBHOOK_SECRET: secret,
        SECRETS_KEY,
        WEBHOOK_ALLOW_PRIVATE: "true",
        LOG_LEVEL: "warn",
        // A page that is open finds the service again after a restart.
        PORT: String(await freePort()),
        ...env,
      },
    });
    return new Dashboard({ stack, receiver, browser });
  }

  url(place = ""): string {
    return `${this.stack.baseUrl}/ui/${place}`;
  }

  /** A page in a profile of its own, signed in unless said otherwise. */
  async open(place = "", options: OpenOptions = {}): Promise<Page> {
    const { width = 1280, height = 800, theme = "light", signedOut = false } = options;
    const context = await this.browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      reducedMotion: "reduce",
      timezoneId: "Europe/Berlin",
      locale: "en-GB",
    });
    context.setDefaultTimeout(PATIENCE_MS);
    if (!signedOut) await this.#signIn(context);
    const page = await context.newPage();
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (message) => {
      // Chromium itself notes every refused request; those are what some tests are about.
      const isNetwork = /Failed to load resource/.test(message.text());
      if (message.type() === "error" && !isNetwork) this.complaints.push(message.text());
    });
    await page.goto(this.url(place));
    return page;
  }

  async #signIn(context: BrowserContext): Promise<void> {
    const answer = await context.request.post(`${this.stack.baseUrl}/ui/api/session`, {
      data: { key: MASTER_KEY },
    });
    if (!answer.ok()) throw new Error(`Signing in was answered with ${answer.status()}`);
  }

  /** A call with the stock SDK, charged to this customer. */
  async chat(user: string, model = "mistral"): Promise<void> {
    const openai = new OpenAI({ baseURL: `${this.stack.baseUrl}/v1`, apiKey: MASTER_KEY, maxRetries: 0 });
    await openai.chat.completions.create({ model, messages: [{ role: "user", content: "Hello!" }], user });
  }

  /** A POST with the operator's key that must succeed. */
  async post(target: string, body: object): Promise<void> {
    const headers = { "content-type": "application/json" };
    const answer = await this.stack.fetch(target, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${target}: ${answer.status} ${await answer.text()}`);
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.stack.dispose();
    await this.receiver.close();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
