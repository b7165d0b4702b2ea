/** Elements from calls. Text is only ever text: no name from the wire becomes markup. */

import { effect, untracked } from "@preact/signals-core";

type Child = Node | string | null | undefined | false;
type Props = Record<string, unknown>;

const SVG = "http://www.w3.org/2000/svg";

function fill<E extends Element>(element: E, props: Props, children: Child[]): E {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child): child is Node | string => !!child || child === ""));
  return element;
}

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), props, children);
}

export function s<K extends keyof SVGElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): SVGElementTagNameMap[K] {
  return fill(document.createElementNS(SVG, tag), props, children);
}

let owner: (() => void)[] | null = null;

/** Runs this now and whenever a signal that it reads changes; what it made the last time ends before. */
export function follow(run: () => void): void {
  const made: (() => void)[] = [];
  const clear = () => made.splice(0).forEach((end) => end());
  const end = effect(() => {
    clear();
    const outer = owner;
    owner = made;
    try {
      run();
    } finally {
      owner = outer;
    }
  });
  owner?.push(end, clear);
}

/** Makes something that lives on when what asked for it runs again. */
export function lasting<T>(make: () => T): T {
  return living(make)[0];
}

/** The same, and what ends it. */
export function living<T>(make: () => T): [T, () => void] {
  const outer = owner;
  const made: (() => void)[] = (owner = []);
  try {
    return [untracked(make), () => made.splice(0).forEach((end) => end())];
  } finally {
    owner = outer;
  }
}

/** Text that follows signals. */
export function live(text: () => string): Text {
  const node = document.createTextNode("");
  follow(() => {
    node.data = text();
  });
  return node;
}

type Frame = (now: number) => void;

/** Calls that are repeated; whoever joins within a `follow` leaves when that ends. */
export class Chorus {
  private readonly calls = new Set<Frame>();

  get isEmpty(): boolean {
    return this.calls.size === 0;
  }

  /** Joins; the answer ends it. */
  join(call: Frame): () => void {
    this.calls.add(call);
    const end = () => void this.calls.delete(call);
    owner?.push(end);
    return end;
  }

  sing(now: number): void {
    for (const call of this.calls) call(now);
  }
}

const frames = new Chorus();
let running = false;

/** Calls this once a frame; the answer ends it. */
export function everyFrame(frame: Frame): () => void {
  const end = frames.join(frame);
  if (!running) {
    running = true;
    const run = (now: number) => {
      frames.sing(now);
      running = !frames.isEmpty;
      if (running) requestAnimationFrame(run);
    };
    requestAnimationFrame(run);
  }
  return end;
}

const LATER_FRAMES = 32;
const waiting = new Map<object, () => void>();

/** Does this soon, a part of all such things a frame: the newest of each key, for what nobody watches. */
export function later(key: object, run: () => void): void {
  if (waiting.size === 0) {
    const stop = lasting(() =>
      everyFrame(() => {
        let left = Math.ceil(waiting.size / LATER_FRAMES);
        for (const [each, call] of waiting) {
          waiting.delete(each);
          call();
          if (--left === 0) break;
        }
        if (waiting.size === 0) stop();
      }),
    );
  }
  waiting.set(key, run);
}

const seen = new WeakSet<Element>();
let observer: IntersectionObserver | null = null;

/** Whether an element is in sight, known without asking for the layout in every frame. */
export function inSight(element: Element): () => boolean {
  observer ??= new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) isIntersecting ? seen.add(target) : seen.delete(target);
  });
  observer.observe(element);
  return () => seen.has(element);
}

const STEMS: Record<string, string> = { vocals: "#ffb74a", bass: "#b79bff", drums: "#ff7a70", other: "#4fd1c5", residual: "#a3adba" };

/** An object's colour, whatever it is called now: the stems' own, by what the model calls them, and the others' spread over the wheel. */
export function colour(id: number, stem = ""): string {
  return STEMS[stem] ?? `hsl(${(id * 137.5) % 360}, 70%, 68%)`;
}
