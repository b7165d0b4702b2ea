/** What a page costs the main thread in each frame: script, style, layout and paint, by the browser's own trace. */

import type { Page } from "@playwright/test";

interface Event {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  ts: number;
  dur?: number;
  /** Time of the processor, which other programs do not lengthen. */
  tdur?: number;
  args?: { name?: string };
}

export interface Frames {
  /** Frames a second. */
  rate: number;
  /** Milliseconds of the processor a frame: half of the frames, 95 in a hundred, and all stay within. */
  p50: number;
  p95: number;
  most: number;
  /** In how many of the frames there was news since the one before, 0..1: without news a frame costs nothing. */
  fed: number;
}

declare global {
  interface Window {
    /** Packets that the page was given. */
    packets: number;
  }
}

/** Traces so many frames. What is rastered elsewhere (a graphics processor, or the program in its place) is not counted. */
export async function frames(page: Page, count: number): Promise<Frames> {
  const browser = page.context().browser()!;
  await browser.startTracing(page, { categories: ["__metadata", "devtools.timeline", "devtools.timeline.frame", "disabled-by-default-devtools.timeline", "toplevel"] });
  const fed = await page.evaluate(
    (wanted) =>
      new Promise<number>((done) => {
        let [news, told] = [0, window.packets];
        const next = (left: number) => {
          if (window.packets !== told) news++;
          told = window.packets;
          left > 0 ? requestAnimationFrame(() => next(left - 1)) : done(news / wanted);
        };
        next(wanted);
      }),
    count,
  );
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: Event[] };
  return { ...measured(traceEvents), fed };
}

function measured(events: Event[]): Omit<Frames, "fed"> {
  const fired = events.filter((event) => event.name === "FireAnimationFrame");
  const [first] = fired;
  if (!first) throw new Error("no frame was drawn");
  const isOurs = ({ pid, tid }: Event) => pid === first.pid && tid === first.tid;
  const calls = fired.filter(isOurs).map((event) => event.ts).sort((a, b) => a - b);
  const tasks = events.filter((event) => event.name === "RunTask" && event.ph === "X" && isOurs(event)).sort((a, b) => a.ts - b.ts);
  // A frame is the task that calls the page for it, and all others until the next one.
  const costs: number[] = [];
  let call = 0;
  for (const { ts, dur = 0, tdur = dur } of tasks) {
    while (call < calls.length && calls[call]! < ts) call++;
    if (call < calls.length && calls[call]! <= ts + dur) costs.push(0);
    if (costs.length) costs[costs.length - 1]! += tdur / 1000;
  }
  const sorted = [...costs].sort((a, b) => a - b);
  const part = (share: number) => sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)] ?? NaN;
  // Several are called in one frame.
  return { rate: (1e6 * (costs.length - 1)) / (calls.at(-1)! - calls[0]!), p50: part(0.5), p95: part(0.95), most: part(1) };
}
