/** Directions and positions: x front, y left, z up; azimuth anticlockwise from the front, elevation up. Pure. */

export type Aed = [azimuth: number, elevation: number, distance: number];
export type Xyz = [x: number, y: number, z: number];
export type View = "top" | "rear";
/** `floor` drags in the plane of the view, `dome` on a sphere of the object's distance. */
export type Surface = "floor" | "dome";

export const MIN_DISTANCE_M = 0.05;
/** Half the size of the plan; 1 is the farthest loudspeaker. */
export const EDGE = 1.3;
/** Radius at which objects farther away are drawn. */
export const RIM = 1.22;
/** Angle between the end of an object's width and its handle. */
export const HANDLE_DEG = 14;
const DEG = Math.PI / 180;

export function position([azimuth, elevation, distance]: Aed): Xyz {
  const level = distance * Math.cos(elevation * DEG);
  return [level * Math.cos(azimuth * DEG), level * Math.sin(azimuth * DEG), distance * Math.sin(elevation * DEG)];
}

export function aed([x, y, z]: Xyz): Aed {
  const level = Math.hypot(x, y);
  return [Math.atan2(y, x) / DEG, Math.atan2(z, level) / DEG, Math.max(Math.hypot(level, z), MIN_DISTANCE_M)];
}

/** An angle as -180 < a <= 180. */
export function wrapped(angle: number): number {
  const turned = ((angle % 360) + 360) % 360;
  return turned > 180 ? turned - 360 : turned;
}

/** A position in a view: right and down, metres. */
export function projected([x, y, z]: Xyz, view: View): [right: number, down: number] {
  return view === "top" ? [-y, -x] : [-y, -z];
}

/** The position of an object that is dragged to a point of a view, right and down in metres. */
export function dragged(before: Aed, right: number, down: number, view: View, surface: Surface): Aed {
  const [x, , z] = position(before);
  if (surface === "floor") {
    if (view === "rear") return aed([x, -right, -down]);
    const level = Math.hypot(right, down);
    // The elevation is kept: a singer who comes nearer does not rise.
    const steep = Math.abs(before[1]) > 80 ? z / Math.max(level, MIN_DISTANCE_M) : Math.tan(before[1] * DEG);
    return aed([-down, -right, level * steep]);
  }
  const radius = before[2];
  const within = Math.min(radius / Math.max(Math.hypot(right, down), 1e-9), 1);
  const depth = Math.sqrt(Math.max(radius ** 2 - (right * within) ** 2 - (down * within) ** 2, 0));
  return view === "top"
    ? aed([-down * within, -right * within, z < 0 ? -depth : depth])
    : aed([x < 0 ? -depth : depth, -right * within, -down * within]);
}

/** Snaps a position to a grid: degrees for the angles, metres for the distance. */
export function snapped([azimuth, elevation, distance]: Aed, degrees: number, metres: number): Aed {
  const to = (value: number, step: number) => Math.round(value / step) * step;
  return [wrapped(to(azimuth, degrees)), to(elevation, degrees), Math.max(to(distance, metres), metres)];
}

/** The angle between two directions, degrees. */
export function angleBetween(a: Xyz, b: Xyz): number {
  const lengths = Math.hypot(...a) * Math.hypot(...b);
  if (lengths < 1e-9) return 0;
  return Math.acos(Math.min(Math.max((a[0] * b[0] + a[1] * b[1] + a[2] * b[2]) / lengths, -1), 1)) / DEG;
}

export type Bond = "together" | "mirrored";

/** The new position of a linked object when an object moves from `before` to `after`. */
export function moveWith(companion: Aed, before: Aed, after: Aed, bond: Bond): Aed {
  if (bond === "mirrored") return [wrapped(-after[0]), after[1], after[2]];
  const elevation = Math.min(Math.max(companion[1] + after[1] - before[1], -90), 90);
  return [wrapped(companion[0] + after[0] - before[0]), elevation, companion[2] * (after[2] / before[2])];
}
