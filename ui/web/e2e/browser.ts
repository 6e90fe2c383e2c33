import { AxeBuilder } from "@axe-core/playwright";
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright-core";
import { expect } from "vitest";
import { answer, type Sight } from "./pages";
import type { Say } from "./words";

export type Language = "en" | "zh";
export type Theme = "light" | "dark";

/** Debian's Chromium. As root it runs without its sandbox. */
export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), "--disable-dev-shm-usage"],
  });

/** A person at a browser, and everything that must not happen there. */
export class Person {
  /** Requests to other origins, breaches of the policy, errors of scripts. */
  readonly wrong: string[] = [];

  private constructor(readonly context: BrowserContext, readonly page: Page) {}

  static async at(browser: Browser, url: string, language: Language, theme: Theme, options: BrowserContextOptions = {}): Promise<Person> {
    const context = await browser.newContext({
      baseURL: url,
      ignoreHTTPSErrors: true,
      locale: language === "zh" ? "zh-CN" : "en-GB",
      colorScheme: theme,
      viewport: { width: 1280, height: 720 },
      ...options,
    });
    const person = new Person(context, await context.newPage());
    await person.guard(new URL(url).origin);
    return person;
  }

  private async guard(origin: string): Promise<void> {
    this.context.on("request", (request) => {
      if (new URL(request.url()).origin !== origin) this.wrong.push(`asked another origin: ${request.url()}`);
    });
    await this.context.exposeFunction("tellBreach", (breach: string) => this.wrong.push(`policy: ${breach}`));
    await this.context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        const { tellBreach } = window as unknown as { tellBreach: (breach: string) => void };
        tellBreach(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
      });
    });
    this.page.on("pageerror", (error) => this.wrong.push(`script: ${error.message}`));
  }

  /** Goes to a page and waits until what it shows is there. */
  async open(path: string): Promise<void> {
    await this.page.goto(path);
    await this.settled();
  }

  async settled(): Promise<void> {
    await this.page.waitForSelector("h1");
    await this.page.waitForFunction(() => !document.querySelector(".skeleton, .boot-shell"));
  }

  /** Goes to a page, opens what is to be opened on it, and waits until that is there. */
  async look({ name, path, answers = {}, act, until }: Sight, say: Say): Promise<void> {
    try {
      await answer(this.page, answers);
      await this.open(path);
      await act?.(this.page, say);
      if (until) await this.page.locator(until).first().waitFor({ timeout: 10_000 });
      await this.settled();
      await this.drawn();
    } catch (error) {
      throw new Error(`${name} is not there: ${this.wrong.join("; ")}`, { cause: error });
    }
  }

  /** The frame after the next: what a change of the window's size brings about is on the screen. */
  async drawn(): Promise<void> {
    await this.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  }

  /** Takes a picture of what is there now; axe and the overflow probe must have nothing against it. */
  async wellMade(picture: string): Promise<void> {
    await this.settled();
    await this.picture(picture);
    expect.soft(await this.violations(), picture).toEqual([]);
    expect.soft(await this.overflow(), picture).toEqual([]);
  }

  /** Into the folder `SCREENSHOTS`, where one is wanted. */
  async picture(name: string): Promise<void> {
    if (process.env.SCREENSHOTS) await this.page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png` });
  }

  /** What WCAG 2.2 A and AA have against what is on the screen now. */
  async violations(): Promise<string[]> {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await new AxeBuilder({ page: this.page }).withTags(tags).analyze();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} at ${target.join(" ")}: ${failureSummary}`));
  }

  /** What sticks out of the window sideways, or is cut off: the page itself never scrolls sideways. */
  async overflow(): Promise<string[]> {
    return this.page.evaluate(() => {
      const found: string[] = [];
      const width = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth > width) found.push(`the page is ${document.documentElement.scrollWidth} wide, the window ${width}`);
      const scrolls = (element: Element | null): boolean =>
        element !== null && (["auto", "scroll"].includes(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
      for (const element of document.querySelectorAll("button, a, input, select, textarea, h1, h2, label")) {
        const box = element.getBoundingClientRect();
        const seen = box.width > 1 && box.height > 1 && getComputedStyle(element).visibility === "visible" && !element.matches(".skip");
        if (!seen || scrolls(element.parentElement)) continue;
        const name = `${element.tagName.toLowerCase()} "${element.textContent?.trim().slice(0, 40)}"`;
        if (box.right > width + 1 || box.left < -1) found.push(`${name} ends at ${Math.round(box.right)} of ${width}`);
      }
      for (const element of document.querySelectorAll("[role=columnheader], th, button, label, h1, h2, .tile-figure, .run-top dd")) {
        const hides = getComputedStyle(element).overflowX !== "visible" && !element.matches(".unseen, .unseen *");
        if (hides && element.scrollWidth > element.clientWidth + 1) found.push(`${element.tagName.toLowerCase()} "${element.textContent?.trim().slice(0, 40)}" is cut: ${element.scrollWidth} in ${element.clientWidth}`);
      }
      const main = document.querySelector("main");
      if (main && main.scrollWidth > main.clientWidth + 1) found.push(`the content is ${main.scrollWidth} wide in ${main.clientWidth}`);
      return found;
    });
  }

  async close(): Promise<void> {
    await this.context.close();
  }
}
