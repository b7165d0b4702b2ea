/** Draws many objects on a canvas: as SVG elements, a hundred moving objects would take longer than a frame. */

import type { Dot } from "./dot";
import { h } from "./dom";
import { EDGE } from "./geometry";

const WHOLE = 2 * Math.PI;
const DASH = [0.02];
const SOLID: number[] = [];

export class CanvasLayer {
  readonly canvas = h("canvas", { "aria-hidden": "true" });
  /** Null if the browser has no canvas. */
  readonly pen = this.canvas.getContext("2d");
  private isEmpty = true;

  constructor(changed: () => void) {
    new ResizeObserver(([entry]) => {
      const { width, height } = entry!.contentRect;
      this.canvas.width = Math.round(width * devicePixelRatio);
      this.canvas.height = Math.round(height * devicePixelRatio);
      changed();
    }).observe(this.canvas);
  }

  /** Draws these objects and erases all others. */
  draw(dots: Dot[]): void {
    const { pen, canvas } = this;
    if (!pen || (this.isEmpty && dots.length === 0)) return;
    this.isEmpty = dots.length === 0;
    const unit = Math.min(canvas.width, canvas.height) / (2 * EDGE);
    pen.resetTransform();
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.setTransform(unit, 0, 0, unit, canvas.width / 2, canvas.height / 2);
    for (const dot of dots) paint(pen, dot);
  }
}

function paint(pen: CanvasRenderingContext2D, dot: Dot): void {
  const { x, y, heard } = dot;
  pen.fillStyle = pen.strokeStyle = dot.colour;
  if (x !== dot.spotX || y !== dot.spotY) line(pen, dot, dot.spotX, dot.spotY, 0.8, SOLID);
  if (heard) {
    line(pen, dot, heard[0], heard[1], 0.7, DASH);
    pen.globalAlpha = 1;
    pen.setLineDash(SOLID);
    pen.lineWidth = 0.012;
    circle(pen, heard[0], heard[1], 0.03);
    pen.stroke();
  }
  pen.globalAlpha = 0.28;
  circle(pen, x, y, dot.glowRadius);
  pen.fill();
  pen.globalAlpha = dot.opacity;
  circle(pen, x, y, dot.radius);
  pen.fill();
  if (!dot.isHeld) return;
  pen.globalAlpha = 1;
  pen.strokeStyle = "#fff";
  pen.setLineDash(SOLID);
  pen.lineWidth = 0.012;
  pen.stroke();
}

function circle(pen: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  pen.beginPath();
  pen.arc(x, y, radius, 0, WHOLE);
}

function line(pen: CanvasRenderingContext2D, from: Dot, x: number, y: number, alpha: number, dash: number[]): void {
  pen.globalAlpha = alpha;
  pen.setLineDash(dash);
  pen.lineWidth = 0.006;
  pen.beginPath();
  pen.moveTo(from.x, from.y);
  pen.lineTo(x, y);
  pen.stroke();
}
