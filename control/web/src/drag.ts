/** How a slider follows the pointer. Pure functions, in slider units. */

/** The range of a slider. */
export interface Track {
  low: number;
  high: number;
  /** Position at which it catches. */
  detent?: number;
  /** Highest position for a finger; a drag that begins below the detent ends at the detent. */
  safe?: number;
}

/** Movement after which a touch is either a drag or a scroll, pixels. */
export const MIN_MOVE_PX = 8;
/** Width of the detent to each side, as a share of the range. */
const STICKY = 0.025;

/** Whether a touch drags the slider or scrolls the page; undefined while it has hardly moved. */
export function intent(right: number, down: number): "slide" | "scroll" | undefined {
  if (Math.hypot(right, down) < MIN_MOVE_PX) return undefined;
  return Math.abs(right) > Math.abs(down) ? "slide" : "scroll";
}

/** The position of a slider that was dragged by `moved` from `start`. */
export function slideTo(rail: Track, start: number, moved: number, isTouch: boolean): number {
  const { low, high, detent, safe } = rail;
  let to = start + moved;
  if (detent !== undefined) {
    const width = STICKY * (high - low);
    const before = start - detent;
    const after = to - detent;
    // Movement within the detent has no effect.
    if (before <= 0 && after > 0) to = detent + Math.max(after - width, 0);
    else if (before >= 0 && after < 0) to = detent + Math.min(after + width, 0);
  }
  let top = high;
  if (isTouch && safe !== undefined) top = detent !== undefined && start < detent ? detent : Math.max(safe, start);
  return Math.min(Math.max(to, low), top);
}

/** The position after a mouse click beside the thumb. */
export function pressTo(rail: Track, to: number): number {
  const { low, high, detent } = rail;
  if (detent !== undefined && Math.abs(to - detent) < STICKY * (high - low)) return detent;
  return Math.min(Math.max(to, low), high);
}
