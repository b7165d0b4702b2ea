/** The pictures of the manual, taken of a daemon that plays the demo song. */

import { join } from "node:path";
import { expect, test, type Page } from "@playwright/test";
import { Daemon, FIRST_START_MS } from "../tests/daemon";

const DOCS = join(import.meta.dirname, "../../../docs");
let daemon: Daemon;
test.use({ colorScheme: "dark" });

test.beforeAll(async () => {
  test.setTimeout(FIRST_START_MS);
  daemon = await (await Daemon.make(["--input", "demo", "--binaural"], "model: light")).start();
  const places: [string, number][] = [["vocals", 20], ["bass", -35], ["drums", -75], ["other", 115], ["residual", 180]];
  for (const [name, azimuth] of places) await daemon.send(`/object/${name}/aed`, azimuth, 0, 1);
});
test.afterAll(() => daemon.close());

async function open(page: Page): Promise<void> {
  await page.goto(daemon.url);
  await expect(page.locator(".link")).toHaveText("live");
  for (const name of ["vocals", "drums"]) await expect.poll(async () => Number((await daemon.ask(`/meter/object/${name}`))[1]), { timeout: 120_000 }).toBeGreaterThan(-40);
}

test("the first screen, and the room in three dimensions", async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 860 });
  await open(page);
  await page.screenshot({ path: join(DOCS, "panner.png") });
  await page.getByRole("button", { name: "3-D" }).click();
  await expect(page.locator(".solid canvas")).toBeVisible();
  await expect.poll(async () => Number((await daemon.ask("/meter/object/vocals"))[1]), { timeout: 120_000 }).toBeGreaterThan(-40);
  await page.locator(".stage").screenshot({ path: join(DOCS, "panner-3d.png") });
});

test("a telephone", async ({ browser }) => {
  const page = await browser.newPage({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: "dark" });
  await open(page);
  await page.screenshot({ path: join(DOCS, "panner-phone.png") });
  await page.close();
});
