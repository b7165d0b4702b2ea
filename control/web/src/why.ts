/** Why nothing, or not this object, is heard, and what mends it. */

import type { App } from "./app";
import { chainOf } from "./chain";
import { follow, h, inSight, lasting } from "./dom";
import { reason, type Step, steps } from "./silence";

const LOOK_MS = 500;

export function why(app: App): HTMLElement {
  const summary = h("summary", {}, "Looking…");
  const list = h("ol", { class: "steps" });
  const box = h("details", { class: "why" }, summary, list);
  const isSeen = inSight(box);
  let looked = -Infinity;
  let shown = "";
  const look = (now: number) => {
    if (!isSeen()) return;
    looked = now;
    const item = app.item;
    const chain = chainOf(app, item);
    const wrong = reason(chain);
    const text = wrong ? `${wrong.what}: ${wrong.text}` : `${item ? item.name : "Everything"} sounds`;
    if (summary.textContent !== text) summary.textContent = text;
    box.classList.toggle("wrong", wrong !== undefined);
    if (!box.open) return;
    const all = steps(chain);
    const state = JSON.stringify(all);
    if (state === shown) return; // a button that is about to be pressed stays
    shown = state;
    list.replaceChildren(...all.map((step) => row(app, step, step.what === wrong?.what)));
  };
  app.onLevels.join((now) => now - looked >= LOOK_MS && look(now));
  box.addEventListener("toggle", () => look(performance.now()));
  follow(() => {
    void app.selected.value;
    lasting(() => look(performance.now()));
  });
  return box;
}

function row(app: App, { what, good, text, cure }: Step, isFirst: boolean): HTMLElement {
  const { send, line } = cure ?? {};
  const mend = cure && send ? h("button", { type: "button" }, cure.text) : null;
  if (mend) mend.onclick = () => send?.forEach(([address, ...values]) => app.link.act(address, ...values));
  return h(
    "li",
    { class: `${good ? "good" : "bad"}${isFirst ? " first" : ""}` },
    h("b", {}, what),
    ` ${good ? "✓" : "✗"} ${text}`,
    mend,
    cure && line ? h("span", { class: "cure" }, `${cure.text}: `, h("code", {}, line)) : null,
  );
}
