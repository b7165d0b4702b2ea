/** The page in a real browser, against a real daemon that plays the demo song. */

import AxeBuilder from "@axe-core/playwright";
import { expect, test, type Page } from "@playwright/test";
import { PerspectiveCamera, Vector3 } from "three";
import { Daemon, FIRST_START_MS } from "./daemon";

const TABS = ["Play", "Mixer", "Speakers", "Scenes", "Connect", "Packets"];
let daemon: Daemon;

test.beforeAll(async () => {
  test.setTimeout(FIRST_START_MS);
  daemon = await (await Daemon.make(["--input", "demo", "--binaural"], "model: light")).start();
});
test.afterAll(() => daemon.close());
test.beforeEach(async ({ page }) => {
  await daemon.send("/scene/reset");
  page.on("pageerror", (error) => expect(error).toBeUndefined());
  page.on("console", (message) => expect(message.text()).not.toContain("Content Security Policy"));
  page.on("request", (request) => expect(request.url().startsWith(daemon.url) || request.url().startsWith("data:"), request.url()).toBe(true));
});

async function open(page: Page, url = daemon.url): Promise<void> {
  await page.goto(url);
  await expect(page.locator(".link")).toHaveText("live");
}

const object = (page: Page, name: string) => page.locator(".object", { has: page.locator("text", { hasText: new RegExp(`^${name}$`) }) });
const dot = (page: Page, name: string) => object(page, name).locator(".disc");

/** Where an object is drawn, once it stands still there. */
async function centre(page: Page, name: string): Promise<{ x: number; y: number }> {
  const group = object(page, name);
  await expect(group).toHaveAttribute("transform", /translate/);
  let [before, now] = ["", "."];
  await expect(async () => {
    [before, now] = [now, (await group.getAttribute("transform"))!];
    expect(now).toBe(before);
  }).toPass({ intervals: [150] });
  const box = (await dot(page, name).boundingBox())!;
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** A point of the plan: right and down of the middle, 1 is the circle of the loudspeakers. */
async function spot(page: Page, right: number, down: number): Promise<{ x: number; y: number }> {
  const box = (await page.locator(".plan svg").boundingBox())!;
  const unit = Math.min(box.width, box.height) / 2.6;
  return { x: box.x + box.width / 2 + right * unit, y: box.y + box.height / 2 + down * unit };
}

async function azimuth(name: string): Promise<number> {
  return Number((await daemon.ask(`/object/${name}/aed`))[0]);
}

test("vocals dragged to the left are heard from the left", async ({ page }) => {
  await open(page);
  await page.getByRole("button", { name: "Solo vocals" }).click();
  await expect.poll(async () => Number((await daemon.ask("/meter/object/vocals"))[1]), { timeout: 120_000 }).toBeGreaterThan(-45);
  const left = ["M+090", "M+135", "U+045", "U+135"];
  const right = ["M-090", "M-135", "U-045", "U-135"];
  const parts = { front: ["M+000"], left, right };
  /** By how much a part of the room is louder than the others, dB; none leads while the singer rests. */
  const lead = async (part: keyof typeof parts) => {
    const found = await daemon.energies(Object.values(parts).flat(), 1.5);
    const sums = Object.fromEntries(Object.entries(parts).map(([name, labels]) => [name, found.splice(0, labels.length).reduce((a, b) => a + b, 0)]));
    const all = Object.values(sums).reduce((a, b) => a + b, 0);
    return all < 1e-7 ? -Infinity : 10 * Math.log10((sums[part]! + 1e-12) / (all - sums[part]! + 1e-12));
  };
  await expect.poll(() => lead("front"), { timeout: 120_000 }).toBeGreaterThan(15);
  const from = await centre(page, "vocals");
  const to = await spot(page, -0.6, 0);
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(to.x, to.y, { steps: 12 });
  await page.mouse.up();
  await expect.poll(async () => Math.abs((await azimuth("vocals")) - 90)).toBeLessThan(5);
  await expect(page.locator(".strip .place")).toContainText("left");
  await expect.poll(() => lead("left"), { timeout: 120_000 }).toBeGreaterThan(15);
});

test("fingers: two objects at once, a second finger beside them is fine, twice is home", async ({ browser }) => {
  const page = await browser.newPage({ hasTouch: true, viewport: { width: 1280, height: 900 } });
  await open(page);
  await daemon.send("/object/bass/aed", 60, 0, 1);
  await daemon.send("/object/drums/aed", -60, 0, 1);
  await expect(page.getByRole("slider", { name: "drums: direction" })).toHaveAttribute("aria-valuetext", /60° right/);
  const cdp = await page.context().newCDPSession(page);
  const touch = (type: string, ...points: { x: number; y: number; id: number }[]) => cdp.send("Input.dispatchTouchEvent", { type: type as "touchStart", touchPoints: points });
  const [a, b] = [await centre(page, "bass"), await centre(page, "drums")];
  const [toA, toB] = [await spot(page, -0.5, 0.3), await spot(page, 0.5, 0.3)];
  await touch("touchStart", { ...a, id: 1 });
  await touch("touchStart", { ...a, id: 1 }, { ...b, id: 2 });
  await touch("touchMove", { ...toA, id: 1 }, { ...toB, id: 2 });
  await touch("touchEnd");
  await expect.poll(() => azimuth("bass")).toBeGreaterThan(110);
  await expect.poll(() => azimuth("drums")).toBeLessThan(-110);

  const before = await azimuth("bass");
  const here = await centre(page, "bass");
  const empty = await spot(page, 0.9, 0.9);
  await touch("touchStart", { ...empty, id: 3 });
  await touch("touchStart", { ...empty, id: 3 }, { ...here, id: 4 });
  await touch("touchMove", { ...empty, id: 3 }, { x: here.x, y: here.y - 100, id: 4 });
  await touch("touchEnd");
  const moved = async () => Math.abs((await azimuth("bass")) - before);
  await expect.poll(moved).toBeGreaterThan(0.5);
  await expect.poll(() => daemon.ask("/object/bass/holder")).toEqual([""]);
  expect(await moved()).toBeLessThan(8);

  // Beside a finger that rests, and still makes the next one fine. Where a machine is busy two taps may come too late after one another to be a double one.
  await touch("touchStart", { ...empty, id: 5 });
  await expect(async () => {
    const there = await centre(page, "bass");
    for (const id of [6, 7]) {
      await touch("touchStart", { ...empty, id: 5 }, { ...there, id });
      await touch("touchEnd", { ...there, id });
    }
    await expect.poll(() => azimuth("bass"), { timeout: 2000 }).toBeCloseTo(0, 1);
  }).toPass();
  const home = await centre(page, "bass");
  await page.waitForTimeout(500); // no tap any more
  await touch("touchStart", { ...empty, id: 5 }, { ...home, id: 8 });
  await touch("touchMove", { ...empty, id: 5 }, { x: home.x + 100, y: home.y, id: 8 });
  await touch("touchEnd");
  const turned = async () => Math.abs(await azimuth("bass"));
  await expect.poll(turned).toBeGreaterThan(0.5);
  await expect.poll(() => daemon.ask("/object/bass/holder")).toEqual([""]);
  expect(await turned()).toBeLessThan(12);
  await page.close();
});

test("two pages agree, and OSC moves both", async ({ page, context }) => {
  const other = await context.newPage();
  await open(page);
  await open(other);
  await page.getByRole("button", { name: "Mute drums" }).click();
  await expect(other.getByRole("button", { name: "Mute drums" })).toHaveAttribute("aria-pressed", "true");
  await daemon.send("/scene/amount", 0.25);
  for (const each of [page, other]) await expect(each.getByLabel("Amount", { exact: true })).toHaveValue("0.25");
  await other.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByLabel("Amount", { exact: true })).not.toHaveValue("0.25");
});

test("the original is played as loud, and the scene comes back", async ({ page }) => {
  await open(page);
  await page.getByRole("button", { name: /Original/ }).click();
  await expect.poll(() => daemon.ask("/scene/compare")).toEqual([true]);
  await page.getByRole("button", { name: /Scene$/ }).click();
  await expect.poll(() => daemon.ask("/scene/compare")).toEqual([false]);
  expect(await daemon.ask("/master/gain")).toEqual([0]);
});

test("headphones hear the room, one at a time", async ({ page, context }) => {
  await page.addInitScript(() => {
    const loudest = { value: 0 };
    (window as never as { loudest: typeof loudest }).loudest = loudest;
    const start = AudioBufferSourceNode.prototype.start;
    AudioBufferSourceNode.prototype.start = function (when?: number) {
      for (const sample of this.buffer!.getChannelData(0)) loudest.value = Math.max(loudest.value, Math.abs(sample));
      start.call(this, when);
    };
  });
  await open(page);
  await page.getByRole("button", { name: "Listen on headphones" }).click();
  await expect.poll(() => page.evaluate(() => (window as never as { loudest: { value: number } }).loudest.value)).toBeGreaterThan(0.01);
  const other = await context.newPage();
  await open(other);
  await other.getByRole("button", { name: "Listen on headphones" }).click();
  await expect(other.getByText("another listener is connected")).toBeVisible();
  await expect(page.getByText("playing on headphones in this browser")).toBeVisible();
  await page.getByRole("button", { name: "Stop headphones" }).click();
  await expect(page.getByText("nothing is heard without a JACK server")).toBeVisible();
});

test("a group moves what it links, on every page and after a reload", async ({ page }) => {
  await daemon.send("/object/{bass,drums}/group", 3);
  await open(page);
  await page.getByRole("tab", { name: "Mixer" }).click();
  const group = page.getByRole("article", { name: "Group 3" });
  const texts = await group.getByRole("button").filter({ visible: true }).allTextContents();
  expect(new Set(texts).size).toBe(texts.length);
  await group.getByRole("button", { name: "Link level in group 3" }).click();
  await group.getByRole("button", { name: "Mirrored positions in group 3" }).click();
  await expect.poll(() => daemon.ask("/group/3/links")).toEqual(["position, level"]);
  await expect.poll(() => daemon.ask("/group/3/mirrored")).toEqual([true]);
  await page.reload();
  await expect(page.locator(".link")).toHaveText("live");
  const direction = page.getByRole("slider", { name: "bass: direction" });
  await direction.focus();
  for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowLeft");
  await expect.poll(() => azimuth("bass")).toBeCloseTo(5, 3);
  await expect.poll(() => azimuth("drums")).toBeCloseTo(-5, 3);
  await page.getByLabel("Level of bass").first().focus();
  await page.keyboard.press("PageDown");
  const gain = async (name: string) => Number((await daemon.ask(`/object/${name}/gain`))[0]);
  await expect.poll(() => gain("bass")).toBeLessThan(-1);
  await expect.poll(async () => (await gain("drums")) - (await gain("bass"))).toBeCloseTo(0, 3);
  // What OSC sends to one moves no other.
  await daemon.send("/object/bass/gain", -12);
  await expect.poll(() => gain("bass")).toBeCloseTo(-12, 3);
  expect(await gain("drums")).toBeGreaterThan(-11);
  await daemon.send("/group/3/links", "mute");
  await page.getByRole("button", { name: "Mute bass" }).first().click();
  await expect.poll(() => daemon.ask("/object/drums/mute")).toEqual([true]);
});

test("by keyboard alone", async ({ page }) => {
  await open(page);
  const direction = page.getByRole("slider", { name: "vocals: direction" });
  await page.getByRole("button", { name: "Snap" }).focus();
  for (let presses = 0; presses < 9 && !(await direction.evaluate((e) => e === document.activeElement)); presses++) await page.keyboard.press("Tab");
  await expect(direction).toBeFocused();
  for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowLeft");
  await expect.poll(() => azimuth("vocals")).toBeCloseTo(5, 3);
  await expect(direction).toHaveAttribute("aria-valuetext", "5° left, 1.0 m");
  await page.getByRole("tab", { name: "Play" }).focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("tab", { name: "Mixer" })).toBeFocused();
  await page.getByRole("button", { name: "Solo bass" }).last().focus();
  await page.keyboard.press("Space");
  await expect.poll(() => daemon.ask("/object/bass/solo")).toEqual([true]);
});

test("the third view is made once, and draws only while it is in sight", async ({ page }) => {
  await page.addInitScript(() => {
    const counts = { made: 0, drawn: 0 };
    (window as never as { counts: typeof counts }).counts = counts;
    const get = HTMLCanvasElement.prototype.getContext as (kind: string, ...more: unknown[]) => unknown;
    HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, kind: string, ...more: unknown[]) {
      if (kind.startsWith("webgl")) counts.made++;
      return get.call(this, kind, ...more);
    } as never;
    const draw = WebGL2RenderingContext.prototype.drawElementsInstanced;
    WebGL2RenderingContext.prototype.drawElementsInstanced = function (...all) {
      counts.drawn++;
      draw.apply(this, all);
    };
  });
  const counted = (what: "made" | "drawn") => page.evaluate((key) => (window as never as { counts: Record<string, number> }).counts[key]!, what);
  await page.route("**/room3d*.js", async (route) => {
    await new Promise((done) => setTimeout(done, 1000));
    await route.continue();
  });
  await open(page);
  for (const view of ["3-D", "Top", "3-D"]) await page.getByRole("button", { name: view }).click();
  await expect(page.locator(".solid canvas")).toBeVisible({ timeout: 60_000 });
  expect(await counted("made")).toBe(1);
  const moved = async () => {
    const before = await counted("drawn");
    for (let step = 0; step < 10; step++) {
      await daemon.send("/object/bass/aed", 9 * step, 0, 1);
      await page.waitForTimeout(50);
    }
    await expect.poll(() => azimuth("bass")).toBeCloseTo(81, 2);
    return (await counted("drawn")) - before;
  };
  await expect.poll(moved).toBeGreaterThan(0);
  await page.getByRole("tab", { name: "Mixer" }).click();
  await page.waitForTimeout(500);
  expect(await moved()).toBe(0);
  await page.getByRole("tab", { name: "Play" }).click();
  await expect.poll(moved).toBeGreaterThan(0);
});

test("in three dimensions an object goes along with the hand, on the side where it is, and back where the browser takes it away", async ({ page }) => {
  await daemon.send("/object/vocals/aed", 20, 0, 2);
  await open(page);
  await expect(page.getByRole("slider", { name: "vocals: direction" })).toHaveAttribute("aria-valuetext", /20° left/);
  await page.getByRole("button", { name: "3-D" }).click();
  const solid = page.locator(".solid");
  await expect(solid.locator("canvas")).toBeVisible({ timeout: 60_000 });
  const box = (await solid.boundingBox())!;
  // As the stage looks at first.
  const camera = new PerspectiveCamera(45, box.width / box.height, 0.1, 50);
  camera.position.set(0, 3.1 * Math.sin(0.5), 3.1 * Math.cos(0.5));
  camera.lookAt(0, 0.1, 0);
  camera.updateMatrixWorld();
  const drawn = (azimuth: number) => {
    const angle = (azimuth * Math.PI) / 180;
    const seen = new Vector3(-Math.sin(angle), 0, -Math.cos(angle)).project(camera);
    return { x: box.x + (box.width * (seen.x + 1)) / 2, y: box.y + (box.height * (1 - seen.y)) / 2 };
  };
  const [from, to] = [drawn(20), drawn(-30)];
  // The hand takes it at its edge, and it does not leap under the hand.
  await page.mouse.move(from.x + 8, from.y);
  await page.mouse.down();
  await page.mouse.move(from.x + 9, from.y);
  await page.mouse.move(from.x + 8, from.y);
  await expect.poll(() => daemon.ask("/object/vocals/holder")).not.toEqual([""]);
  await expect.poll(async () => Math.abs((await azimuth("vocals")) - 20)).toBeLessThan(1);
  await page.mouse.move(to.x + 8, to.y, { steps: 10 });
  await expect.poll(async () => Math.abs((await azimuth("vocals")) + 30)).toBeLessThan(2);
  await solid.dispatchEvent("pointercancel", { pointerId: 1 });
  await expect.poll(async () => Math.abs((await azimuth("vocals")) - 20)).toBeLessThan(0.01);
  await page.mouse.up();
});

test("without WebGL nothing is missing but the third view", async ({ page }) => {
  await page.addInitScript(() => {
    const get = HTMLCanvasElement.prototype.getContext as (kind: string) => unknown;
    HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, kind: string) {
      return kind.startsWith("webgl") ? null : get.call(this, kind);
    } as never;
  });
  await open(page);
  await page.getByRole("button", { name: "3-D" }).click();
  await expect(page.getByText("no WebGL")).toBeVisible();
  await expect(dot(page, "vocals")).toBeVisible();
  await page.getByRole("button", { name: "Regions" }).click();
  await expect(page.locator(".regions")).toHaveAttribute("d", /M.+L/);
  await page.getByRole("button", { name: "Rear" }).click();
  await expect(dot(page, "vocals")).toBeVisible();
});

test("scenes are kept and recalled, and silence is explained", async ({ page }) => {
  await open(page);
  await daemon.send("/object/vocals/aed", 45, 0, 1);
  await page.getByRole("tab", { name: "Scenes" }).click();
  await page.getByLabel("Name of the scene").fill("mine");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Reset scene" }).click();
  await expect.poll(() => azimuth("vocals")).toBeCloseTo(0, 2);
  await page.getByRole("button", { name: "mine", exact: true }).click();
  await expect.poll(() => azimuth("vocals")).toBeCloseTo(45, 2);
  await page.getByRole("button", { name: "Recall positions" }).click();
  await page.getByRole("button", { name: "Keep bass as it is" }).click();
  await expect.poll(() => daemon.ask("/scene/recall/scope")).toEqual(["gains, eq, groups, objects, separation"]);
  await expect.poll(() => daemon.ask("/scene/recall/without")).toEqual(["bass"]);
  await daemon.send("/object/{vocals,bass}/aed", -80, 0, 1);
  await daemon.send("/object/{vocals,bass}/gain", -20);
  await page.getByRole("button", { name: "mine", exact: true }).click();
  await expect.poll(async () => Number((await daemon.ask("/object/vocals/gain"))[0])).toBeCloseTo(0, 3);
  expect(await azimuth("vocals")).toBeCloseTo(-80, 2);
  expect(Number((await daemon.ask("/object/bass/gain"))[0])).toBeCloseTo(-20, 3);
  await page.getByRole("button", { name: "Recall positions" }).click();
  await page.getByRole("button", { name: "Keep bass as it is" }).click();
  await expect.poll(() => daemon.ask("/scene/recall/without")).toEqual([""]);
  await page.getByRole("button", { name: "Delete mine" }).click();
  await expect(page.getByRole("button", { name: "mine", exact: true })).toHaveCount(0);
  await page.getByRole("tab", { name: "Play" }).click();
  await page.getByRole("button", { name: "Mute vocals" }).click();
  await expect(page.locator(".why summary")).toHaveText("vocals: mute: is muted");
});

test("addresses are shown and copied, packets have verdicts", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page);
  await page.getByRole("button", { name: "OSC", exact: true }).click();
  await page.getByRole("button", { name: "/scene/amount" }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("/scene/amount 1");
  await page.getByRole("button", { name: "Mute drums" }).click({ button: "right" });
  await expect(page.getByText("copied: /object/drums/mute 0")).toBeVisible();
  await page.getByRole("tab", { name: "Packets" }).click();
  // What comes before the daemon knows that somebody looks is not in the log.
  await expect(async () => {
    await daemon.send("/object/voclas/gain", -3);
    await daemon.send("/scene/amount", 7);
    await expect(page.getByRole("cell", { name: /did you mean vocals\?/ }).first()).toBeVisible({ timeout: 2000 });
  }).toPass();
  await expect(page.getByText("out of range: 1").first()).toBeVisible();
});

test("a script in a name stays text, and who is renamed keeps its colour", async ({ page }) => {
  const name = "<img src=x onerror=document.title='broken'>";
  await open(page);
  const disc = page.locator(".object[data-id='4'] .disc");
  const colour = () => disc.evaluate((element) => getComputedStyle(element).fill);
  const before = await colour();
  await daemon.send("/object/4/name", name);
  await expect(page.getByRole("button", { name: `Mute ${name}` })).toBeVisible();
  expect(await colour()).toBe(before);
  for (const tab of TABS) await page.getByRole("tab", { name: tab }).click();
  expect(await page.title()).toBe("stemfield");
  expect(await page.locator("img").count()).toBe(0);
  await daemon.send("/object/4/name", "residual");
});

test("nothing serious for who cannot see or hear well", async ({ page }) => {
  await open(page);
  for (const tab of TABS) {
    await page.getByRole("tab", { name: tab }).click();
    const { violations } = await new AxeBuilder({ page }).analyze();
    const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    expect(serious.map(({ id, nodes }) => [tab, id, nodes[0]?.html])).toEqual([]);
  }
});
