import { describe, expect, it } from "vitest";
import { intent, pressTo, slideTo } from "./drag";
import { faderPosition, faderLevel } from "./format";

const gain = { low: 0, high: 1, detent: faderPosition(0, 20), safe: faderPosition(6, 20) };
const level = (start: number, moved: number, isTouch = true) => faderLevel(slideTo(gain, faderPosition(start, 20), moved, isTouch), 20);

describe("a hand on a slider", () => {
  it("scrolls or slides, and neither while that is not clear", () => {
    expect([intent(3, 3), intent(0, 0), intent(7, -3)]).toEqual([undefined, undefined, undefined]);
    expect([intent(3, -9), intent(8, 8), intent(-1, 60)]).toEqual(["scroll", "scroll", "scroll"]);
    expect([intent(-9, 3), intent(40, 39)]).toEqual(["slide", "slide"]);
  });
  it("holds at 0 dB from either side, and leaves it by going on", () => {
    for (const [start, to] of [[-6, 0.002], [-6, 0.02], [6, -0.002], [6, -0.02], [0, 0.02], [0, -0.02]] as const) {
      const way = start === 0 ? 0 : faderPosition(0, 20) - faderPosition(start, 20);
      expect(level(start, way + to, false), `${start}, ${to}`).toBe(0);
    }
    expect(level(0, 0.03, false)).toBeGreaterThan(0);
    expect(level(0, -0.03, false)).toBeLessThan(0);
    expect(level(-6, 0)).toBe(-6);
  });
  it("has no leap anywhere on its way", () => {
    for (const start of [0, 0.2, gain.detent, 0.6, 1])
      for (let moved = -1.2; moved < 1.2; moved += 0.001) expect(Math.abs(slideTo(gain, start, moved + 0.001, false) - slideTo(gain, start, moved, false))).toBeLessThan(0.0011);
  });
  it("gets a finger to 0 dB, from there to 6 dB, and no farther; a mouse to the end", () => {
    expect([level(-40, 5), level(-0.1, 5), level(0, 5), level(3, 5)]).toEqual([0, 0, 6, 6]);
    expect([level(-40, 5, false), level(15, -5), level(15, 0.01)]).toEqual([20, -120, 15]);
    expect(level(15, 5)).toBe(15);
  });
  it("is caught by the detent where a mouse presses beside it, and stays within its ends", () => {
    expect([pressTo(gain, gain.detent + 0.01), pressTo(gain, 2), pressTo({ low: -1, high: 1 }, -0.01)]).toEqual([gain.detent, 1, -0.01]);
    expect([slideTo({ low: -180, high: 180 }, 170, 50, true), slideTo({ low: -180, high: 180 }, -170, -50, true)]).toEqual([180, -180]);
  });
});
