/** An object in the plan: its state, and its SVG elements for when it is not drawn on the canvas. */

import type { ObjectView } from "./app";
import { s } from "./dom";
import { type Aed, aed, angleBetween, position, projected, type View, type Xyz } from "./geometry";
import { shorten } from "./format";

/** Angle from which an object counts as heard elsewhere than it is placed. */
export const ELSEWHERE_DEG = 12;

/** Radius in which a finger hits it. */
export const TOUCH = 0.13;
export const TOUCH_SMALL = 0.07;

export class Dot {
  readonly group: SVGGElement;
  readonly colour: string;
  readonly radius: number;
  /** Its position, as drawn now. */
  own: Aed | undefined;
  /** Where it is drawn (spread apart from others), and where it really is. */
  x = 0;
  y = 0;
  spotX = 0;
  spotY = 0;
  /** Whether another client moves it. */
  isHeld = false;
  /** Where it is heard, if elsewhere than placed. */
  heard: [number, number] | null = null;
  private readonly disc: SVGCircleElement;
  private readonly glow = s("circle", { r: 0.1, class: "glow" });
  private readonly ring = s("circle", { r: 0.03, class: "heard" });
  private readonly tie = s("line", { class: "tie" });
  private readonly pin = s("line", { class: "pin" });
  private level = 0;
  /** State of the elements. */
  private where = "";
  private pinned = "";
  private tied = "";
  private shone = -1;

  constructor(
    readonly voice: ObjectView,
    isSmall: boolean,
  ) {
    const { item } = voice;
    this.colour = voice.colour;
    this.radius = isSmall ? 0.035 : 0.065;
    this.disc = s("circle", { r: this.radius, class: "disc" });
    const touch = s("circle", { r: isSmall ? TOUCH_SMALL : TOUCH, class: "touch" });
    const name = s("text", { y: isSmall ? -0.05 : -0.085 }, shorten(item.label));
    this.group = s("g", { class: "object", "data-id": item.id }, item.label.length > 16 && s("title", {}, item.label), this.glow, touch, this.disc, name);
    this.group.style.setProperty("--own", this.colour);
  }

  /** Whether it is drawn as elements even when others are on the canvas. */
  get isApart(): boolean {
    return this.group.matches(".chosen, .near");
  }

  get glowRadius(): number {
    return this.radius * (0.9 + 2.5 * this.level);
  }

  get opacity(): number {
    return 0.35 + 0.65 * Math.min(3 * this.level, 1);
  }

  /** Sets its level, 0..1. */
  setLevel(level: number): void {
    this.level = Math.round(40 * level) / 40;
  }

  /** Sets the mean direction of its energy. */
  setHeard(x: number, y: number, z: number, view: View, scale: number): void {
    const { own } = this;
    const direction: Xyz = [x, y, z];
    this.heard = null;
    if (!own || Math.hypot(x, y, z) <= 0.1 || angleBetween(direction, position(own)) <= ELSEWHERE_DEG) return;
    const [azimuth, elevation] = aed(direction);
    this.heard = projected(position([azimuth, elevation, Math.min(own[2] / scale, 1)]), view);
  }

  /** Updates the elements where something changed. */
  show(): void {
    const { x, y, heard } = this;
    const where = `translate(${x.toFixed(4)} ${y.toFixed(4)})`;
    if (where !== this.where) this.group.setAttribute("transform", (this.where = where));
    const pinned = x === this.spotX && y === this.spotY ? "" : `${(this.spotX - x).toFixed(3)} ${(this.spotY - y).toFixed(3)}`;
    if (pinned !== this.pinned) lead(this.pin, (this.pinned = pinned), this.group);
    if (this.level !== this.shone) {
      this.shone = this.level;
      // Radii and not transforms: the browser would make a layer of each.
      this.glow.setAttribute("r", this.glowRadius.toFixed(3));
      this.disc.setAttribute("fill-opacity", this.opacity.toFixed(2));
    }
    const tied = heard ? `${(heard[0] - x).toFixed(3)} ${(heard[1] - y).toFixed(3)}` : "";
    if (tied === this.tied) return;
    lead(this.tie, (this.tied = tied), this.group);
    if (!tied) return this.ring.remove();
    this.ring.setAttribute("transform", `translate(${tied})`);
    if (!this.ring.parentNode) this.tie.after(this.ring);
  }
}

/** Draws a line from an object to a place beside it, or removes it. */
function lead(line: SVGLineElement, to: string, group: SVGGElement): void {
  if (!to) return line.remove();
  const [x, y] = to.split(" ");
  line.setAttribute("x2", x!);
  line.setAttribute("y2", y!);
  if (!line.parentNode) group.prepend(line);
}
