/** The page: top bar, tabs, and what is told when the link is not well. */

import { batch, signal } from "@preact/signals-core";
import { App } from "./app";
import { action } from "./controls";
import { everyFrame, follow, h, lasting, live } from "./dom";
import { mixer } from "./mixer";
import { connect, packets, speakers } from "./pages";
import { room } from "./room";
import { scenes } from "./scenes";
import { standing } from "./standing";
import { compare, master, stems } from "./stems";

const KEY = "stemfield.token";

/** The word is in the part of the address that browsers keep to themselves, or was given before. */
function givenToken(): string {
  const found = new URLSearchParams(location.hash.slice(1)).get("token") ?? new URLSearchParams(location.search).get("token");
  if (!found) return sessionStorage.getItem(KEY) ?? "";
  sessionStorage.setItem(KEY, found);
  history.replaceState(null, "", location.pathname);
  return found;
}

let token = givenToken();
const app = new App(token);
const tabs: [string, () => HTMLElement][] = [
  ["Play", () => h("div", { class: "play" }, room(app), h("div", { class: "side" }, stems(app), compare(app), master(app)))],
  ["Mixer", () => mixer(app)],
  ["Speakers", () => speakers(app)],
  ["Scenes", () => scenes(app)],
  ["Connect", () => connect(app, () => token)],
  ["Packets", () => packets(app)],
];
const open = signal("Play");
const built = new Map<string, HTMLElement>();

const main = h("main", {});
const nav = h(
  "nav",
  { role: "tablist", "aria-label": "Pages" },
  ...tabs.map(([name], index) => {
    const tab = h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `page-${name}` }, name);
    tab.onclick = () => {
      open.value = name;
      scrollTo(0, 0);
    };
    tab.onkeydown = (event) => {
      const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (!step) return;
      const [next] = tabs[(index + step + tabs.length) % tabs.length]!;
      open.value = next;
      document.getElementById(`tab-${next}`)?.focus();
    };
    follow(() => {
      tab.setAttribute("aria-selected", String(open.value === name));
      tab.tabIndex = open.value === name ? 0 : -1;
    });
    return tab;
  }),
);
for (const [name] of tabs) main.append(h("div", { role: "tabpanel", id: `page-${name}`, "aria-labelledby": `tab-${name}` }));
follow(() => {
  const name = open.value;
  for (const [each, make] of tabs) {
    const place = document.getElementById(`page-${each}`) ?? main.querySelector<HTMLElement>(`#page-${each}`)!;
    place.hidden = each !== name;
    if (each === name && !built.has(each)) built.set(each, place.appendChild(lasting(make)));
  }
  app.link.watchPackets(name === "Packets");
});

const osc = h("button", { type: "button", title: "Show the OSC address of every control" }, "OSC");
osc.onclick = () => (app.showsOsc.value = !app.showsOsc.value);
follow(() => {
  osc.setAttribute("aria-pressed", String(app.showsOsc.value));
  document.body.classList.toggle("osc", app.showsOsc.value);
});

const age = h("span", { class: "link", role: "status" });
const banner = h("div", { class: "banner", role: "alert", hidden: true });
let told = "";
everyFrame(() => {
  const state = app.link.state.value;
  const since = Math.floor((performance.now() - app.link.heardAt) / 1000);
  const text =
    state === "live"
      ? "live"
      : state === "connecting"
        ? "connecting"
        : state === "denied" || state === "refused"
          ? "not let in"
          : app.link.heardAt
            ? `no word for ${since} s`
            : "no daemon";
  if (text === told) return;
  told = text;
  age.textContent = text;
  age.title = state === "live" ? `the last change was taken up after ${app.link.answerMs.value.toFixed(0)} ms` : "";
  age.dataset.state = state;
});
const enter = h("form", { class: "token", hidden: true }, h("p", { class: "wrong", role: "alert" }, live(() => app.link.reason.value)), h("label", {}, "This daemon asks for its token (network.token) ", h("input", { type: "password", autocomplete: "current-password" })), h("button", { class: "primary" }, "Enter"));
enter.onsubmit = (event) => {
  event.preventDefault();
  token = enter.querySelector("input")!.value.trim();
  sessionStorage.setItem(KEY, token);
  app.link.state.value = "connecting";
  app.link.start(token);
};
follow(() => {
  const state = app.link.state.value;
  const away = state === "lost" || state === "stale";
  const refused = state === "refused" ? `The daemon does not let this page in: ${app.link.reason.value}` : "";
  banner.hidden = !away && !refused;
  banner.textContent = away ? "The daemon does not answer. What you see is how it was; trying again." : refused;
  enter.hidden = state !== "denied";
  document.body.classList.toggle("away", state !== "live");
  // What cannot be sent cannot be set.
  main.inert = state === "lost" || state === "denied" || state === "refused";
});
const stands = h("div", { class: "standing", role: "group", "aria-label": "What is turned on" });
follow(() => {
  const { store } = app;
  const all = standing({ objects: store.objects.value, speakers: store.hello.value?.room.speakers ?? [], is: (address) => store.is(address) });
  stands.replaceChildren(
    ...all.map(({ text, send }) => {
      const button = h("button", { type: "button", title: "Tap to end it", "aria-label": `${text}: end it` }, h("span", {}, text), h("span", { "aria-hidden": "true" }, "✕"));
      button.onclick = () => batch(() => send.forEach(([address, ...values]) => app.set(address, ...values)));
      return button;
    }),
  );
});
const again = action(app, "Bring it back", "/scene/undo");
again.addEventListener("click", () => (app.undoable.value = ""));
const undoable = h("div", { class: "toast", role: "status" }, live(() => app.undoable.value), again);
let offered = 0;
// It would take back whatever came last: the offer ends where a hand goes on to something else.
for (const begins of ["pointerdown", "keydown"])
  document.addEventListener(
    begins,
    ({ target }) => {
      if (!(target instanceof Node && undoable.contains(target))) app.undoable.value = "";
    },
    { capture: true },
  );
follow(() => {
  undoable.classList.toggle("on", app.undoable.value !== "");
  window.clearTimeout(offered);
  offered = window.setTimeout(() => (app.undoable.value = ""), 10_000);
});
const complaint = h("div", { class: "toast", role: "status" }, live(() => app.store.complaint.value));
let fading = 0;
follow(() => {
  complaint.classList.toggle("on", app.store.complaint.value !== "");
  window.clearTimeout(fading);
  fading = window.setTimeout(() => (app.store.complaint.value = ""), 5000);
});

document.getElementById("app")!.append(
  h(
    "header",
    {},
    h("h1", {}, "stemfield"),
    age,
    h("span", { class: "spacer" }),
    action(app, "Undo", "/scene/undo"),
    action(app, "Redo", "/scene/redo"),
    osc,
  ),
  nav,
  banner,
  enter,
  stands,
  main,
  undoable,
  complaint,
);
app.link.start();
