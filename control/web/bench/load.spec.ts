/** 128 objects that all move, before 24 loudspeakers, with every meter in motion: what a frame costs. */

import { expect, test, type Page } from "@playwright/test";
import { Daemon, FIRST_START_MS } from "../tests/daemon";
import { type Frames, frames } from "./frames";

const OBJECTS = 128;
const RATE_HZ = 60;
const FRAMES = 60;
const LOOKS = 5;
/** A look counts in which so many frames had news: a page that a busy machine feeds nothing would look cheap. */
const FED = 0.6;
/** What a frame has at 60 Hz, and 95 in a hundred keep to. */
const MOST_MS = 1000 / 60;

/** Levels that jump about in every packet: direct inputs are silent by the clock. */
function lively(): void {
  window.packets = 0;
  const property = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage")!;
  Object.defineProperty(WebSocket.prototype, "onmessage", {
    ...property,
    set(hear: (event: MessageEvent) => void) {
      property.set!.call(this, (event: MessageEvent) => {
        if (event.data instanceof ArrayBuffer) {
          const view = new DataView(event.data);
          const count = view.getUint16(6, true);
          const end = event.data.byteLength - 3 * count;
          for (let at = 8; at + 1 < end; at += 2) view.setInt16(at, -Math.round(10 + 590 * Math.random()), true);
        }
        window.packets++;
        hear.call(this, event);
      });
    },
  });
}

/** All objects on circles, each at its own speed. */
function moved(now: number): [string, ...number[]][] {
  return Array.from({ length: OBJECTS }, (_, i) => [`/object/${i}/aed`, ((now / 20) * (1 + (i % 7)) + 360 * (i / OBJECTS)) % 360, 40 * Math.sin(now / 900 + i), 0.5 + 0.5 * ((i % 11) / 10)]);
}

const views: [string, (page: Page) => Promise<void>][] = [
  ["first screen, from above", async () => {}],
  ["first screen, from behind", (page) => page.getByRole("button", { name: "Rear" }).click()],
  ["three dimensions", async (page) => {
    await page.getByRole("button", { name: "3-D" }).click();
    await expect(page.locator(".solid canvas")).toBeVisible({ timeout: 60_000 });
  }],
  ["mixer", (page) => page.getByRole("tab", { name: "Mixer" }).click()],
];

/** Whether the daemon's news and levels still come: a page at rest costs nothing. */
async function moves(page: Page): Promise<void> {
  await expect(page.locator(".link")).toHaveText("live");
  const levels = () => page.evaluate(() => [...document.querySelectorAll<HTMLElement>(".track i")].map((bar) => bar.style.clipPath).join());
  const before = await levels();
  await expect.poll(levels).not.toBe(before);
}

test("128 moving objects leave the page time in every frame", async ({ page }) => {
  test.setTimeout(2 * FIRST_START_MS);
  const daemon = await Daemon.make(["--objects", String(OBJECTS - 5), "--layout", "22.2"], "separation: {enabled: false}");
  try {
    await daemon.start();
    await page.addInitScript(lively);
    await page.goto(daemon.url);
    await expect(page.locator(".object")).toHaveCount(OBJECTS);
    expect(await page.locator(".speaker").count()).toBe(24);
    const mover = setInterval(() => void daemon.sendAll(moved(Date.now())), 1000 / RATE_HZ);
    try {
      for (const [name, open] of views) {
        await open(page);
        await page.waitForTimeout(1500); // what is built once is built
        // Whatever else this machine does makes a frame dearer, never cheaper: the calmest of some looks is the page's own.
        let best: Frames | null = null;
        for (let look = 0; look < LOOKS && !(best && best.p95 < MOST_MS); look++) {
          const found = await frames(page, FRAMES);
          if (found.fed >= FED && (!best || found.p50 + found.p95 < best.p50 + best.p95)) best = found;
        }
        expect(best, `${name}: this machine is too busy to feed the page`).not.toBeNull();
        const text = `${name}: ${best!.p50.toFixed(1)} ms a frame, 95 % within ${best!.p95.toFixed(1)}, all within ${best!.most.toFixed(1)}; ${best!.rate.toFixed(0)} frames a second`;
        console.log(text);
        expect(best!.p95, text).toBeLessThan(MOST_MS);
        await moves(page);
      }
    } finally {
      clearInterval(mover);
    }
    await page.getByRole("tab", { name: "Play" }).click();
    await page.getByRole("button", { name: "Top" }).click();
    await daemon.send("/object/input77/aed", 70, 0, 2);
    await expect(page.getByRole("slider", { name: "input77: direction" })).toHaveAttribute("aria-valuetext", "70° left, 2.0 m", { timeout: 90_000 });
  } finally {
    await daemon.close();
  }
});
