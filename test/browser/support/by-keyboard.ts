import type { Page } from "playwright-core";

const MOST_TABS = 120;

/** What has the focus: its role by tag, and how a screen reader would name it. */
export function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (!(element instanceof HTMLElement)) return "";
    const labels = "labels" in element ? (element as HTMLInputElement).labels : null;
    const label = labels?.[0]?.textContent ?? element.textContent ?? "";
    const name = element.getAttribute("aria-label") ?? label;
    return name.replace(/\s+/g, " ").trim();
  });
}

/** Presses Tab until the control of this name has the focus. */
export async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  for (let tabs = 0; tabs < MOST_TABS; tabs++) {
    await page.keyboard.press("Tab");
    const found = await focused(page);
    if (typeof name === "string" ? found === name : name.test(found)) return;
  }
  throw new Error(`Tab never reached ${String(name)}`);
}

/** Tabs to a control and presses Enter on it. */
export async function press(page: Page, name: string | RegExp): Promise<void> {
  await tabTo(page, name);
  await page.keyboard.press("Enter");
}

/** Tabs to a field and types into it, over what is there. */
export async function typeInto(page: Page, name: string | RegExp, text: string): Promise<void> {
  await tabTo(page, name);
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type(text);
}
