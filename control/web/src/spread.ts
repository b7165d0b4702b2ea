/** Spreads objects at the same place apart, so that each can be seen and touched. Pure. */

const CELL = 0.08;
const NEAR = 0.3;
const STEP = 0.24;

/**
 * Where each object is drawn; objects being dragged are not moved.
 *
 * `spots` holds right and down of each object in turn, and so does the result.
 */
export function spreadApart(spots: Float64Array, isHeld: (index: number) => boolean): Float64Array {
  const cells = new Map<number, number[]>();
  for (let i = 0; i < spots.length / 2; i++) {
    if (isHeld(i)) continue;
    const key = 1000 * Math.round(spots[2 * i]! / CELL) + Math.round(spots[2 * i + 1]! / CELL);
    const members = cells.get(key);
    if (members) members.push(i);
    else cells.set(key, [i]);
  }
  const found = spots.slice();
  for (const members of cells.values()) {
    if (members.length < 2) continue;
    const [x, y] = [spots[2 * members[0]!]!, spots[2 * members[0]! + 1]!];
    const far = Math.max(Math.hypot(x, y), NEAR);
    const step = Math.min(STEP / far, (2 * Math.PI) / members.length);
    members.forEach((i, n) => {
      const angle = Math.atan2(y, x || (y ? 0 : 1e-9)) + (n - (members.length - 1) / 2) * step;
      found[2 * i] = far * Math.cos(angle);
      found[2 * i + 1] = far * Math.sin(angle);
    });
  }
  return found;
}
