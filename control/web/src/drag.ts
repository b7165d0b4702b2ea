/** What a slider makes of a hand: how far it goes for how far the hand went. Pure, in the slider's own numbers. */

/** What there is to know of a slider. */
export interface Rail {
  low: number;
  high: number;
  /** Where it holds on for a while, so that it is easily hit. */
  detent?: number;
  /** How far a finger gets at most; only one that begins at the detent or above gets beyond the detent. */
  safe?: number;
}

/** A finger or pen that has not gone so far yet, in pixels, may still want to scroll. */
export const SLOP_PX = 8;
/** How much of the rail the detent swallows, to each side. */
const STICKY = 0.025;

/** What a touch that has moved so far wants; nothing while that cannot be told. */
export function intent(right: number, down: number): "slide" | "scroll" | undefined {
  if (Math.hypot(right, down) < SLOP_PX) return undefined;
  return Math.abs(right) > Math.abs(down) ? "slide" : "scroll";
}

/** Where a slider is that began at `start` and was moved by so much. */
export function slid(rail: Rail, start: number, moved: number, isTouch: boolean): number {
  const { low, high, detent, safe } = rail;
  let to = start + moved;
  if (detent !== undefined) {
    const width = STICKY * (high - low);
    const before = start - detent;
    const after = to - detent;
    // What it passes on the way is swallowed; on the detent itself either way.
    if (before <= 0 && after > 0) to = detent + Math.max(after - width, 0);
    else if (before >= 0 && after < 0) to = detent + Math.min(after + width, 0);
  }
  let top = high;
  if (isTouch && safe !== undefined) top = detent !== undefined && start < detent ? detent : Math.max(safe, start);
  return Math.min(Math.max(to, low), top);
}

/** Where a mouse that presses beside the thumb puts it. */
export function pressed(rail: Rail, to: number): number {
  const { low, high, detent } = rail;
  if (detent !== undefined && Math.abs(to - detent) < STICKY * (high - low)) return detent;
  return Math.min(Math.max(to, low), high);
}
