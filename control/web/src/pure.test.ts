import { describe, expect, it } from "vitest";
import { aed, angleBetween, dragged, moveWith, position, projected, snapped, wrapped, type Aed, type Surface, type View } from "./geometry";
import { spreadApart } from "./spread";
import { retryMs } from "./connection";
import { linkedLevel, toggleLink } from "./groups";
import { unpack } from "./protocol";
import { reason, steps, type Chain, type ObjectState } from "./silence";
import { Store } from "./store";
import { decibels, direction, distance, faderPosition, faderLevel, loudnessText, oscLine, describePosition } from "./format";

const close = (a: readonly number[], b: readonly number[], digits = 6) => a.forEach((v, i) => expect(v).toBeCloseTo(b[i]!, digits));

describe("geometry", () => {
  it("has the front ahead, left positive and up positive", () => {
    close(position([0, 0, 2]), [2, 0, 0]);
    close(position([90, 0, 2]), [0, 2, 0]);
    close(position([0, 90, 2]), [0, 0, 2]);
    close(projected([0, 1, 0], "top"), [-1, 0]);
    close(projected([1, 0, 0], "top"), [0, -1]);
    close(projected([0, 0, 1], "rear"), [0, -1]);
  });
  it("comes back from every place", () => {
    for (let azimuth = -175; azimuth <= 180; azimuth += 35)
      for (const elevation of [-80, -20, 0, 45, 85]) close(aed(position([azimuth, elevation, 1.5])), [azimuth, elevation, 1.5]);
  });
  it("puts an object under the finger, in every view and on both surfaces", () => {
    for (const view of ["top", "rear"] as View[])
      for (const surface of ["floor", "dome"] as Surface[])
        for (const start of [[30, 20, 1.5], [-120, -10, 2], [5, 0, 1]] as Aed[])
          for (const [right, down] of [[0.3, -0.4], [-0.6, 0.2]] as const) {
            const moved = dragged(start, right, down, view, surface);
            close(projected(position(moved), view), [right, down]);
            if (surface === "dome") expect(moved[2]).toBeCloseTo(start[2]);
            else if (view === "top") expect(moved[1]).toBeCloseTo(start[1]);
          }
  });
  it("keeps an object on the dome when the finger leaves it", () => close(dragged([0, 0, 1], -5, 0, "top", "dome"), [90, 0, 1]));
  it("wraps, snaps and measures", () => {
    expect([540, -190, 180, -180, 0].map(wrapped)).toEqual([180, 170, 180, 180, 0]);
    close(snapped([-178, 13, 0.04], 15, 0.1), [180, 15, 0.1]);
    expect(angleBetween([1, 0, 0], [0, 2, 0])).toBeCloseTo(90);
    expect(angleBetween([0, 0, 0], [0, 2, 0])).toBe(0);
  });
  it("moves companions by the difference, or as in a mirror", () => {
    close(moveWith([170, 80, 2], [0, 0, 1], [20, 20, 1.5], "together"), [-170, 90, 3]);
    close(moveWith([-30, 0, 2], [30, 0, 1], [50, 10, 1.5], "mirrored"), [-50, 10, 1.5]);
  });
});

describe("words", () => {
  it("says where things are", () => {
    expect(describePosition([30, 0, 1.5])).toBe("30° left, 1.5 m");
    expect(describePosition([-110.4, 20, 0.5])).toBe("110° right, 20° up, 50 cm");
    expect([0, 180, 90, -90].map((a) => direction(a))).toEqual(["in front", "behind", "left", "right"]);
    expect([direction(10, 90), direction(10, -90)]).toEqual(["overhead", "underneath"]);
    expect(distance(12)).toBe("12 m");
    expect([decibels(-120), decibels(3), decibels(-6.04)]).toEqual(["silent", "+3.0 dB", "−6.0 dB"]);
    expect([loudnessText(-120), loudnessText(-23), loudnessText(0.46)]).toEqual(["–", "−23.0", "0.5"]);
    expect(oscLine("/object/vocals/aed", [30, 0.123456, true, "a b"])).toBe('/object/vocals/aed 30 0.1235 1 "a b"');
  });
  it("has faders that come back", () => {
    for (const level of [-59, -30, -6, 0, 10]) expect(faderLevel(faderPosition(level, 10), 10)).toBeCloseTo(level);
    expect([faderLevel(0, 10), faderPosition(-120, 10), faderLevel(1, 10)]).toEqual([-120, 0, 10]);
  });
});

describe("telemetry", () => {
  it("is unpacked as it was packed", () => {
    const view = new DataView(new ArrayBuffer(8 + 2 * (8 + 2 + 3) + 3));
    [1, 1, 255, 25].forEach((v, i) => view.setUint8(i, v));
    view.setUint16(4, 515, true);
    view.setUint16(6, 1, true);
    [-10, -20, -30, -40, 0, 0, 0, 0, -105, -200, -60, -90, 15].forEach((v, i) => view.setInt16(8 + 2 * i, v, true));
    [127, 0, -127].forEach((v, i) => view.setInt8(34 + i, v));
    const found = unpack(view.buffer)!;
    expect([found.revision, found.playing, found.stemsShare, found.load]).toEqual([515, true, 1, 0.25]);
    close([...found.mixture], [-1, -2, -3, -4]);
    close([...found.objects], [-10.5, -20]);
    close([...found.speakers], [-6, -9, 1.5]);
    close([...found.heard], [1, 0, -1]);
  });
  it("is not taken from anything else", () => {
    for (const length of [0, 7, 9, 200]) expect(unpack(new ArrayBuffer(length))).toBeNull();
    expect(unpack(new Uint8Array([1, 0, 0, 0, 0, 0, 255, 255]).buffer)).toBeNull();
  });
});

describe("the store", () => {
  it("shows what was set until the daemon has taken it up, and then the truth", () => {
    const store = new Store();
    store.apply({ values: { "/a": [1] } });
    store.setPending("/a", [2], 5);
    store.apply({ values: { "/a": [1.5] }, done: 4 });
    expect(store.number("/a")).toBe(2);
    store.apply({ values: { "/a": [2] }, done: 5 });
    expect(store.number("/a")).toBe(2);
    store.setPending("/a", [99], 6); // refused: the daemon says nothing new
    store.apply({ done: 6 });
    expect(store.number("/a")).toBe(2);
  });
  it("forgets what was on its way when the link is new", () => {
    const store = new Store();
    store.setPending("/a", [2], 5);
    store.apply({ hello: {} as never, values: { "/a": [7] } });
    expect(store.number("/a")).toBe(7);
  });
  it("tells complaints", () => {
    const store = new Store();
    store.apply({ answers: [["/error", "/x", "unknown"]] });
    expect(store.message.value).toBe("/x: unknown");
  });
});

describe("the link", () => {
  it("is patient", () => expect([0, 1, 2, 9].map(retryMs)).toEqual([250, 500, 1000, 4000]));
});

describe("links of a group", () => {
  it("are words that come and go", () => {
    expect(toggleLink("position", "mute")).toBe("position, mute");
    expect(toggleLink("position, mute", "position")).toBe("mute");
    expect([toggleLink("", "width"), toggleLink("width", "width")]).toEqual(["width", ""]);
  });
  it("move levels by as many decibels, and meet at the end of the fader", () => {
    expect(linkedLevel(-10, 0, -6)).toBe(-16);
    expect(linkedLevel(18, 0, 6)).toBe(20);
    expect(linkedLevel(-55, 0, -20)).toBe(-60);
    expect(linkedLevel(-10, 0, -120)).toBe(-120);
    expect(linkedLevel(-120, -120, -8)).toBe(-8);
  });
});

describe("objects in one place", () => {
  it("are drawn apart, held ones where they are", () => {
    const spots = new Float64Array([0, -1, 0, -1, 0, -1, 0.5, 0]);
    const places = spreadApart(spots, (index) => index === 2);
    close([...places.subarray(4)], [0, -1, 0.5, 0]);
    expect(Math.hypot(places[0]! - places[2]!, places[1]! - places[3]!)).toBeGreaterThan(0.15);
    for (const i of [0, 2]) expect(Math.hypot(places[i]!, places[i + 1]!)).toBeCloseTo(1);
    expect([...spreadApart(spots, () => true)]).toEqual([...spots]);
  });
});

describe("silence", () => {
  const speaker = { label: "M+030", isOff: false, level: -12, isConnected: true, sink: "system:playback_1" };
  const voice: ObjectState = { name: "vocals", isStem: true, ports: { all: [], open: [] }, input: -20, gainDb: 0, mute: false, solo: false, othersSolo: false, group: 2, groupMute: false, groupDb: 0, stem: "vocals", maskDb: 0, isPlayed: true, isChannel: false, home: [0, 0, 1] };
  const good: Chain = { role: "both", driver: "jack", connect: "jack_connect", client: "stemfield", mixturePorts: { all: ["mixture_L", "mixture_R"], open: [] }, sources: [], mixture: -10, model: "m", stemsShare: 1, problem: "", bypass: false, compare: false, masterDb: 0, masterMute: false, speakers: [speaker, { ...speaker, label: "M-030", sink: "system:playback_2" }], listens: false, headphones: false, object: voice };
  const broken = (change: Partial<Chain>, object: Partial<ObjectState> = {}) => reason({ ...good, ...change, object: { ...voice, ...object } });
  const each = (change: Partial<typeof speaker>) => good.speakers.map((one) => ({ ...one, ...change }));
  it("has nothing to say when it sounds", () => {
    expect(reason(good)).toBeUndefined();
    expect(steps(good).every((step) => step.good)).toBe(true);
  });
  it("names the first broken link", () => {
    const direct = { isStem: false, input: -100, ports: { all: ["guitar"], open: ["guitar"] } };
    const cases: [Partial<Chain>, Partial<ObjectState>, string][] = [
      [{ driver: "" }, { mute: true }, "JACK server"],
      [{ mixture: -90 }, {}, "connected, but silent"],
      [{ mixture: -90, mixturePorts: { all: ["mixture_L"], open: ["mixture_L"] } }, {}, "nothing is connected to mixture_L"],
      [{ mixture: -90, driver: "clock" }, {}, "no signal"],
      [{ stemsShare: 0, problem: "it crashed", speakers: each({ level: -120 }) }, {}, "it crashed"],
      [{}, { input: -100 }, "threshold"],
      [{}, direct, "nothing is connected to guitar"],
      [{}, { ...direct, ports: { all: ["guitar"], open: [] } }, "the source is silent"],
      [{ compare: true }, { mute: true }, "the original plays"],
      [{}, { mute: true }, "is muted"],
      [{}, { othersSolo: true }, "another object is soloed"],
      [{}, { gainDb: -120 }, "at −∞"],
      [{}, { groupMute: true }, "group 2 is muted"],
      [{}, { maskDb: -120 }, "at −∞"],
      [{}, { isPlayed: false }, "none plays it"],
      [{}, { isPlayed: false, isChannel: true }, "without outputs"],
      [{ masterMute: true }, {}, "is muted"],
      [{ speakers: each({ isOff: true }) }, {}, "all are muted"],
      [{ speakers: each({ level: -120 }) }, {}, "no signal"],
      [{ speakers: each({ isConnected: false }) }, {}, "no loudspeaker is connected"],
      [{ speakers: [{ ...speaker, isConnected: false }, good.speakers[1]!] }, {}, "M+030 is not connected"],
      [{ driver: "clock" }, {}, "without JACK"],
    ];
    for (const [chain, object, text] of cases) expect(broken(chain, object)?.text).toContain(text);
  });
  it("knows stems for a recording where another machine separates", () => {
    const here: Partial<Chain> = { role: "renderer", model: "", mixture: -10, stemsShare: 1, mixturePorts: { all: ["vocals_L", "vocals_R"], open: [] }, sources: ["player:out", "far:vocals_R"] };
    expect(broken(here)).toBeUndefined();
    expect(steps({ ...good, ...here }).every((step) => step.good)).toBe(true);
    expect(steps({ ...good, ...here }).map(({ what }) => what)).not.toContain("Recording");
    expect(broken({ ...here, mixture: -120 })?.text).toContain("the machine that separates");
    const open = broken({ ...here, stemsShare: 0, mixturePorts: { all: ["vocals_L", "vocals_R"], open: ["vocals_R"] } });
    expect(open?.text).toBe("nothing is connected to vocals_R");
    expect(open?.cure?.line).toBe("jack_connect far:vocals_R stemfield:vocals_R");
    expect(broken({ ...here, driver: "clock", mixture: -120 })?.text).toContain("JACK only");
  });
  it("knows stems for loudspeakers where they leave this machine", () => {
    const port = { ...speaker, label: "vocals_L", sink: "room:vocals_L" };
    const far: Partial<Chain> = { role: "separation", speakers: [port, { ...port, label: "vocals_R", sink: "room:vocals_R" }], masterMute: true, compare: true };
    expect(broken(far, { mute: true, isPlayed: false })).toBeUndefined();
    expect(steps({ ...good, ...far }).map(({ what }) => what)).toEqual(["Sound system", "Recording", "Separation", "vocals: input", "Output", "Connection"]);
    const open = broken({ ...far, speakers: far.speakers!.map((one) => ({ ...one, isConnected: false })) });
    expect(open?.text).toBe("no stem is connected");
    expect(open?.cure?.line).toBe("jack_connect stemfield:vocals_L room:vocals_L");
  });
  it("does not shut out who has the solo", () => expect(broken({}, { solo: true, othersSolo: true })).toBeUndefined());
  it("has nothing against loudspeakers that play nothing, or headphones alone", () => {
    expect(broken({ speakers: [speaker, { ...speaker, level: -120, isConnected: false }] })).toBeUndefined();
    expect(broken({ speakers: each({ isConnected: false }), headphones: true })).toBeUndefined();
  });
  it("names what is broken before what may rest, and nothing where this browser listens", () => {
    expect(broken({ driver: "clock" }, { input: -100 })?.text).toContain("without JACK");
    expect(broken({ driver: "clock", listens: true })).toBeUndefined();
    expect(broken({ driver: "clock", listens: true }, { input: -100, mute: true })?.text).toBe("is muted");
  });
  it("has a cure: a button that sends, or a line for a terminal", () => {
    expect(broken({}, { mute: true })?.cure?.send).toEqual([["/object/vocals/mute", false]]);
    expect(broken({}, { groupMute: true })?.cure?.send).toEqual([["/group/2/mute", false], ["/group/2/gain", 0]]);
    const line = (change: Partial<Chain>) => broken(change)?.cure?.line;
    expect(line({ speakers: each({ isConnected: false }) })).toBe("jack_connect stemfield:M+030 system:playback_1");
    expect(line({ mixture: -90, mixturePorts: { all: ["mixture_L"], open: ["mixture_L"] }, sources: ["It's a player:out"] })).toBe("jack_connect 'It'\\''s a player:out' stemfield:mixture_L");
  });
});
