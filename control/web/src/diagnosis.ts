/** Shows why there is no sound, or none of the chosen object, and how to fix it. */

import type { App } from "./app";
import { chainOf } from "./chain";
import { follow, h, watchVisible, detached } from "./dom";
import { reason, type Step, steps } from "./silence";

const CHECK_MS = 500;

export function diagnosis(app: App): HTMLElement {
  const summary = h("summary", {}, "Checking…");
  const list = h("ol", { class: "steps" });
  const box = h("details", { class: "why" }, summary, list);
  const isVisible = watchVisible(box);
  let checkedAt = -Infinity;
  let shown = "";
  const look = (now: number) => {
    if (!isVisible()) return;
    checkedAt = now;
    const item = app.item;
    const chain = chainOf(app, item);
    const wrong = reason(chain);
    const text = wrong ? `${wrong.what}: ${wrong.text}` : item ? `${item.name} plays` : "Everything plays";
    if (summary.textContent !== text) summary.textContent = text;
    box.classList.toggle("wrong", wrong !== undefined);
    if (!box.open) return;
    const all = steps(chain);
    const state = JSON.stringify(all);
    if (state === shown) return; // keeps buttons that are about to be pressed
    shown = state;
    list.replaceChildren(...all.map((step) => row(app, step, step.what === wrong?.what)));
  };
  app.onLevels.add((now) => now - checkedAt >= CHECK_MS && look(now));
  box.addEventListener("toggle", () => look(performance.now()));
  follow(() => {
    void app.selected.value;
    detached(() => look(performance.now()));
  });
  return box;
}

function row(app: App, { what, good, text, cure }: Step, isFirst: boolean): HTMLElement {
  const { send, line } = cure ?? {};
  const mend = cure && send ? h("button", { type: "button" }, cure.text) : null;
  if (mend) mend.onclick = () => send?.forEach(([address, ...values]) => app.connection.act(address, ...values));
  return h(
    "li",
    { class: `${good ? "good" : "bad"}${isFirst ? " first" : ""}` },
    h("b", {}, what),
    ` ${good ? "✓" : "✗"} ${text}`,
    mend,
    cure && line ? h("span", { class: "cure" }, `${cure.text}: `, h("code", {}, line)) : null,
  );
}
