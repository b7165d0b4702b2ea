/** Creates DOM elements, and runs code when signals change or once a frame. Text never becomes markup. */

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

/** Runs this now and whenever a signal that it reads changes. What it created in the last run is ended first. */
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

/** Creates something that is not ended when the surrounding `follow` runs again. */
export function detached<T>(make: () => T): T {
  return scoped(make)[0];
}

/** The same, with a function that ends it. */
export function scoped<T>(make: () => T): [T, () => void] {
  const outer = owner;
  const made: (() => void)[] = (owner = []);
  try {
    return [untracked(make), () => made.splice(0).forEach((end) => end())];
  } finally {
    owner = outer;
  }
}

/** A text node that follows signals. */
export function live(text: () => string): Text {
  const node = document.createTextNode("");
  follow(() => {
    node.data = text();
  });
  return node;
}

type Frame = (now: number) => void;

/** A set of callbacks; those added within a `follow` are removed when that ends. */
export class FrameCallbacks {
  private readonly calls = new Set<Frame>();

  get isEmpty(): boolean {
    return this.calls.size === 0;
  }

  /** Adds a callback; returns a function that removes it. */
  add(call: Frame): () => void {
    this.calls.add(call);
    const end = () => void this.calls.delete(call);
    owner?.push(end);
    return end;
  }

  call(now: number): void {
    for (const each of this.calls) each(now);
  }
}

const frames = new FrameCallbacks();
let running = false;

/** Calls this once a frame; returns a function that ends it. */
export function everyFrame(frame: Frame): () => void {
  const end = frames.add(frame);
  if (!running) {
    running = true;
    const run = (now: number) => {
      frames.call(now);
      running = !frames.isEmpty;
      if (running) requestAnimationFrame(run);
    };
    requestAnimationFrame(run);
  }
  return end;
}

const LATER_FRAMES = 32;
const waiting = new Map<object, () => void>();

/** Runs this within the next 32 frames, a few calls each frame; a newer call with the same key replaces it. */
export function later(key: object, run: () => void): void {
  if (waiting.size === 0) {
    const stop = detached(() =>
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

/** Returns a function that says whether an element is visible, without a layout query in every frame. */
export function watchVisible(element: Element): () => boolean {
  observer ??= new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) isIntersecting ? seen.add(target) : seen.delete(target);
  });
  observer.observe(element);
  return () => seen.has(element);
}

const STEMS: Record<string, string> = { vocals: "#ffb74a", bass: "#b79bff", drums: "#ff7a70", other: "#4fd1c5", residual: "#a3adba" };

/** The colour of an object: fixed for the stems of the model, and spread over the colour wheel for others. */
export function colour(id: number, stem = ""): string {
  return STEMS[stem] ?? `hsl(${(id * 137.5) % 360}, 70%, 68%)`;
}
