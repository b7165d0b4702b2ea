/** Who has never seen it: one command, the address it prints, and what the page offers. Each step is counted. */

import { expect, test } from "@playwright/test";
import { Daemon, FIRST_START_MS } from "./daemon";

test("a newcomer hears the demo and moves an instrument in three steps", async ({ page }) => {
  test.setTimeout(FIRST_START_MS);
  const daemon = await Daemon.make(["--input", "demo", "--binaural"]);
  const steps: string[] = [];
  const step = (what: string) => test.step(what, async () => void steps.push(what));
  try {
    await daemon.start();
    await page.addInitScript(() => {
      const loudest = { value: 0 };
      (window as never as { loudest: typeof loudest }).loudest = loudest;
      const start = AudioBufferSourceNode.prototype.start;
      AudioBufferSourceNode.prototype.start = function (when?: number) {
        for (const sample of this.buffer!.getChannelData(0)) loudest.value = Math.max(loudest.value, Math.abs(sample));
        start.call(this, when);
      };
    });

    await step("open the address that the program printed");
    const printed = /http:\/\/\S+\//.exec(daemon.said)?.[0];
    expect(printed).toBeDefined();
    await page.goto(printed!);
    // What is not heard yet is explained, with what mends it.
    await expect(page.locator(".why summary")).toContainText("listen on headphones");

    await step("press Listen on headphones");
    await page.getByRole("button", { name: "Listen on headphones" }).click();
    await expect.poll(() => page.evaluate(() => (window as never as { loudest: { value: number } }).loudest.value)).toBeGreaterThan(0.01);

    await expect(page.locator(".why summary")).not.toContainText("headphones");

    await step("drag the singer to the left");
    const vocals = page.locator(".object", { has: page.locator("text", { hasText: /^vocals$/ }) }).locator(".disc");
    await vocals.scrollIntoViewIfNeeded();
    const from = (await vocals.boundingBox())!;
    const room = (await page.locator(".plan svg").boundingBox())!;
    await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await page.mouse.down();
    await page.mouse.move(room.x + 0.2 * room.width, room.y + room.height / 2, { steps: 10 });
    await page.mouse.up();
    await expect(page.locator(".strip .place")).toContainText("left");
    await expect.poll(async () => Number((await daemon.ask("/object/vocals/aed"))[0])).toBeGreaterThan(60);

    expect(steps).toHaveLength(3);
  } finally {
    await daemon.close();
  }
});
