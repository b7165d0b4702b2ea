import { describe, expect, it } from "vitest";
import type { SceneObject, Speaker } from "./protocol";
import { overrides } from "./overrides";

const objects = ["vocals", "bass", "drums", "other", "residual"].map((name, id): SceneObject => ({ id, name, label: name, kind: "stem", channels: 2, inputs: [] }));
const speakers = ["M+030", "M-030"].map((label, channel): Speaker => ({ label, azimuth: 0, elevation: 0, radius: 1, lfe: false, channel: channel + 1 }));
const found = (...on: string[]) => overrides({ objects, speakers, is: (address) => on.includes(address) });

describe("what stands", () => {
  it("is nothing where nothing is on", () => expect(found()).toEqual([]));
  it("is everything that is easily forgotten, each with what ends it", () => {
    const on = ["/scene/compare", "/separation/bypass", "/master/mute", "/monitor/mute", "/group/3/mute", "/object/bass/solo", "/object/vocals/mute", "/speaker/M+030/solo", "/speaker/M-030/mute"];
    const all = found(...on);
    expect(all).toHaveLength(on.length);
    expect(all.flatMap(({ send }) => send).sort()).toEqual(on.map((address) => [address, false]).sort());
  });
  it("names who it is, and how many more", () => {
    const all = objects.map(({ name }) => `/object/${name}/mute`);
    expect(found(all[0]!, all[2]!)[0]).toMatchObject({ text: "Muted: vocals, drums", send: [[all[0], false], [all[2], false]] });
    expect(found(...all)[0]!.text).toBe("Muted: vocals, bass, drums and 2 more");
    expect(found(...all)[0]!.send).toHaveLength(5);
  });
});
