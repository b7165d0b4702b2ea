/** Places labels so that none covers another, a loudspeaker or the listener. Pure. */

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Width of a letter, relative to the line height. */
const LETTER = 0.62;
/** Half the size of a loudspeaker. */
export const SPEAKER = 0.032;
/** The listener's head, with the nose. */
export const HEAD: Box = { left: -0.09, top: -0.135, right: 0.09, bottom: 0.085 };
const GAP = 0.008;
const LINES = 4;

export function box(x: number, y: number, text: string, height: number): Box {
  const half = (text.length * LETTER * height) / 2;
  return { left: x - half, top: y - height / 2, right: x + half, bottom: y + height / 2 };
}

/** The common area of two boxes. */
export function overlap(a: Box, b: Box): number {
  const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return wide > 0 && high > 0 ? wide * high : 0;
}

/**
 * The centre of each label.
 *
 * @param spots right and down of the labelled points
 * @param texts the labels
 * @param height line height
 * @param edge limit for labels to each side
 */
export function placeLabels(spots: readonly (readonly [number, number])[], texts: readonly string[], height: number, edge: number): [number, number][] {
  const taken: Box[] = [HEAD, ...spots.map(([x, y]) => ({ left: x - SPEAKER, top: y - SPEAKER, right: x + SPEAKER, bottom: y + SPEAKER }))];
  return spots.map(([x, y], index) => {
    const text = texts[index]!;
    let best: [number, number] = [x, y];
    let least = Infinity;
    for (const [right, down] of candidates(text, height)) {
      const own = box(x + right, y + down, text, height);
      const beyond = Math.max(own.right - edge, -edge - own.left, own.bottom - edge, -edge - own.top, 0);
      const bad = taken.reduce((sum, other) => sum + overlap(own, other), 0) + beyond;
      if (bad < least) [least, best] = [bad, [x + right, y + down]];
      if (bad === 0) break;
    }
    taken.push(box(...best, text, height));
    return best;
  });
}

/** Candidates: below, above, beside, and then farther away. */
function* candidates(text: string, height: number): Generator<[number, number]> {
  const half = (text.length * LETTER * height) / 2;
  for (let line = 0; line < LINES; line++) {
    const down = SPEAKER + GAP + (line + 0.5) * height;
    yield [0, down];
    yield [0, -down];
    if (line > 1) continue;
    for (const side of [1, -1]) for (const step of [0, 0.5, -0.5, 1, -1]) yield [side * (SPEAKER + GAP + half + line * 2 * half), step * height];
  }
}
