/**
 * A native range input with its own pointer handling. Browsers set a slider wherever a finger touches it, even when
 * that finger is about to scroll the page. Here a touch moves the thumb by its sideways movement, and one that the
 * browser cancels is undone. Keyboard and screen readers use the native element.
 */

import { h } from "./dom";
import { intent, pressTo, type Track, slideTo, MIN_MOVE_PX } from "./drag";

const TAPS_MS = 350;
const FINE = 0.1;
const THUMB_PX = 26;

export interface Slides extends Track {
  step: number;
  /** Step of the pointer, a tenth of it in fine mode; 0 for none. */
  grain: number;
  label: string;
  /** Returns its position. */
  read: () => number;
  /** Called when it was moved. */
  write: (slider: number) => void;
  /** Called by a double tap. */
  home?: () => void;
  /** Returns a function that restores what a drag changes. */
  snapshot: () => () => void;
}

interface Grip {
  id: number;
  isTouch: boolean;
  start: number;
  moved: number;
  x: number;
  y: number;
  wants: "slide" | "scroll" | undefined;
  restore: () => void;
}

export function slider(slides: Slides): { element: HTMLElement; input: HTMLInputElement } {
  const { low, high, step, grain, label, read, write, home } = slides;
  const input = h("input", { type: "range", min: low, max: high, step, "aria-label": label, autocomplete: "off" });
  const element = h("span", { class: "slide" }, input);
  let grip: Grip | null = null;
  const beside = new Set<number>();
  let tapped = { at: -Infinity, x: 0, y: 0 };
  const grained = (to: number, by: number) => (by ? low + Math.round((to - low) / by) * by : to);
  /** Slider units per pixel. */
  const pixel = () => (high - low) / Math.max(element.clientWidth - THUMB_PX, 1);

  element.addEventListener("pointerdown", (event) => {
    if (event.button > 0 || input.disabled) return;
    if (grip) return void (event.pointerType !== "mouse" && beside.add(event.pointerId));
    const isTouch = event.pointerType !== "mouse";
    grip = { id: event.pointerId, isTouch, start: read(), moved: 0, x: event.clientX, y: event.clientY, wants: isTouch ? undefined : "slide", restore: slides.snapshot() };
    element.setPointerCapture(event.pointerId);
    if (isTouch) return;
    event.preventDefault();
    input.focus({ preventScroll: true });
    const to = low + (event.clientX - element.getBoundingClientRect().left - THUMB_PX / 2) * pixel();
    if (Math.abs(to - grip.start) <= (THUMB_PX / 2) * pixel()) return;
    grip.start = grained(pressTo(slides, to), grain);
    write(grip.start);
  });
  element.addEventListener("pointermove", (event) => {
    if (event.pointerId !== grip?.id) return;
    if (!grip.wants) {
      const right = event.clientX - grip.x;
      grip.wants = intent(right, event.clientY - grip.y);
      if (grip.wants) grip.x += Math.sign(right) * MIN_MOVE_PX; // so that it does not jump at the start
    }
    if (grip.wants !== "slide") return;
    const right = event.clientX - grip.x;
    grip.x = event.clientX;
    if (right === 0) return;
    const speed = event.shiftKey || beside.size > 0 ? FINE : 1;
    grip.moved += right * pixel() * speed;
    write(grained(slideTo(slides, grip.start, grip.moved, grip.isTouch), grain * speed));
  });
  element.addEventListener("pointerup", (event) => {
    beside.delete(event.pointerId);
    if (event.pointerId !== grip?.id) return;
    const { isTouch, wants, moved, x, y } = grip;
    grip = null;
    if (moved !== 0 || (isTouch && wants)) return;
    const isSecond = event.timeStamp - tapped.at < TAPS_MS && Math.hypot(x - tapped.x, y - tapped.y) < THUMB_PX;
    tapped = isSecond ? { at: -Infinity, x, y } : { at: event.timeStamp, x, y };
    if (isSecond) home?.();
  });
  element.addEventListener("pointercancel", (event) => {
    beside.delete(event.pointerId);
    if (event.pointerId !== grip?.id) return;
    const { restore } = grip;
    grip = null;
    restore();
  });
  // A page that is hidden during a drag gets no pointerup.
  element.addEventListener("lostpointercapture", (event) => {
    if (event.pointerId === grip?.id) grip = null;
  });
  input.addEventListener("input", () => write(Number(input.value)));
  return { element, input };
}
