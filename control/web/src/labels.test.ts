import { describe, expect, it } from "vitest";
import { EDGE, position, projected, type View } from "./geometry";
import { box, HEAD, overlap, placeLabels, SPEAKER } from "./labels";

/** ITU-R BS.2051 system H, its labels said as directions. */
const BED = "M+060 M-060 M+000 M+135 M-135 M+030 M-030 M+180 M+090 M-090 U+045 U-045 U+000 T+000 U+135 U-135 U+090 U-090 U+180 B+000 B+045 B-045".split(" ");
const HEIGHTS: Record<string, number> = { M: 0, U: 30, T: 90, B: -30 };

describe("labels of loudspeakers", () => {
  for (const view of ["top", "rear"] as View[])
    for (const height of [0.048, 0.07])
      it(`cover no other, no loudspeaker and not the listener: 22.2 from the ${view}, lines of ${height}`, () => {
        const spots = BED.map((label) => projected(position([Number(label.slice(1)), HEIGHTS[label[0]!]!, 1]), view));
        const middles = placeLabels(spots, BED, height, EDGE);
        const boxes = middles.map(([x, y], i) => box(x, y, BED[i]!, height));
        boxes.forEach((own, i) => {
          for (const other of boxes.slice(i + 1)) expect(overlap(own, other), BED[i]).toBe(0);
          for (const [x, y] of spots) expect(overlap(own, { left: x - SPEAKER, top: y - SPEAKER, right: x + SPEAKER, bottom: y + SPEAKER }), BED[i]).toBe(0);
          expect(overlap(own, HEAD), BED[i]).toBe(0);
          expect(Math.max(own.right, -own.left, own.bottom, -own.top)).toBeLessThanOrEqual(EDGE);
          expect(Math.hypot(middles[i]![0] - spots[i]![0], middles[i]![1] - spots[i]![1])).toBeLessThan(0.45);
        });
      });
  it("are put somewhere even where there is no room", () => expect(placeLabels(Array(40).fill([0, 0]), Array(40).fill("M+000"), 0.07, EDGE)).toHaveLength(40));
});
