/** The room from above or from behind, in SVG; it needs no WebGL. */

import { signal } from "@preact/signals-core";
import { type App, at } from "./app";
import { CanvasLayer } from "./canvas";
import { everyFrame, follow, h, watchVisible, later, s } from "./dom";
import { Dot, TOUCH, TOUCH_SMALL } from "./dot";
import { spreadApart } from "./spread";
import { dragObjects } from "./dragging";
import { type Aed, EDGE, HANDLE_DEG, position, projected, RIM, type View } from "./geometry";
import { placeLabels, SPEAKER } from "./labels";
import type { SceneObject, Telemetry } from "./protocol";
import type { Look } from "./look";
import { meterLength, describePosition } from "./format";

/** Above this number, objects are drawn small. */
const MANY = 24;
/** Above this number, they are drawn on a canvas, and only chosen ones have labels: others would overlap. */
const CROWD = 48;
/** Line heights in units of the plan, and minimum on the screen. */
const LINE = 0.048;
const MIN_LINE_PX = 9;
const NAME = 0.062;
const MIN_NAME_PX = 11;
const NOWHERE: Aed = [0, 0, 1];

interface Lamp {
  element: SVGCircleElement;
  level: number;
}

export function plan(app: App, look: Look): HTMLElement {
  const svg = s("svg", { viewBox: `${-EDGE} ${-EDGE} ${2 * EDGE} ${2 * EDGE}`, role: "img", "aria-label": "The room with its loudspeakers and objects" });
  const back = s("g", { class: "back" });
  const speakers = s("g", { class: "speakers" });
  const front = s("g", { class: "objects" });
  const arc = s("path", { class: "arc" });
  const handle = s("circle", { class: "handle", r: 0.05 });
  svg.append(back, speakers, arc, front, handle);
  const keys = h("div", { class: "keys" });
  /** Size of a screen pixel in units of the plan, so that text is legible on small screens. */
  const pixel = signal(0);
  new ResizeObserver(([entry]) => {
    const size = Math.min(entry!.contentRect.width, entry!.contentRect.height);
    if (size > 0) pixel.value = (2 * EDGE) / size;
  }).observe(svg);
  follow(() => {
    svg.style.setProperty("--line-size", String(Math.max(LINE, MIN_LINE_PX * pixel.value)));
    svg.style.setProperty("--name-size", String(Math.max(NAME, MIN_NAME_PX * pixel.value)));
  });
  const view = (): View => (look.shown.value === "rear" ? "rear" : "top");
  let dots = new Map<number, Dot>();
  let lamps: Lamp[] = [];
  /** Whether everything has to be placed again although no object moved. */
  let stale = true;
  const crowd = new CanvasLayer(() => (stale = true));
  const isCrowd = () => dots.size > CROWD && !!crowd.pen;

  follow(() => back.replaceChildren(...background(app, view(), look.regions.value)));
  follow(() => {
    lamps = [];
    speakers.replaceChildren(...loudspeakers(app, view(), lamps, Math.max(LINE, MIN_LINE_PX * pixel.value)));
  });
  follow(() => {
    const voices = app.voices.value;
    dots = new Map([...voices].map(([id, voice]) => [id, new Dot(voice, voices.size > MANY)]));
    front.replaceChildren(...[...dots.values()].map((dot) => dot.group));
    front.classList.toggle("crowd", isCrowd());
    keys.replaceChildren(...[...voices.values()].map(({ item }) => directionSlider(app, item)));
    for (const dot of dots.values()) {
      const { group, voice } = dot;
      follow(() => {
        group.classList.toggle("chosen", app.selected.value === voice.item.id);
        stale = true;
      });
      follow(() => {
        const who = app.store.text(at(voice.item, "holder"));
        dot.isHeld = who !== "" && who !== app.store.hello.value?.peer;
        group.classList.toggle("held", dot.isHeld);
        stale = true;
      });
    }
    stale = true;
  });
  follow(() => drawWidth(app, arc, handle, look.shown.value === "top"));
  follow(() => {
    void [look.shown.value, app.scale.value];
    stale = true;
  });

  const isHeld = dragObjects(app, look, svg, handle, (x, y) => nearest(dots, x, y), () => (stale = true));
  highlight(svg, (x, y) => (isCrowd() ? nearest(dots, x, y) : undefined), () => (stale = true));
  const isVisible = watchVisible(svg);
  let spots = new Float64Array(0);
  let lastTelemetry: Telemetry | null = null;
  const arrange = (all: Dot[], seen: View, scale: number) => {
    if (spots.length !== 2 * all.length) spots = new Float64Array(2 * all.length);
    all.forEach((dot, i) => {
      const [azimuth, elevation, far] = dot.own ?? NOWHERE;
      [spots[2 * i], spots[2 * i + 1]] = projected(position([azimuth, elevation, Math.min(far / scale, RIM)]), seen);
    });
    const places = spreadApart(spots, (i) => isHeld(all[i]!.voice.item.id));
    all.forEach((dot, i) => {
      [dot.x, dot.y, dot.spotX, dot.spotY] = [places[2 * i]!, places[2 * i + 1]!, spots[2 * i]!, spots[2 * i + 1]!];
    });
  };
  everyFrame(() => {
    const t = app.store.telemetry;
    if (!isVisible() || !t) return;
    const seen: View = look.shown.peek() === "rear" ? "rear" : "top";
    const scale = app.scale.peek();
    const all = [...dots.values()];
    for (const dot of all) {
      const own = dot.voice.aed.peek() as Aed | undefined;
      if (own !== dot.own) stale = true;
      dot.own = own;
    }
    const isNew = t !== lastTelemetry;
    if (!stale && !isNew) return;
    if (stale) arrange(all, seen, scale);
    stale = false;
    lastTelemetry = t;
    if (isNew) lamps.forEach((lamp, i) => setLamp(lamp, t.speakers[3 * i] ?? -120));
    const isKnown = t.revision === app.store.revision;
    for (const dot of all) {
      const { row, isHeard } = dot.voice;
      dot.setLevel(isKnown && isHeard.peek() ? meterLength(t.objects[2 * row] ?? -120) : 0);
      if (isKnown) dot.setHeard(t.heard[3 * row] ?? 0, t.heard[3 * row + 1] ?? 0, t.heard[3 * row + 2] ?? 0, seen, scale);
    }
    const apart = isCrowd() ? all.filter((dot) => dot.isApart) : all;
    for (const dot of apart) dot.show();
    crowd.draw(isCrowd() ? all.filter((dot) => !apart.includes(dot)) : []);
  });
  return h("div", { class: "plan" }, crowd.canvas, svg, keys);
}

/** Highlights an object on the canvas while the mouse is over it, as SVG elements do by CSS. */
function highlight(svg: SVGSVGElement, nearest: (x: number, y: number) => Dot | undefined, changed: () => void): void {
  let near: Dot | undefined;
  const point = (to: Dot | undefined) => {
    if (to === near) return;
    near?.group.classList.remove("near");
    to?.group.classList.add("near");
    svg.style.cursor = to ? "grab" : "";
    near = to;
    changed();
  };
  svg.addEventListener("pointermove", (event) => {
    if (event.buttons !== 0) return;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM()!.inverse());
    point(nearest(x, y));
  });
  svg.addEventListener("pointerleave", () => point(undefined));
}

/** The object hit by a pointer: the nearest within its radius. */
function nearest(dots: Map<number, Dot>, x: number, y: number): Dot | undefined {
  let best = dots.size > MANY ? TOUCH_SMALL : TOUCH;
  let found: Dot | undefined;
  for (const dot of dots.values()) {
    const off = Math.hypot(dot.x - x, dot.y - y);
    if (off < best) [best, found] = [off, dot];
  }
  return found;
}

function background(app: App, seen: View, regions: boolean): Node[] {
  const edges = app.store.hello.value?.room.edges ?? [];
  return [
    s("circle", { r: 1, class: "wall" }),
    s("circle", { r: 0.5, class: "ring" }),
    s("path", { d: "M-1 0H1M0 -1V1", class: "ring" }),
    s("path", { d: seen === "top" ? "M-.07 .05A.08 .08 0 1 1 .07 .05M-.03 -.07L0 -.13L.03 -.07" : "M-.08 0A.08 .08 0 1 1 .08 0A.08 .08 0 1 1 -.08 0", class: "head" }),
    ...(regions ? [s("path", { class: "regions", d: edges.map(([a, b]) => `M${projected(a, seen)}L${projected(b, seen)}`).join("") })] : []),
    s("text", { y: -1.2, class: "hint" }, seen === "top" ? "front" : "up"),
  ];
}

function loudspeakers(app: App, seen: View, lamps: Lamp[], height: number): Node[] {
  const facts = app.store.hello.value?.room.speakers ?? [];
  const places = facts.map(({ azimuth, elevation, radius }) => position([azimuth, elevation, radius / app.scale.value]));
  const spots = places.map((where) => projected(where, seen));
  const labels = placeLabels(spots, facts.map(({ label }) => label), height, EDGE);
  return facts.map((speaker, index) => {
    const [x, y] = spots[index]!;
    const [right, down] = labels[index]!;
    const element = s("circle", { r: 0.04, class: "lamp", "fill-opacity": 0 });
    lamps.push({ element, level: -1 });
    const isFar = seen === "top" ? Math.abs(speaker.elevation) > 15 : places[index]![0] > 0.2;
    const shape = speaker.lfe ? s("circle", { r: SPEAKER }) : s("rect", { x: -SPEAKER, y: -SPEAKER, width: 2 * SPEAKER, height: 2 * SPEAKER, rx: 0.012 });
    const group = s("g", { class: `speaker${isFar ? " far" : ""}`, transform: `translate(${x} ${y})` }, element, shape, s("text", { x: right - x, y: down - y }, speaker.label));
    follow(() => group.classList.toggle("sounding", app.store.text(`/speaker/${speaker.label}/sounding`) !== ""));
    return group;
  });
}

function setLamp(lamp: Lamp, peak: number): void {
  const level = Math.round(50 * meterLength(peak)) / 50;
  if (level === lamp.level) return;
  lamp.level = level;
  lamp.element.setAttribute("fill-opacity", (0.6 * level).toFixed(2));
  lamp.element.setAttribute("r", (0.04 + 0.048 * level).toFixed(3));
}

/** Draws the arc of the chosen object's width, and the handle that changes it. */
function drawWidth(app: App, arc: SVGPathElement, handle: SVGCircleElement, isTop: boolean): void {
  const { item } = app;
  arc.setAttribute("d", "");
  handle.style.display = item && isTop ? "" : "none";
  if (!item || !isTop) return;
  const width = Math.min(app.store.number(at(item, "width")), 359);
  const [azimuth, elevation, far] = app.aed(item);
  const radius = Math.min(Math.max((far / app.scale.value) * Math.cos((elevation * Math.PI) / 180), 0.25), 1.15);
  const point = (angle: number) => projected(position([angle, 0, radius]), "top");
  arc.style.setProperty("--own", app.colour(item));
  handle.style.setProperty("--own", app.colour(item));
  if (width > 0) arc.setAttribute("d", `M${point(azimuth + width / 2)}A${radius} ${radius} 0 ${width > 180 ? 1 : 0} 1 ${point(azimuth - width / 2)}`);
  const knob = point(azimuth - width / 2 - HANDLE_DEG);
  handle.setAttribute("cx", String(knob[0]));
  handle.setAttribute("cy", String(knob[1]));
}

/** A native slider for an object's direction, for the keyboard and for screen readers. */
function directionSlider(app: App, item: SceneObject): HTMLElement {
  const input = h("input", { type: "range", min: -180, max: 180, step: 1, "aria-label": `${item.name}: direction` });
  input.addEventListener("input", () => {
    const [, elevation, far] = app.aed(item);
    app.move(item, [-Number(input.value), elevation, far]);
  });
  const show = () => {
    const own = app.aed(item);
    input.value = String(Math.round(-own[0])); // so that the right arrow key moves right
    input.setAttribute("aria-valuetext", describePosition(own));
  };
  input.addEventListener("focus", () => {
    app.selected.value = item.id;
    show(); // the arrow keys step from its present value
  });
  follow(() => {
    void app.aed(item);
    if (document.activeElement === input) show();
    else later(input, show);
  });
  return input;
}
