/** Silence explained to its last link: a real JACK server, whose connections are made as the page says. */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "@playwright/test";
import { Daemon, FIRST_START_MS } from "./daemon";

const run = promisify(execFile);

async function startJack(name: string): Promise<ChildProcess> {
  const server = spawn("jackd", ["-n", name, "-r", "-d", "dummy", "-r", "48000", "-p", "1024"], { env: { ...process.env, JACK_NO_AUDIO_RESERVATION: "1" }, stdio: "ignore" });
  await run("jack_wait", ["-s", name, "-w", "-t", "10"]);
  return server;
}

test("from the input to the loudspeakers, each broken link is named with what mends it", async ({ page }) => {
  test.setTimeout(FIRST_START_MS);
  const name = `stemfield-page-${process.pid}`;
  const server = await startJack(name);
  const daemon = await Daemon.make([], `driver: jack\nlayout: stereo\njack: {server_name: ${name}}\ninputs: [{name: guitar}]`);
  const summary = page.locator(".why summary");
  /** Does what the page says in a terminal. */
  const obey = async () => {
    const line = await page.locator(".steps .first code").textContent();
    for (const command of line!.split("; ")) {
      const [program, ...rest] = command.split(" ");
      expect(program).toBe("jack_connect");
      await run(program!, rest);
    }
  };
  try {
    await daemon.start();
    await page.goto(daemon.url);
    await expect(summary).toHaveText("Recording: nothing is connected to mixture_L and mixture_R");
    await summary.click();
    await obey();
    await expect(summary).toHaveText("Recording: connected, but silent: play something");

    await page.getByRole("button", { name: "guitar", exact: true }).click();
    await expect(summary).toHaveText("guitar: input: nothing is connected to guitar");
    await obey();
    await expect(summary).toHaveText("guitar: input: connected, but silent: the source is silent");
    await expect(page.locator(".steps li").last()).toContainText("no loudspeaker is connected");
    const last = await page.locator(".steps li").last().locator("code").textContent();
    expect(last).toBe(`jack_connect -s ${name} stemfield:M+030 system:playback_1`);
    await run("jack_connect", last!.split(" ").slice(1));
    await expect(page.locator(".steps li").last()).toContainText("M-030 is not");
    await page.getByRole("button", { name: "Mute guitar" }).click();
    const mended = page.locator(".steps li", { hasText: "guitar: mute" });
    await mended.getByRole("button", { name: "Unmute" }).click();
    await expect.poll(() => daemon.ask("/object/guitar/mute")).toEqual([false]);
    await expect(mended).toContainText("not muted");
  } finally {
    await daemon.close();
    server.kill("SIGTERM");
    await new Promise((done) => server.once("exit", done));
  }
});
