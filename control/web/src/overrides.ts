/** Active solos, mutes, comparison and bypass, which are easily forgotten, each with the commands that end it. Pure. */

import type { SceneObject, Speaker, Value } from "./protocol";
import { shorten } from "./format";

export interface Override {
  text: string;
  send: [string, ...Value[]][];
}

/** The state from which the list is made. */
export interface Desk {
  objects: SceneObject[];
  speakers: Speaker[];
  is: (address: string) => boolean;
}

const GROUPS = 16;
const NAMED = 3;

export function overrides({ objects, speakers, is }: Desk): Override[] {
  const found: Override[] = [];
  const one = (address: string, text: string) => is(address) && found.push({ text, send: [[address, false]] });
  const all = (text: string, some: { name: string; label: string }[], address: (name: string) => string) => {
    const on = some.filter(({ name }) => is(address(name)));
    if (on.length) found.push({ text: `${text}: ${listed(on.map(({ label }) => label))}`, send: on.map(({ name }) => [address(name), false]) });
  };
  one("/scene/compare", "B: original recording");
  one("/separation/bypass", "Separation bypassed");
  one("/master/mute", "Master muted");
  for (const [what, text] of [["solo", "Solo"], ["mute", "Muted"]] as const) {
    all(text, objects, (name) => `/object/${name}/${what}`);
    all(`Loudspeakers, ${text.toLowerCase()}`, speakers.map(({ label }) => ({ name: label, label })), (label) => `/speaker/${label}/${what}`);
  }
  all("Muted groups", Array.from({ length: GROUPS }, (_, group) => ({ name: String(group + 1), label: String(group + 1) })), (group) => `/group/${group}/mute`);
  one("/monitor/mute", "Headphones muted");
  return found;
}

function listed(names: string[]): string {
  const shown = names.slice(0, NAMED).map((name) => shorten(name, 12));
  return names.length > NAMED ? `${shown.join(", ")} and ${names.length - NAMED} more` : shown.join(", ");
}
