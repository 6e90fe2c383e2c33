import type { Locator, Page } from "playwright-core";

type Role = Parameters<Page["getByRole"]>[0];

/** How a person does things at a page, counted. */
export abstract class Hands {
  clicks = 0;
  inputs = 0;

  constructor(protected readonly page: Page) {}

  /** Presses the first that is named so. */
  async press(role: Role, name: string | RegExp): Promise<void> {
    this.clicks += 1;
    await this.act(this.page.getByRole(role, { name, exact: typeof name === "string" }).first());
  }

  async type(label: string, text: string): Promise<void> {
    this.inputs += 1;
    await this.write(this.page.getByLabel(label, { exact: true }).first(), text);
  }

  /** Chooses a file where one can be chosen. */
  async choose(label: string, file: string): Promise<void> {
    this.clicks += 1;
    const asked = this.page.waitForEvent("filechooser");
    await this.browse(label);
    await (await asked).setFiles(file);
  }

  get said(): string {
    return `${this.clicks} clicks and ${this.inputs} inputs`;
  }

  protected abstract act(what: Locator): Promise<void>;
  protected abstract browse(label: string): Promise<void>;
  protected abstract write(into: Locator, text: string): Promise<void>;
}

/** How long anything may take to be there. */
const PATIENCE = { timeout: 60_000 };

/** A mouse, and a keyboard for what is typed. */
export class Mouse extends Hands {
  protected act = (what: Locator): Promise<void> => what.click(PATIENCE);
  protected browse = (label: string): Promise<void> => this.act(this.page.locator("label", { hasText: label }).first());
  protected write = (into: Locator, text: string): Promise<void> => into.fill(text, PATIENCE);
}

/** Stops of the tabulator key after which something counts as out of reach. */
const FAR = 200;

/** A keyboard alone: Tab leads everywhere, Enter presses. */
export class Keyboard extends Hands {
  protected async act(what: Locator): Promise<void> {
    await this.reach(what);
    await this.page.keyboard.press("Enter");
  }

  protected browse = (label: string): Promise<void> => this.act(this.page.getByLabel(label).first());

  protected async write(into: Locator, text: string): Promise<void> {
    await this.reach(into);
    await this.page.keyboard.press("Control+A");
    await this.page.keyboard.insertText(text);
  }

  /** The space bar, for what is ticked. */
  async tick(label: string): Promise<void> {
    this.clicks += 1;
    await this.reach(this.page.getByLabel(label, { exact: true }).first());
    await this.page.keyboard.press("Space");
  }

  private async reach(what: Locator): Promise<void> {
    await what.waitFor(PATIENCE);
    for (let stop = 0; stop < FAR; stop += 1) {
      if (await what.evaluate((element) => element === document.activeElement || element.contains(document.activeElement))) return;
      await this.page.keyboard.press("Tab");
    }
    throw new Error(`no tabulator leads to ${what}`);
  }
}
