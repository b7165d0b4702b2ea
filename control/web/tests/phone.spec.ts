/** The page on a telephone: fingers that scroll, fingers that set something, and the room that there is. */

import { type CDPSession, expect, type Locator, test, type Page } from "@playwright/test";
import { Daemon, FIRST_START_MS } from "./daemon";

test.use({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } });
let daemon: Daemon;
let cdp: CDPSession;

test.beforeAll(async () => {
  test.setTimeout(FIRST_START_MS);
  daemon = await (await Daemon.make(["--input", "demo", "--binaural"], "layout: 22.2\nseparation: {enabled: false}")).start();
});
test.afterAll(() => daemon.close());
test.beforeEach(async ({ page }) => {
  await daemon.send("/scene/reset");
  await daemon.send("/object/4/name", "residual");
  await page.goto(daemon.url);
  await expect(page.locator(".link")).toHaveText("live");
  cdp = await page.context().newCDPSession(page);
});

interface Spot {
  x: number;
  y: number;
}

const touch = (type: "touchStart" | "touchMove" | "touchEnd" | "touchCancel", ...points: (Spot & { id?: number })[]) => cdp.send("Input.dispatchTouchEvent", { type, touchPoints: points });

/** A finger that goes from one place to another in steps, and is lifted there. */
async function swipe(from: Spot, right: number, down: number, lift = true, steps = 4): Promise<void> {
  await touch("touchStart", from);
  for (let step = 1; step <= steps; step++) await touch("touchMove", { x: from.x + (right * step) / steps, y: from.y + (down * step) / steps });
  if (lift) await touch("touchEnd");
}

/** Where a part of a slider is, 0..1 of its length. */
async function on(slider: Locator, part: number): Promise<Spot> {
  await slider.evaluate((element) => element.scrollIntoView({ block: "center" }));
  const box = (await slider.boundingBox())!;
  return { x: box.x + part * box.width, y: box.y + box.height / 2 };
}

const level = (page: Page, name: string) => page.getByRole("slider", { name, exact: true }).first();
const gain = async (address = "/master/gain") => Number((await daemon.ask(address))[0]);
/** Waits until the daemon has taken up whatever was sent before. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((done) => setTimeout(done, 50)));
  await daemon.ask("/master/gain");
}

test("a scroll that begins on a slider sets nothing", async ({ page }) => {
  await daemon.send("/master/gain", -30);
  await daemon.send("/object/vocals/gain", -30);
  for (const name of ["Volume", "Level of vocals"]) await expect(level(page, name)).toHaveAttribute("aria-valuetext", "−30.0 dB");
  for (const name of ["Level of vocals", "Volume", "Amount", "Direction"]) {
    if (name === "Direction") await page.locator(".strip summary").tap();
    const slider = level(page, name);
    const before = await slider.inputValue();
    // Straight, and by a hand that is not.
    for (const [part, aside] of [[0.05, 0], [0.95, 30]] as const) {
      const from = await on(slider, part);
      await swipe(from, aside, (await page.evaluate(() => scrollY)) > 200 ? 120 : -120);
      expect(await slider.inputValue(), name).toBe(before);
    }
    const there = await on(slider, 0.95);
    await page.touchscreen.tap(there.x, there.y);
    await settled(page);
    expect(await slider.inputValue(), name).toBe(before);
  }
  // Two flicks are no double tap.
  const there = await on(level(page, "Volume"), 0.5);
  for (let flick = 0; flick < 2; flick++) await swipe(there, 0, -40, true, 1);
  await settled(page);
  expect([await gain(), await gain("/object/vocals/gain")]).toEqual([-30, -30]);
});

test("a finger moves the volume from where it is, holds at 0 dB, and gets no farther at once; the browser may take it back", async ({ page }) => {
  const volume = level(page, "Volume");
  await daemon.send("/master/gain", -20);
  await expect(volume).toHaveAttribute("aria-valuetext", "−20.0 dB");
  const far = await on(volume, 0.95);
  await swipe(far, -20, 0);
  await expect.poll(gain).toBeLessThan(-20.5);
  expect(await gain()).toBeGreaterThan(-30);
  await swipe(await on(volume, 0.1), 320, 0);
  await expect.poll(gain).toBe(0);
  await swipe(await on(volume, 0.5), 9, 0);
  await settled(page);
  expect(await gain()).toBe(0);
  await swipe(await on(volume, 0.1), 320, 0);
  await expect.poll(gain).toBeCloseTo(6, 3);
  await swipe(await on(volume, 0.5), -100, 0, false);
  await expect.poll(gain).toBeLessThan(5);
  await touch("touchCancel");
  await expect.poll(gain).toBeCloseTo(6, 3);
});

test("an object that the browser takes out of the hand goes back, and those that follow it; beside them the page scrolls", async ({ page }) => {
  await daemon.send("/object/{bass,drums}/group", 3);
  await daemon.send("/object/bass/aed", 60, 0, 2);
  await daemon.send("/object/drums/aed", 150, 0, 2);
  const azimuth = async (name: string) => Number((await daemon.ask(`/object/${name}/aed`))[0]);
  const bass = page.locator(".object", { has: page.locator("text", { hasText: /^bass$/ }) }).locator(".disc");
  await expect(page.getByRole("slider", { name: "drums: direction" })).toHaveAttribute("aria-valuetext", /150° left/);
  await bass.evaluate((element) => element.scrollIntoView({ block: "center" }));
  await expect.poll(async () => {
    const box = (await bass.boundingBox())!;
    const plan = (await page.locator(".plan svg").boundingBox())!;
    return box.x + box.width / 2 < plan.x + 0.3 * plan.width;
  }).toBe(true);
  const box = (await bass.boundingBox())!;
  await swipe({ x: box.x + box.width / 2, y: box.y + box.height / 2 }, 60, 90, false);
  await expect.poll(() => azimuth("bass")).toBeGreaterThan(70);
  expect(await azimuth("drums")).not.toBeCloseTo(150, 1);
  await touch("touchCancel");
  await expect.poll(() => azimuth("bass")).toBeCloseTo(60, 3);
  await expect.poll(() => azimuth("drums")).toBeCloseTo(150, 3);
  await expect.poll(() => daemon.ask("/object/bass/holder")).toEqual([""]);

  const plan = (await page.locator(".plan svg").boundingBox())!;
  await page.evaluate(() => scrollTo(0, 100));
  const top = await page.evaluate(() => scrollY);
  await swipe({ x: plan.x + 0.93 * plan.width, y: plan.y + 0.93 * plan.height - 100 }, 0, 60);
  await expect.poll(() => page.evaluate(() => scrollY)).toBeLessThan(top);
});

test("on every screen each page is reached and fits, and the room comes first", async ({ page }) => {
  const long = "a-singer-whose-name-is-as-long-as-a-name-may-be-and-has-no-gap-x";
  await daemon.send("/object/4/name", long);
  await expect(page.getByRole("button", { name: `Mute ${long}` })).toBeAttached();
  for (const [width, height] of [[320, 568], [390, 844], [844, 390], [568, 320], [768, 1024], [1440, 900]] as const) {
    await page.setViewportSize({ width, height });
    const screen = `${width} x ${height}`;
    for (const isShown of width === 320 ? [false, true] : [false]) {
      for (const tab of await page.getByRole("tab").all()) {
        await tab.tap();
        await expect(tab).toHaveAttribute("aria-selected", "true");
        expect(await page.evaluate(() => document.scrollingElement!.scrollWidth), `${screen}, ${await tab.textContent()}`).toBe(width);
      }
      await page.getByRole("tab", { name: "Play" }).tap();
      if (isShown) continue;
      const [room, stems, plan] = await Promise.all([".room", ".stems", ".plan svg"].map((part) => page.locator(part).boundingBox()));
      const isBeside = width > 899 || height < 521;
      expect(plan!.y + (isBeside ? 0.9 : 1) * plan!.height, screen).toBeLessThan(height);
      if (isBeside) expect([room!.y - (await page.locator(".side").boundingBox())!.y, room!.x < stems!.x], screen).toEqual([0, true]);
      else expect(room!.y + room!.height, screen).toBeLessThan(stems!.y);
      if (width === 320) await page.getByRole("button", { name: "OSC", exact: true }).tap();
    }
    if (width === 320) await page.getByRole("button", { name: "OSC", exact: true }).tap();
  }
});
