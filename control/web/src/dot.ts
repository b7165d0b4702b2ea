/** An object in the plan: what there is to show, and the elements that show it where it is not one of a crowd. */

import type { Voice } from "./app";
import { s } from "./dom";
import { type Aed, aed, angleBetween, position, projected, type View, type Xyz } from "./geometry";
import { short } from "./words";

/** From this angle on it sounds elsewhere than it was put. */
export const OTHERWISE_DEG = 12;

/** How far a finger may be beside its middle. */
export const TOUCH = 0.13;
export const TOUCH_SMALL = 0.07;

export class Dot {
  readonly group: SVGGElement;
  readonly colour: string;
  readonly radius: number;
  /** Where it was put, as it is drawn now. */
  own: Aed | undefined;
  /** Where it is drawn, and where it really is. */
  x = 0;
  y = 0;
  spotX = 0;
  spotY = 0;
  /** Whether somebody else moves it. */
  isHeld = false;
  /** Where it sounds, if that is not where it was put. */
  heard: [number, number] | null = null;
  private readonly disc: SVGCircleElement;
  private readonly glow = s("circle", { r: 0.1, class: "glow" });
  private readonly ring = s("circle", { r: 0.03, class: "heard" });
  private readonly tie = s("line", { class: "tie" });
  private readonly pin = s("line", { class: "pin" });
  private level = 0;
  /** What the elements show. */
  private where = "";
  private pinned = "";
  private tied = "";
  private shone = -1;

  constructor(
    readonly voice: Voice,
    isSmall: boolean,
  ) {
    const { item } = voice;
    this.colour = voice.colour;
    this.radius = isSmall ? 0.035 : 0.065;
    this.disc = s("circle", { r: this.radius, class: "disc" });
    const touch = s("circle", { r: isSmall ? TOUCH_SMALL : TOUCH, class: "touch" });
    const name = s("text", { y: isSmall ? -0.05 : -0.085 }, short(item.label));
    this.group = s("g", { class: "object", "data-id": item.id }, item.label.length > 16 && s("title", {}, item.label), this.glow, touch, this.disc, name);
    this.group.style.setProperty("--own", this.colour);
  }

  /** Whether it stands out of a crowd. */
  get isApart(): boolean {
    return this.group.matches(".chosen, .near");
  }

  get glowRadius(): number {
    return this.radius * (0.9 + 2.5 * this.level);
  }

  get opacity(): number {
    return 0.35 + 0.65 * Math.min(3 * this.level, 1);
  }

  /** How loud it is, 0..1. */
  sound(level: number): void {
    this.level = Math.round(40 * level) / 40;
  }

  /** The mean direction of its energy. */
  hear(x: number, y: number, z: number, view: View, scale: number): void {
    const { own } = this;
    const direction: Xyz = [x, y, z];
    this.heard = null;
    if (!own || Math.hypot(x, y, z) <= 0.1 || angleBetween(direction, position(own)) <= OTHERWISE_DEG) return;
    const [azimuth, elevation] = aed(direction);
    this.heard = projected(position([azimuth, elevation, Math.min(own[2] / scale, 1)]), view);
  }

  /** Writes into the elements what is another thing than before. */
  show(): void {
    const { x, y, heard } = this;
    const where = `translate(${x.toFixed(4)} ${y.toFixed(4)})`;
    if (where !== this.where) this.group.setAttribute("transform", (this.where = where));
    const pinned = x === this.spotX && y === this.spotY ? "" : `${(this.spotX - x).toFixed(3)} ${(this.spotY - y).toFixed(3)}`;
    if (pinned !== this.pinned) lead(this.pin, (this.pinned = pinned), this.group);
    if (this.level !== this.shone) {
      this.shone = this.level;
      // Radii and not transforms, each of which the browser would draw as a piece of its own.
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

/** A line from an object to a place beside it; none where there is no place. */
function lead(line: SVGLineElement, to: string, group: SVGGElement): void {
  if (!to) return line.remove();
  const [x, y] = to.split(" ");
  line.setAttribute("x2", x!);
  line.setAttribute("y2", y!);
  if (!line.parentNode) group.prepend(line);
}
