/** What stands is seen and ended everywhere, kept scenes come back, values are typed, and sliders say what is. */

import AxeBuilder from "@axe-core/playwright";
import { expect, test, type Page } from "@playwright/test";
import { Daemon, FIRST_START_MS } from "./daemon";

const TABS = ["Play", "Mixer", "Speakers", "Scenes", "Connect", "Packets"];
let daemon: Daemon;

test.beforeAll(async () => {
  test.setTimeout(FIRST_START_MS);
  daemon = await (await Daemon.make(["--input", "demo", "--binaural"], "layout: 5.1\nseparation: {enabled: false}")).start();
});
test.afterAll(() => daemon.close());
test.beforeEach(async ({ page }) => {
  await daemon.send("/scene/reset");
  await daemon.send("/master/gain", 0);
  await open(page);
});

async function open(page: Page): Promise<void> {
  await page.goto(`${daemon.url}panner/`);
  await expect(page.locator(".link")).toHaveText("live");
}

const show = (page: Page, tab: string) => page.getByRole("tab", { name: tab }).click();
const number = async (address: string) => Number((await daemon.ask(address))[0]);

test("whatever is silenced, soloed, compared or bypassed is seen on every page and ended by one tap", async ({ page }) => {
  const on: [string, string][] = [
    ["/object/{bass,drums}/mute", "Muted: bass, drums"],
    ["/object/vocals/solo", "Solo: vocals"],
    ["/speaker/M+030/solo", "Loudspeakers, solo: M+030"],
    ["/group/5/mute", "Muted groups: 5"],
    ["/master/mute", "Master muted"],
    ["/monitor/mute", "Headphones muted"],
    ["/separation/bypass", "Separation bypassed"],
    ["/scene/compare", "B: original recording"],
  ];
  const stands = page.locator(".standing button");
  await expect(stands).toHaveCount(0);
  for (const [address] of on) await daemon.send(address, 1);
  await expect(stands).toHaveCount(on.length);
  for (const tab of TABS) {
    await show(page, tab);
    for (const [, text] of on) await expect(page.getByRole("button", { name: `${text}: turn off` })).toBeInViewport();
  }
  for (const [, text] of on) await page.getByRole("button", { name: `${text}: turn off` }).click();
  await expect(stands).toHaveCount(0);
  for (const address of ["/object/bass/mute", "/object/drums/mute", ...on.slice(1).map(([each]) => each)]) await expect.poll(() => daemon.ask(address)).toEqual([false]);
});

test("a loudspeaker that is looked for blinks, and its button ends that", async ({ page }) => {
  await show(page, "Speakers");
  // What another client asks for is seen too.
  await daemon.send("/speaker/M+030/sweep");
  await expect.poll(() => daemon.ask("/speaker/M+030/sounding")).toEqual(["sweep"]);
  await daemon.send("/speaker/M+030/sweep", 0);
  const card = page.getByRole("article", { name: "M-110" });
  const stop = card.getByRole("button", { name: "Stop" });
  // On a busy machine it may have said its name before it is stopped.
  await expect(async () => {
    await card.getByRole("button", { name: /^Say its name/ }).click();
    await expect(stop).toHaveClass(/sounding/, { timeout: 2000 });
    await stop.click({ timeout: 1000 });
  }).toPass();
  await expect(stop).toHaveCount(0);
  await expect.poll(() => daemon.ask("/speaker/M-110/sounding")).toEqual([""]);
});

test("a kept scene that was overwritten or deleted is brought back, and the one that is loaded says whether it is changed", async ({ page }) => {
  const name = "Käse 夜";
  await show(page, "Scenes");
  const mine = page.getByRole("listitem").filter({ has: page.getByRole("button", { name, exact: true }) });
  const keep = async (drums: number) => {
    await daemon.send("/object/drums/gain", drums);
    await expect.poll(() => number("/object/drums/gain")).toBeCloseTo(drums, 3);
    await page.getByLabel("Name of the scene").fill(name);
    await page.getByRole("button", { name: "Save" }).click();
  };
  await keep(-3);
  await expect(mine.locator(".state")).toHaveText("loaded");
  await daemon.send("/object/drums/gain", -4);
  await expect(mine.locator(".state")).toHaveText("loaded, modified");
  await keep(-9);
  await page.getByRole("button", { name: "Restore" }).click();
  await mine.getByRole("button", { name, exact: true }).click();
  await expect.poll(() => number("/object/drums/gain")).toBeCloseTo(-3, 3);
  await expect(mine.locator(".state")).toHaveText("loaded");
  await page.getByRole("button", { name: `Delete ${name}` }).click();
  await expect(mine).toHaveCount(0);
  await page.getByRole("button", { name: "Undo", exact: true }).click();
  await expect(mine).toHaveCount(1);
  await page.getByRole("button", { name: `Delete ${name}` }).click();
  await expect(mine).toHaveCount(0);
  // The offer ends where a hand goes on to something else, which it would take back.
  await expect(page.getByRole("button", { name: "Restore" })).toBeVisible();
  await show(page, "Play");
  await expect(page.getByRole("button", { name: "Restore" })).toBeHidden();
});

test("values are typed, by tap and by keys, and what is no value is said", async ({ page }) => {
  const volume = page.getByRole("slider", { name: "Volume" });
  const fader = page.locator(".fader", { has: volume });
  await fader.locator("output").click();
  await page.keyboard.type("−4,5 dB");
  await page.keyboard.press("Enter");
  await expect.poll(() => number("/master/gain")).toBeCloseTo(-4.5, 3);
  await expect(volume).toBeFocused();
  await page.keyboard.type("loud");
  await expect(volume).toBeFocused(); // no digit: nothing is typed
  await page.keyboard.type("-2x");
  await page.keyboard.press("Enter");
  const field = page.getByLabel("Volume, typed");
  expect(await field.evaluate((input: HTMLInputElement) => input.validationMessage)).toContain("a level such as −6");
  await page.keyboard.press("Escape");
  await expect(field).toHaveCount(0);
  expect(await number("/master/gain")).toBeCloseTo(-4.5, 3);
  await page.locator(".fader", { has: page.getByRole("slider", { name: "Direction", exact: true }) }).locator("output").click();
  await page.keyboard.type("30 right");
  await page.keyboard.press("Enter");
  await expect.poll(() => number("/object/vocals/aed")).toBeCloseTo(-30, 3);
});

test("meters say numbers and what the limiter takes; after the browser's Back each slider is where its text says", async ({ page }) => {
  await daemon.send("/master/gain", 20);
  const master = page.getByRole("region", { name: "Master" });
  await expect(master.locator(".number")).toHaveText(/^(−|\+)?\d+$/);
  await expect(master.locator(".reduction")).toHaveText(/limited by \d+\.\d dB/);
  await daemon.send("/master/gain", -20);
  const volume = page.getByRole("slider", { name: "Volume" });
  await expect(volume).toHaveAttribute("aria-valuetext", "−20.0 dB");
  const before = await volume.inputValue();
  await page.goto(`${daemon.url}?HOST_INFO`);
  await daemon.send("/master/gain", 0);
  await page.goBack();
  await expect(page.locator(".link")).toHaveText("live");
  await expect(volume).toHaveAttribute("aria-valuetext", "0.0 dB");
  const after = Number(await volume.inputValue());
  expect(after).toBeGreaterThan(Number(before) + 0.1);
  expect(after).toBeCloseTo(10 ** (-20 / 50), 2);
});

test("by night and in forced colours everything is legible", async ({ page }) => {
  await daemon.send("/object/bass/mute", 1);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(Number(/\d+/.exec(ground)![0]) > 128).toBe(colorScheme === "light");
  }
  for (const tab of ["Play", "Scenes"]) {
    await show(page, tab);
    const { violations } = await new AxeBuilder({ page }).withRules(["color-contrast"]).analyze(); // by day all rules are tried elsewhere
    expect(violations.flatMap(({ nodes }) => nodes.map(({ html }) => html)), tab).toEqual([]);
  }
  await page.emulateMedia({ forcedColors: "active" });
  await show(page, "Play");
  const mute = page.getByRole("button", { name: "Mute bass" });
  const colours = (of: typeof mute) => of.evaluate((element) => getComputedStyle(element).backgroundColor);
  expect(await colours(mute)).not.toBe(await colours(page.getByRole("button", { name: "Mute drums" })));
  expect(await page.locator(".track i").first().evaluate((element) => getComputedStyle(element).backgroundImage)).toContain("gradient");
});

test("the loudness of the recording and of the room is shown, and begins anew", async ({ page }) => {
  await show(page, "Mixer");
  const panel = page.getByRole("region", { name: "Loudness" });
  const cells = (row: string) => panel.getByRole("row", { name: row }).getByRole("cell");
  for (const column of [0, 1]) await expect(cells("Integrated").nth(column)).toHaveText(/^−\d+\.\d$/);
  const before = await number("/meter/loudness/room");
  await daemon.send("/master/gain", -60);
  const highest = async () => Number((await daemon.ask("/meter/loudness/room"))[5]);
  // Until the fall of the level is over, the highest value includes what came before.
  await expect(async () => {
    await panel.getByRole("button", { name: "Reset" }).click();
    await page.waitForTimeout(600);
    expect(await highest()).toBeLessThan(before - 20);
  }).toPass();
  // The recording is louder than this.
  await panel.getByRole("button", { name: "Bring the recording slowly" }).click();
  await panel.getByRole("slider", { name: "Target of the levelling" }).fill("-35");
  await expect.poll(() => daemon.ask("/loudness/target")).toEqual([-35]);
  await expect.poll(() => number("/loudness/gain")).toBeLessThan(-1);
  await expect(panel.getByText(/^now −\d+\.\d dB$/)).toBeVisible();
  await daemon.send("/loudness/levelling", 0);
  await expect.poll(() => number("/loudness/gain")).toBe(0);
  await show(page, "Play");
  await expect(page.getByText(/^Loudness of the room: −\d+\.\d LUFS/)).toBeVisible();
});
