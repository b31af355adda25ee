import type { Browser, BrowserContext, Page } from "playwright-core";
import { type Scene, type SceneOptions, startScene } from "../../support/scene.ts";
import { MASTER_KEY } from "../../support/stack.ts";
import { launchChromium } from "./chromium.ts";

export interface OpenOptions {
  readonly width?: number;
  readonly height?: number;
  readonly theme?: "light" | "dark";
  /** Leaves the sign-in page as it is. */
  readonly signedOut?: boolean;
}

const PATIENCE_MS = 10_000;

/** The whole service, and a browser that looks at its dashboard. */
export class Dashboard {
  readonly scene: Scene;
  readonly browser: Browser;
  /** What pages said that no page should say: uncaught errors, and what the policy refused. */
  readonly complaints: string[] = [];

  private constructor(scene: Scene, browser: Browser) {
    this.scene = scene;
    this.browser = browser;
  }

  static async start(models: readonly string[], options: SceneOptions = {}): Promise<Dashboard> {
    const scene = await startScene(models, options);
    try {
      return new Dashboard(scene, await launchChromium());
    } catch (error) {
      await scene.dispose();
      throw error;
    }
  }

  url(place = ""): string {
    return `${this.scene.stack.baseUrl}/ui/${place}`;
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
      if (message.type() === "error" && !/status of (4|5)\d\d|ERR_CONNECTION/.test(message.text())) {
        this.complaints.push(message.text());
      }
    });
    await page.goto(this.url(place));
    return page;
  }

  async #signIn(context: BrowserContext): Promise<void> {
    const answer = await context.request.post(`${this.scene.stack.baseUrl}/ui/api/session`, {
      data: { key: MASTER_KEY },
    });
    if (!answer.ok()) throw new Error(`Signing in was answered with ${answer.status()}`);
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.scene.dispose();
  }
}
