/** Pages of daemons that end, ask for a token, or have many objects. */

import { expect, test } from "@playwright/test";
import { Daemon, FIRST_START_MS } from "./daemon";

test("the daemon is restarted under the page; the token is asked for; one of 128 objects is taken by the mouse", async ({ page }) => {
  test.setTimeout(FIRST_START_MS);
  const daemon = await Daemon.make(["--objects", "123"], "separation: {enabled: false}\nnetwork: {token: some-word}");
  try {
    await daemon.start();
    await page.goto(daemon.url);
    await page.getByLabel(/asks for its token/).fill("some-word");
    await page.getByRole("button", { name: "Enter" }).click();
    await expect(page.locator(".link")).toHaveText("live");
    await expect(page.locator(".object")).toHaveCount(128);
    await daemon.send("/object/input77/aed", 70, 0, 2);
    await expect(page.getByRole("slider", { name: "input77: direction" })).toHaveAttribute("aria-valuetext", "70° left, 2.0 m");

    // Of so many only the chosen one is an element that is drawn, even where OSC holds them all: elements take too long.
    const drawn = page.locator(".object:visible");
    await expect(drawn).toHaveCount(1);
    for (let i = 0; i < 128; i++) await daemon.send(`/object/${i}/level`, 0.5);
    await expect(page.locator(".object.held")).toHaveCount(128);
    await expect(drawn).toHaveCount(1);
    // The mouse finds it, and takes it along.
    const box = (await page.locator(".plan svg").boundingBox())!;
    const onto = (azimuth: number, share: number) => page.mouse.move(
      box.x + box.width / 2 - share * (box.height / 2) * Math.sin((azimuth * Math.PI) / 180),
      box.y + box.height / 2 - share * (box.height / 2) * Math.cos((azimuth * Math.PI) / 180),
    );
    const name = page.locator(".object text").filter({ hasText: /^input77$/ });
    await expect(name).toBeHidden();
    let share = 0.3;
    await expect(async () => {
      share = share < 0.95 ? share + 0.04 : 0.3;
      await onto(70, share);
      await expect(name).toBeVisible({ timeout: 200 });
    }).toPass();
    await page.mouse.down();
    await onto(-70, share);
    await page.mouse.up();
    await expect(page.getByRole("slider", { name: "input77: direction" })).toHaveAttribute("aria-valuetext", /^(69|70|71)° right/);

    await daemon.stop();
    await expect(page.locator(".banner")).toBeVisible();
    await expect(page.locator(".link")).toContainText("no word for");
    expect(await page.locator("main").evaluate((main: HTMLElement) => main.inert)).toBe(true);
    await daemon.start();
    await expect(page.locator(".link")).toHaveText("live");
    await expect(page.locator(".banner")).toBeHidden();
    await page.getByRole("button", { name: "Mute input77" }).click();
    await expect(page.getByRole("button", { name: "Mute input77" })).toHaveAttribute("aria-pressed", "true");
    // The page shows what it asks for at once: another hand may still be faster.
    await expect(async () => {
      await daemon.send("/object/input77/mute", 0);
      await expect(page.getByRole("button", { name: "Mute input77" })).toHaveAttribute("aria-pressed", "false", { timeout: 500 });
    }).toPass();
  } finally {
    await daemon.close();
  }
});
