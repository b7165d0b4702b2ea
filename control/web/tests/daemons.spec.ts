/** Pages of daemons that end, ask for a token, or have many objects. */

import { createServer, request, type Server } from "node:http";
import { connect } from "node:net";
import { expect, test } from "@playwright/test";
import { Daemon, FIRST_START_MS } from "./daemon";

test("the daemon is restarted under the page; the token is asked for; one of 128 objects is taken by the mouse", async ({ page }) => {
  test.setTimeout(FIRST_START_MS);
  const daemon = await Daemon.make(["--objects", "123"], "separation: {enabled: false}\nnetwork: {token: some-word}");
  try {
    await daemon.start();
    await page.goto(daemon.url);
    await expect(page.getByText("Wrong token.")).toBeHidden();
    await page.getByLabel(/Token of this daemon/).fill("another-word");
    await page.getByRole("button", { name: "Enter" }).click();
    await expect(page.getByText("Wrong token.")).toBeVisible();
    await page.getByLabel(/Token of this daemon/).fill("some-word");
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
    await expect(page.locator(".link")).toContainText("no data for");
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

/** A proxy that asks the daemon under the daemon's own address, as proxies do that are not told otherwise. */
async function proxy(daemon: { http: number }, forwardsWebSockets: boolean): Promise<[Server, string]> {
  const headers = (given: NodeJS.Dict<string | string[]>) => ({ ...given, host: `127.0.0.1:${daemon.http}` });
  const server = createServer((asked, answer) => {
    const plain = headers(asked.headers);
    if (asked.headers.upgrade) Object.assign(plain, { upgrade: undefined, connection: "close" });
    const kept = Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined));
    const forward = request({ host: "127.0.0.1", port: daemon.http, path: asked.url, method: asked.method, headers: kept }, (found) => {
      answer.writeHead(found.statusCode!, found.headers);
      found.pipe(answer);
    });
    forward.on("error", () => answer.writeHead(502).end());
    asked.pipe(forward);
  });
  if (forwardsWebSockets)
    server.on("upgrade", (asked, browser) => {
      const far = connect(daemon.http, "127.0.0.1", () => {
        far.write(`GET ${asked.url} HTTP/1.1\r\n${Object.entries(headers(asked.headers)).map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
        far.pipe(browser).pipe(far);
      });
      for (const end of [far, browser]) end.on("error", () => [far, browser].forEach((one) => one.destroy()));
    });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  return [server, `localhost:${typeof address === "object" && address ? address.port : 0}`];
}

test("behind a proxy the page says why it is not let in, and is let in by the proxy's name", async ({ page }) => {
  const to = { http: 0 };
  const [strange, strangeName] = await proxy(to, true);
  const [narrow, narrowName] = await proxy(to, false);
  const [good, goodName] = await proxy(to, true);
  const daemon = await Daemon.make([], `separation: {enabled: false}\nnetwork: {names: ["${narrowName}", "${goodName}"]}`);
  to.http = daemon.http;
  try {
    await daemon.start();
    await page.goto(`http://${strangeName}/`);
    await expect(page.locator(".banner")).toContainText(`got one of 'http://${strangeName}' (network.names)`);
    await expect(page.locator(".link")).toHaveText("refused");
    await page.goto(`http://${narrowName}/`);
    await expect(page.locator(".banner")).toContainText("no WebSocket connects");
    await page.goto(`http://${goodName}/`);
    await expect(page.locator(".link")).toHaveText("live");
    await expect(page.locator(".banner")).toBeHidden();
  } finally {
    [strange, narrow, good].forEach((one) => one.close().closeAllConnections());
    await daemon.close();
  }
});
